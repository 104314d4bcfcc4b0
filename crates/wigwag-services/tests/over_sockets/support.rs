//! A server of one service and clients for it. Every wait has a deadline.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

pub(crate) use tungstenite::Message;
use tungstenite::{WebSocket, protocol::CloseFrame};
use wigwag_net::{Accept, Acceptor, DrainReport, Handle, Limits, Listener, Net, Peer, Service, Transport, Verdict};
use wigwag_proto::{
    Config,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};

/// No answer takes this long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Running {
    net: Net,
    address: SocketAddr,
}

impl Running {
    pub(crate) fn start(factory: impl Fn() -> Box<dyn Service> + Send + Sync + 'static) -> Self {
        Self::start_with(2, Limits::default(), factory)
    }

    pub(crate) fn start_with(
        workers: usize,
        limits: Limits,
        factory: impl Fn() -> Box<dyn Service> + Send + Sync + 'static,
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("bound");
        let acceptor = Factory { factory: Box::new(factory), config: Arc::default() };
        let listeners = vec![Listener { socket, tls: None }];
        let net = Net::start(workers, limits, listeners, Arc::new(acceptor)).expect("workers start");
        Self { net, address }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.net.handle()
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    pub(crate) fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).expect("the server listens");
        socket.set_read_timeout(Some(DEADLINE)).expect("a socket");
        socket.set_write_timeout(Some(DEADLINE)).expect("a socket");
        let (socket, _) = tungstenite::client(format!("ws://{}/", self.address), socket).expect("101");
        Client { socket }
    }

    pub(crate) fn drain(self) -> DrainReport {
        self.net.drain(DEADLINE)
    }
}

/// A connected client.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    pub(crate) fn send(&mut self, message: Message) {
        self.socket.send(message).expect("sent in time");
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.send(Message::text(text));
    }

    pub(crate) fn queue(&mut self, message: Message) {
        self.socket.write(message).expect("room");
    }

    pub(crate) fn flush(&mut self) {
        self.socket.flush().expect("sent in time");
    }

    /// The next text or binary message.
    pub(crate) fn read(&mut self) -> Message {
        loop {
            let message = self.socket.read().expect("an answer in time");
            if message.is_text() || message.is_binary() {
                return message;
            }
            assert!(!message.is_close(), "closed instead of answered: {message:?}");
        }
    }

    pub(crate) fn read_text(&mut self) -> String {
        match self.read() {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("text expected, not {other:?}"),
        }
    }

    pub(crate) fn read_texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.read_text()).collect()
    }

    /// The Close that comes next.
    pub(crate) fn read_close(&mut self) -> Option<CloseFrame> {
        match self.socket.read().expect("a Close in time") {
            Message::Close(frame) => frame,
            other => panic!("Close expected, not {other:?}"),
        }
    }

    /// Asserts that nothing is on its way: the answer to a Ping would come after it.
    pub(crate) fn expect_nothing(&mut self) {
        self.send(Message::Ping("nothing?".into()));
        let message = self.socket.read().expect("a Pong in time");
        assert!(message.is_pong(), "nothing was expected, not {message:?}");
    }
}

struct Factory {
    factory: Box<dyn Fn() -> Box<dyn Service> + Send + Sync>,
    config: Arc<Config>,
}

impl Acceptor for Factory {
    fn judge(&self, _: &Request<'_>, _: &Upgrade<'_>, _: &Peer) -> Verdict {
        Verdict::Accept(Accept {
            service: (self.factory)(),
            route: 0,
            config: self.config.clone(),
            deflate: DeflatePolicy::default(),
            protocol: None,
            headers: Vec::new(),
            permit: None,
            hold: None,
        })
    }

    fn http(&self, _: Transport, _: Peer) {}
}
