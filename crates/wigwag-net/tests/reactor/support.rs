//! What the rooms share: a server with scripted services, and a client that writes its frames by hand.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use wigwag_net::{
    Accept, Acceptor, Closed, Limits, Listener, Message, Net, Peer, Refusal, Service, Socket, Timer, Transport,
    Verdict, metrics::WorkerMetrics, net::TlsSource,
};
use wigwag_proto::{
    Config, MessageKind,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};

/// What a test waits for comes within this time, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Workers on a port of their own.
pub(crate) struct Server {
    pub(crate) net: Net,
    pub(crate) address: SocketAddr,
    /// Connections that asked for no WebSocket.
    pub(crate) plain: mpsc::Receiver<Transport>,
}

/// Starts one worker; `judge` gives the verdict on a path.
pub(crate) fn serve(limits: Limits, judge: impl Fn(&str) -> Verdict + Send + Sync + 'static) -> Server {
    serve_with(1, limits, None, judge)
}

pub(crate) fn serve_with(
    workers: usize,
    limits: Limits,
    tls: Option<TlsSource>,
    judge: impl Fn(&str) -> Verdict + Send + Sync + 'static,
) -> Server {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    // Small buffers in the kernel, so that a peer that does not read is felt soon.
    socket2::SockRef::from(&socket).set_send_buffer_size(16 << 10).expect("a send buffer");
    let address = socket.local_addr().expect("a bound socket");
    let (plain_in, plain) = mpsc::channel();
    let acceptor = Arc::new(Judge { judge, plain: plain_in });
    let net = Net::start(workers, limits, vec![Listener { socket, tls }], acceptor).expect("workers");
    Server { net, address, plain }
}

/// One worker on which every connection gets a service from `factory`.
pub(crate) fn serve_each<S: Service>(limits: Limits, factory: impl Fn() -> S + Send + Sync + 'static) -> Server {
    serve(limits, move |_| accept(factory()))
}

impl Server {
    /// A counter, summed over the workers.
    pub(crate) fn sum(&self, counter: impl Fn(&WorkerMetrics) -> u64) -> u64 {
        self.net.handle().metrics().iter().map(|metrics| counter(metrics)).sum()
    }

    pub(crate) fn opened(&self) -> u64 {
        self.sum(|metrics| metrics.routes.iter().map(|route| route.opened.get()).sum())
    }

    pub(crate) fn closed(&self) -> u64 {
        self.sum(|metrics| metrics.routes.iter().map(|route| route.closed.get()).sum())
    }

    /// All that was counted has been counted down again.
    pub(crate) fn assert_empty(&self) {
        eventually("no connection is left", || self.net.handle().connections() == 0);
        assert_eq!(self.opened(), self.closed());
        assert_eq!(self.sum(|metrics| metrics.connections.get()), 0);
    }
}

struct Judge<F> {
    judge: F,
    plain: mpsc::Sender<Transport>,
}

impl<F: Fn(&str) -> Verdict + Send + Sync + 'static> Acceptor for Judge<F> {
    fn judge(&self, request: &Request<'_>, _: &Upgrade<'_>, _: &Peer) -> Verdict {
        (self.judge)(request.path())
    }

    fn http(&self, transport: Transport, _: Peer) {
        let _ = self.plain.send(transport);
    }
}

pub(crate) fn accept(service: impl Service) -> Verdict {
    accept_with(service, Config::default())
}

pub(crate) fn accept_with(service: impl Service, config: Config) -> Verdict {
    Verdict::Accept(Accept {
        service: Box::new(service),
        route: 0,
        config: Arc::new(config),
        deflate: DeflatePolicy::default(),
        protocol: None,
        headers: Vec::new(),
        permit: None,
        hold: None,
    })
}

pub(crate) fn refuse(status: u16, body: &str) -> Verdict {
    Verdict::Refuse(Refusal { status, label: "test", headers: Vec::new(), body: body.to_owned() })
}

pub(crate) struct Echo;

impl Service for Echo {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

/// A service written down callback by callback.
#[derive(Default)]
pub(crate) struct Script {
    open: Option<OnSocket>,
    message: Option<OnMessage>,
    piece: Option<OnPiece>,
    timer: Option<OnTimer>,
    writable: Option<OnSocket>,
    pong: Option<OnPong>,
    drain: Option<OnSocket>,
    close: Option<OnClose>,
}

type OnSocket = Box<dyn FnMut(&mut Socket<'_>) + Send>;
type OnMessage = Box<dyn FnMut(&mut Socket<'_>, Message<'_>) + Send>;
type OnPiece = Box<dyn FnMut(&[u8], bool, bool) + Send>;
type OnTimer = Box<dyn FnMut(&mut Socket<'_>, Timer) + Send>;
type OnPong = Box<dyn FnMut(&mut Socket<'_>, &[u8]) + Send>;
type OnClose = Box<dyn FnMut(&Closed) + Send>;

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn on_open(mut self, callback: impl FnMut(&mut Socket<'_>) + Send + 'static) -> Self {
        self.open = Some(Box::new(callback));
        self
    }

    pub(crate) fn on_message(mut self, callback: impl FnMut(&mut Socket<'_>, Message<'_>) + Send + 'static) -> Self {
        self.message = Some(Box::new(callback));
        self
    }

    pub(crate) fn on_piece(mut self, callback: impl FnMut(&[u8], bool, bool) + Send + 'static) -> Self {
        self.piece = Some(Box::new(callback));
        self
    }

    pub(crate) fn on_timer(mut self, callback: impl FnMut(&mut Socket<'_>, Timer) + Send + 'static) -> Self {
        self.timer = Some(Box::new(callback));
        self
    }

    pub(crate) fn on_writable(mut self, callback: impl FnMut(&mut Socket<'_>) + Send + 'static) -> Self {
        self.writable = Some(Box::new(callback));
        self
    }

    pub(crate) fn on_pong(mut self, callback: impl FnMut(&mut Socket<'_>, &[u8]) + Send + 'static) -> Self {
        self.pong = Some(Box::new(callback));
        self
    }

    pub(crate) fn on_drain(mut self, callback: impl FnMut(&mut Socket<'_>) + Send + 'static) -> Self {
        self.drain = Some(Box::new(callback));
        self
    }

    pub(crate) fn on_close(mut self, callback: impl FnMut(&Closed) + Send + 'static) -> Self {
        self.close = Some(Box::new(callback));
        self
    }

    /// Reports the end to a channel.
    pub(crate) fn closes_to(self, closes: &mpsc::Sender<Closed>) -> Self {
        let closes = closes.clone();
        self.on_close(move |closed| drop(closes.send(closed.clone())))
    }
}

impl Service for Script {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        if let Some(callback) = &mut self.open {
            callback(socket);
        }
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        match &mut self.message {
            Some(callback) => callback(socket, message),
            None => socket.send(message),
        }
    }

    fn on_piece(&mut self, _: &mut Socket<'_>, _: MessageKind, piece: &[u8], first: bool, last: bool) {
        if let Some(callback) = &mut self.piece {
            callback(piece, first, last);
        }
    }

    fn on_timer(&mut self, socket: &mut Socket<'_>, timer: Timer) {
        if let Some(callback) = &mut self.timer {
            callback(socket, timer);
        }
    }

    fn on_writable(&mut self, socket: &mut Socket<'_>) {
        if let Some(callback) = &mut self.writable {
            callback(socket);
        }
    }

    fn on_pong(&mut self, socket: &mut Socket<'_>, payload: &[u8]) {
        if let Some(callback) = &mut self.pong {
            callback(socket, payload);
        }
    }

    fn on_drain(&mut self, socket: &mut Socket<'_>) {
        match &mut self.drain {
            Some(callback) => callback(socket),
            None => socket.close(wigwag_net::CloseCode::GOING_AWAY, "the server is stopping"),
        }
    }

    fn on_close(&mut self, closed: &Closed) {
        if let Some(callback) = &mut self.close {
            callback(closed);
        }
    }
}

/// A client over a blocking stream.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

/// A frame from the server: opcode and payload.
pub(crate) type Frame = (u8, Vec<u8>);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::open(tcp(address), "/")
    }

    pub(crate) fn connect_to(address: SocketAddr, path: &str) -> Self {
        Self::open(tcp(address), path)
    }

    /// The stream ends in order: no reset.
    pub(crate) fn assert_end(&mut self) {
        let left = self.read_to_end().expect("an end without a reset");
        assert!(left.is_empty(), "bytes after the last frame: {left:?}");
    }
}

impl<S: Read + Write> Client<S> {
    /// Performs the opening handshake.
    pub(crate) fn open(stream: S, path: &str) -> Self {
        let mut client = Self { stream, read: Vec::new() };
        client.write(request(path).as_bytes());
        let head = client.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// Over a stream on which nothing was said yet.
    pub(crate) fn raw(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).expect("a head in ASCII");
            }
            self.fill();
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
        self.stream.flush().expect("the server reads");
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.write(&frame(TEXT, text.as_bytes()));
    }

    pub(crate) fn read_frame(&mut self) -> Frame {
        loop {
            if let Some((frame, length)) = parse(&self.read) {
                self.read.drain(..length);
                return frame;
            }
            self.fill();
        }
    }

    /// The next frame, which is text.
    pub(crate) fn read_text(&mut self) -> String {
        let (opcode, payload) = self.read_frame();
        assert_eq!(opcode, TEXT, "{}", String::from_utf8_lossy(&payload));
        String::from_utf8(payload).expect("text in UTF-8")
    }

    /// The code of the next frame, which is a Close.
    pub(crate) fn read_close(&mut self) -> u16 {
        let (opcode, payload) = self.read_frame();
        assert_eq!(opcode, CLOSE, "{}", String::from_utf8_lossy(&payload));
        payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
    }

    /// The code of the next Close; what comes before it is passed over.
    pub(crate) fn skip_to_close(&mut self) -> u16 {
        loop {
            if let (CLOSE, payload) = self.read_frame() {
                return payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            }
        }
    }

    pub(crate) fn send_close(&mut self, code: u16) {
        self.write(&frame(CLOSE, &code.to_be_bytes()));
    }

    pub(crate) fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.read);
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self) {
        let mut buffer = [0; 16 << 10];
        let count = self.stream.read(&mut buffer).expect("something to read");
        assert!(count > 0, "the stream has ended");
        self.read.extend_from_slice(&buffer[..count]);
    }
}

/// A connected socket with a small receive buffer and a deadline for reads.
pub(crate) fn tcp(address: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.set_recv_buffer_size(16 << 10).expect("a receive buffer");
    socket.connect(&address.into()).expect("a listening server");
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).expect("a TCP socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

pub(crate) fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A masked frame with FIN.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame_of(0x80 | opcode, payload)
}

/// A masked frame with this first byte.
pub(crate) fn frame_of(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        middle @ ..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The frame in front of `bytes`, if it is there as a whole, and its length.
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let [first, second, ..] = *bytes else { return None };
    let (header, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(header..header + length)?;
    Some(((first & 0x0f, payload.to_vec()), header + length))
}

/// Waits until `holds`.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// The next of a channel, within [`PATIENCE`].
pub(crate) fn next<T>(channel: &mpsc::Receiver<T>) -> T {
    channel.recv_timeout(PATIENCE).expect("something in time")
}
