//! What the rooms share: a gateway, and peers that send and read frames as they stand.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use wigwag_gateway::{Failure, Gateway, RelayConfig, RelaySnapshot};
use wigwag_proto::handshake::{
    HeadLimits,
    server::{Request, Upgrade, write_accept},
};
use wigwag_server::{RunningServer, Server};

/// What a test waits for comes within this time, or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A gateway at work.
pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) server: RunningServer,
    pub(crate) address: SocketAddr,
}

/// Relays `/ws` to `/up` of this address.
pub(crate) fn rig(upstream: SocketAddr, config: RelayConfig) -> Rig {
    rig_to(&format!("ws://{upstream}/up"), config)
}

pub(crate) fn rig_to(upstream: &str, config: RelayConfig) -> Rig {
    let gateway = Gateway::new();
    let relay = gateway.relay("/ws", upstream.parse().expect("a URL"), config).expect("a relay");
    let server = Server::builder().workers(2).route("/ws", relay).default_route("ws");
    let server = server.bind("127.0.0.1:0").expect("a free port").start().expect("workers");
    let address = server.local_addrs()[0];
    Rig { gateway, server, address }
}

impl Rig {
    pub(crate) fn snapshot(&self) -> RelaySnapshot {
        self.gateway.snapshots().remove(0)
    }

    pub(crate) fn failures(&self, failure: Failure) -> u64 {
        self.snapshot().failures.iter().find(|(one, _)| *one == failure).map_or(0, |(_, count)| *count)
    }

    /// Nothing is left of any pair, on either side.
    pub(crate) fn assert_empty(&self) {
        eventually("no connection is left", || self.server.handle().connections() == 0);
        let snapshot = self.snapshot();
        assert_eq!((snapshot.connections, snapshot.upstream_connections, snapshot.holding), (0, 0, 0));
    }
}

/// An upstream that a test plays by hand.
pub(crate) struct Upstream {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"))
    }

    /// At an address where another has been.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        socket.set_reuse_address(true).expect("a socket");
        socket.set_recv_buffer_size(16 << 10).expect("a receive buffer");
        socket.bind(&address.into()).expect("a free port");
        socket.listen(128).expect("a bound socket");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("a bound socket");
        listener.set_nonblocking(true).expect("a socket");
        Self { listener, address }
    }

    /// A connection on which nothing was said yet.
    pub(crate) fn accept_raw(&self) -> Peer {
        self.accept_within(PATIENCE).expect("somebody connects")
    }

    /// The same, if somebody connects in time.
    pub(crate) fn accept_within(&self, patience: Duration) -> Option<Peer> {
        let deadline = Instant::now() + patience;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).expect("a socket");
                    return Some(Peer::new(stream, false));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if Instant::now() > deadline {
                        return None;
                    }
                    std::thread::park_timeout(Duration::from_millis(1));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// A connection and its request, not answered yet.
    pub(crate) fn accept_request(&self) -> (Peer, String) {
        let mut peer = self.accept_raw();
        let head = peer.read_head();
        (peer, head)
    }

    /// A connection whose handshake is done.
    pub(crate) fn accept(&self) -> Peer {
        let (mut peer, head) = self.accept_request();
        peer.write(&accepting(&head, None, ""));
        peer
    }

    /// Whether nobody has connected who was not accepted.
    pub(crate) fn is_left_alone(&self) -> bool {
        matches!(self.listener.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

/// The 101 to this request.
pub(crate) fn accepting(head: &str, protocol: Option<&str>, extra: &str) -> Vec<u8> {
    let request = Request::parse(head.as_bytes(), &HeadLimits::default()).expect("a head").expect("a whole head");
    let upgrade = Upgrade::from_request(&request).expect("a request for a WebSocket");
    let mut response = Vec::new();
    write_accept(&mut response, &upgrade, protocol, None, &[]).expect("an answer");
    let end = response.len() - 2;
    response.splice(end..end, extra.bytes());
    response
}

/// One end of a WebSocket, either role.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
    masks: bool,
}

/// The first byte of a frame and its payload.
pub(crate) type Frame = (u8, Vec<u8>);

impl Peer {
    fn new(stream: TcpStream, masks: bool) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        Self { stream, unread: Vec::new(), masks }
    }

    /// A client that has asked for `/ws` and was not answered yet.
    pub(crate) fn asking(gateway: SocketAddr, extra: &str) -> Self {
        Self::asking_for(gateway, "/ws", extra)
    }

    pub(crate) fn asking_for(gateway: SocketAddr, target: &str, extra: &str) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::for_address(gateway), socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        socket.set_recv_buffer_size(16 << 10).expect("a receive buffer");
        socket.connect(&gateway.into()).expect("a gateway");
        let mut peer = Self::new(TcpStream::from(socket), true);
        peer.write(request(target, extra).as_bytes());
        peer
    }

    /// A client whose handshake is done.
    pub(crate) fn open(gateway: SocketAddr) -> Self {
        let mut peer = Self::asking(gateway, "");
        peer.read_101();
        peer
    }

    pub(crate) fn read_101(&mut self) -> String {
        let head = self.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        head
    }

    pub(crate) fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                return String::from_utf8(self.unread.drain(..end + 4).collect()).expect("a head in ASCII");
            }
            assert!(self.fill(), "ended in a head: {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    /// A response to its end: status, head and body.
    pub(crate) fn read_refusal(&mut self) -> (u16, String, String) {
        let head = self.read_head();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        while self.fill() {}
        (status, head, String::from_utf8(std::mem::take(&mut self.unread)).expect("a body of text"))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("a peer that reads");
    }

    /// Sends a frame with this first byte.
    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = self.frame(first, payload);
        self.write(&frame);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.send(TEXT, text.as_bytes());
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, &close_payload(code, reason));
    }

    /// A frame as this role sends it.
    pub(crate) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        frame(self.masks, first, payload)
    }

    pub(crate) fn read(&mut self) -> Frame {
        loop {
            if let Some((first, payload, length)) = parse(&self.unread, !self.masks) {
                self.unread.drain(..length);
                return (first, payload);
            }
            assert!(self.fill(), "ended before a frame: {:x?}", &self.unread[..self.unread.len().min(50)]);
        }
    }

    /// The next frame, which is a whole text; Pings are passed over.
    pub(crate) fn read_text(&mut self) -> String {
        loop {
            let (first, payload) = self.read();
            if first != PING {
                assert_eq!(first, TEXT, "{}", String::from_utf8_lossy(&payload));
                return String::from_utf8(payload).expect("text in UTF-8");
            }
        }
    }

    /// The next frame, which is a Close; code 0 where it has none.
    pub(crate) fn read_close(&mut self) -> (u16, String) {
        let (first, payload) = self.read();
        assert_eq!(first, CLOSE, "{}", String::from_utf8_lossy(&payload));
        let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
        (code, String::from_utf8(payload.get(2..).unwrap_or_default().to_vec()).expect("a reason in UTF-8"))
    }

    /// The stream ends, in order or not, and nothing more is said.
    pub(crate) fn assert_end(&mut self) {
        while self.fill() {}
        assert!(self.unread.is_empty(), "bytes after the last frame: {:x?}", self.unread);
    }

    /// Whether nothing has come by now.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket");
        let got = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a socket");
        self.unread.is_empty() && matches!(got, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing in time: {error}"),
        }
    }
}

pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

pub(crate) fn request(target: &str, extra: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n"
    )
}

pub(crate) fn frame(masked: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let bit = if masked { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(bit | short as u8),
        middle @ ..0x1_0000 => {
            frame.push(bit | 126);
            frame.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            frame.push(bit | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    if masked {
        frame.extend_from_slice(&KEY);
        frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        frame.extend_from_slice(payload);
    }
    frame
}

/// The frame in front of `bytes`, if it is there as a whole: first byte, payload, length.
fn parse(bytes: &[u8], masked: bool) -> Option<(u8, Vec<u8>, usize)> {
    let [first, second, ..] = *bytes else { return None };
    assert_eq!(second & 0x80 != 0, masked, "clients mask, servers do not");
    let (mut at, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        short => (2, usize::from(short)),
    };
    let mut key = [0; 4];
    if masked {
        key = *bytes.get(at..)?.first_chunk()?;
        at += 4;
    }
    let payload = bytes.get(at..at + length)?;
    Some((first, payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect(), at + length))
}

/// A pair: the gateway, its upstream, and both ends.
pub(crate) fn pair(config: RelayConfig) -> (Rig, Upstream, Peer, Peer) {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, config);
    let mut client = Peer::asking(rig.address, "");
    let server = upstream.accept();
    client.read_101();
    (rig, upstream, client, server)
}

/// Waits for what another thread does.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}
