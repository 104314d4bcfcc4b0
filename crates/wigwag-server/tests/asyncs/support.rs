//! A bare reactor with one service for everyone, and a peer that blocks, with deadlines.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use tungstenite::{Message as Peers, WebSocket, protocol::CloseFrame};
use wigwag_net::{Accept, Acceptor, Limits, Listener, Net, Peer, Service, Transport, Verdict, net::TlsSource};
use wigwag_proto::{
    Config,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};

/// No step of a test takes this long; one that does has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

struct Everyone<S>(S, Arc<Config>);

impl<S: Service + Clone + Sync> Acceptor for Everyone<S> {
    fn judge(&self, _: &Request<'_>, _: &Upgrade<'_>, _: &Peer) -> Verdict {
        Verdict::Accept(Accept {
            service: Box::new(self.0.clone()),
            route: 0,
            config: self.1.clone(),
            deflate: DeflatePolicy::default(),
            protocol: None,
            headers: Vec::new(),
            permit: None,
            hold: None,
        })
    }

    fn http(&self, _: Transport, _: Peer) {}
}

/// Starts one worker with this service.
pub(crate) fn serve(service: impl Service + Clone + Sync) -> (Net, SocketAddr) {
    serve_with(service, None)
}

/// As [`serve`], with TLS.
pub(crate) fn serve_with(service: impl Service + Clone + Sync, tls: Option<TlsSource>) -> (Net, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listeners = vec![Listener { socket, tls }];
    let config = Config { message_bytes_max: 8 << 20, ..Config::default() };
    let acceptor = Arc::new(Everyone(service, Arc::new(config)));
    (Net::start(1, Limits::default(), listeners, acceptor).unwrap(), address)
}

/// A peer of another implementation.
pub(crate) fn peer(address: SocketAddr) -> WebSocket<TcpStream> {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_write_timeout(Some(DEADLINE)).unwrap();
    tungstenite::client(format!("ws://{address}/"), socket).unwrap().0
}

pub(crate) fn text(text: impl Into<String>) -> Peers {
    Peers::text(text.into())
}

/// Reads on to the Close, answers it, and gives its code.
pub(crate) fn close_code(peer: &mut WebSocket<TcpStream>) -> u16 {
    loop {
        if let Peers::Close(frame) = peer.read().unwrap() {
            let _ = peer.flush();
            return frame.map_or(1005, |frame: CloseFrame| frame.code.into());
        }
    }
}
