//! A server with a few services, and a client that sends bytes as they stand.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use wigwag_net::{Message, Refusal, Service, Socket};
use wigwag_server::{Builder, Endpoint, Handshake, RunningServer, Server};

/// Everything here happens at once or not at all; this only bounds a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Echo;

impl Service for Echo {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

/// Says what it was told when it was made.
pub(crate) struct Says(pub(crate) String);

impl Service for Says {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        socket.send(Message::Text(&self.0));
    }

    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}
}

pub(crate) fn builder() -> Builder {
    Server::builder()
        .workers(2)
        .route("/echo", Endpoint::new(Echo).protocols(["v2", "v1"]))
        .route("/rooms/{room}", |handshake: &Handshake<'_>| {
            Says(format!("{} {:?} {}", handshake.param("room"), handshake.query(), handshake.client()))
        })
        .route("/members", |handshake: &Handshake<'_>| match handshake.header("Authorization") {
            Some(_) => Ok(Echo),
            None => Err(Refusal {
                status: 401,
                label: "unauthorized",
                headers: vec![("WWW-Authenticate".to_owned(), "Bearer".to_owned())],
                body: "say who you are".to_owned(),
            }),
        })
        .default_route("echo")
}

pub(crate) fn start() -> (RunningServer, SocketAddr) {
    start_with(builder())
}

pub(crate) fn start_with(builder: Builder) -> (RunningServer, SocketAddr) {
    let server = builder.bind("127.0.0.1:0").unwrap().start().unwrap();
    let address = server.local_addrs()[0];
    (server, address)
}

/// One TCP connection and what was read of it.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    pub(crate) unread: Vec<u8>,
}

/// A response, its body included where it has a `Content-Length`.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(':')?;
            other.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.socket.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// A response to another method than HEAD.
    pub(crate) fn response(&mut self) -> Response {
        let mut response = self.head();
        let length = response.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        response.body = String::from_utf8(self.take(length)).unwrap();
        response
    }

    /// A response without its body.
    pub(crate) fn head(&mut self) -> Response {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read_more(), "ended in a head: {:?}", String::from_utf8_lossy(&self.unread));
        };
        let head = String::from_utf8(self.take(end)).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        Response { status, head, body: String::new() }
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.read_more(), "ended after {} of {count} bytes", self.unread.len());
        }
        self.unread.drain(..count).collect()
    }

    /// The payload of the next frame: unmasked, of at most 64 KiB.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        let length = match head[1] {
            126 => usize::from(u16::from_be_bytes(self.take(2).try_into().unwrap())),
            length => usize::from(length),
        };
        (head[0], self.take(length))
    }

    pub(crate) fn text(&mut self) -> String {
        let (opcode, payload) = self.frame();
        assert_eq!(opcode, 0x81, "a whole text");
        String::from_utf8(payload).unwrap()
    }

    /// Whether the other side ends the connection, orderly, without a further byte.
    pub(crate) fn is_ended(&mut self) -> bool {
        self.unread.is_empty() && !self.read_more()
    }

    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let count = self.socket.read(&mut buffer).unwrap();
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

/// A WebSocket request with further header lines.
pub(crate) fn handshake(path: &str, extra: &str) -> String {
    let host = if extra.to_ascii_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
    format!(
        "GET {path} HTTP/1.1\r\n{host}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n"
    )
}

/// A masked text frame of at most 125 bytes.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// Asks once on a connection of its own.
pub(crate) fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    Wire::connect(address).send(request).response()
}

/// A GET of this path, once.
pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

/// Waits for what another thread does.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}
