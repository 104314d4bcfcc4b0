//! One client connection: upgrade, then a fixed number of messages in flight, each answer checked.
//!
//! Non-blocking over mio, edge-triggered: a read shorter than the buffer means that the socket is drained.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::script::Script;

/// What all clients of a run share: where they connect, what they say, and the one buffer they read into.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) request: String,
    pub(crate) script: Script,
    pub(crate) buffer: Box<[u8]>,
}

pub(crate) struct Client {
    stream: TcpStream,
    state: State,
    /// Place in the script of the next message to be sent, and of the next answer to be heard.
    next_out: usize,
    next_in: usize,
    /// Frames begun but not wholly written: how many, and the bytes of them already out.
    unsent: usize,
    unsent_skip: usize,
    /// The beginning of an answer whose end has not come yet; empty (and unallocated) most of the time.
    partial: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Connecting,
    Upgrading,
    Open,
}

/// What came of one readiness event.
pub(crate) enum Progress {
    Nothing,
    Opened,
    Answered(usize),
}

impl Client {
    /// Starts to connect. `serial` picks the source address and the place in the script.
    pub(crate) fn connect(registry: &Registry, token: Token, serial: usize, shared: &Shared) -> Result<Self, String> {
        let start = || {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.set_tcp_nodelay(true)?;
            // Ports run out by address; loopback has sixteen million addresses.
            let source = Ipv4Addr::new(127, 0, 1, 1 + (serial % SOURCES) as u8);
            socket.bind(&SocketAddr::from((source, 0)).into())?;
            match socket.connect(&shared.address.into()) {
                Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {}
                other => other?,
            }
            let mut stream = TcpStream::from_std(socket.into());
            // Asking for both costs nothing under edge triggering: writability is only reported after a full buffer.
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        };
        let stream = start().map_err(|error: std::io::Error| format!("connect to {}: {error}", shared.address))?;
        let place = serial % shared.script.len();
        let state = State::Connecting;
        Ok(Self { stream, state, next_out: place, next_in: place, unsent: 0, unsent_skip: 0, partial: Vec::new() })
    }

    pub(crate) fn handle(&mut self, event: &Event, shared: &mut Shared) -> Result<Progress, String> {
        match self.state {
            State::Connecting => self.send_request(event, shared),
            State::Upgrading => self.read_response(shared),
            State::Open => {
                if self.unsent > 0 && event.is_writable() {
                    self.flush(&shared.script)?;
                }
                if event.is_readable() { self.read_answers(shared) } else { Ok(Progress::Nothing) }
            }
        }
    }

    /// Sends the next `count` messages of the script in one write.
    pub(crate) fn send(&mut self, count: usize, script: &Script) -> Result<(), String> {
        self.unsent += count;
        self.next_out = (self.next_out + count) % script.len();
        self.flush(script)
    }

    fn flush(&mut self, script: &Script) -> Result<(), String> {
        // In flight is never more than the script is long, so the unsent frames are one slice of it.
        let from = (self.next_out + script.len() - self.unsent % script.len()) % script.len();
        let bytes = &script.frames(from, self.unsent)[self.unsent_skip..];
        let written = match self.stream.write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(format!("write: {error}")),
        };
        if written == bytes.len() {
            (self.unsent, self.unsent_skip) = (0, 0);
        } else {
            let out = self.unsent_skip + written;
            self.unsent -= out / script.frame_bytes();
            self.unsent_skip = out % script.frame_bytes();
        }
        Ok(())
    }

    fn send_request(&mut self, event: &Event, shared: &Shared) -> Result<Progress, String> {
        if let Ok(Some(error)) = self.stream.take_error() {
            return Err(format!("connect to {}: {error}", shared.address));
        }
        if event.is_writable() {
            match self.stream.write(shared.request.as_bytes()) {
                Ok(n) if n == shared.request.len() => self.state = State::Upgrading,
                other => return Err(format!("write the upgrade request: {other:?}")),
            }
        }
        Ok(Progress::Nothing)
    }

    fn read_response(&mut self, shared: &mut Shared) -> Result<Progress, String> {
        let read = match self.read(&mut shared.buffer, 0)? {
            0 => return Ok(Progress::Nothing),
            read => read,
        };
        self.partial.extend_from_slice(&shared.buffer[..read]);
        if !self.partial.ends_with(b"\r\n\r\n") {
            return if self.partial.len() < RESPONSE_BYTES_MAX {
                Ok(Progress::Nothing)
            } else {
                Err("the answer to the upgrade request has no end".into())
            };
        }
        let head = String::from_utf8_lossy(&self.partial);
        if !head.starts_with("HTTP/1.1 101 ") || !head.contains(ACCEPT) {
            return Err(format!("the upgrade was refused: {head}"));
        }
        self.partial = Vec::new();
        self.state = State::Open;
        Ok(Progress::Opened)
    }

    fn read_answers(&mut self, shared: &mut Shared) -> Result<Progress, String> {
        let Shared { script, buffer, .. } = shared;
        let mut answers = 0;
        loop {
            let kept = self.partial.len();
            buffer[..kept].copy_from_slice(&self.partial);
            self.partial.clear();
            let read = self.read(buffer, kept)?;
            let mut input = &buffer[..kept + read];
            while let Some(used) = script.check(self.next_in, input)? {
                input = &input[used..];
                self.next_in = if self.next_in + 1 == script.len() { 0 } else { self.next_in + 1 };
                answers += 1;
            }
            self.partial.extend_from_slice(input);
            if kept + read < buffer.len() {
                return Ok(Progress::Answered(answers));
            }
        }
    }

    /// Reads after the `kept` first bytes of `buffer`; 0 when nothing is there.
    fn read(&mut self, buffer: &mut [u8], kept: usize) -> Result<usize, String> {
        match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => Err("the server closed a connection".into()),
            Ok(read) => Ok(read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(format!("read: {error}")),
        }
    }
}

/// The upgrade request: no extensions are offered, so nothing is compressed.
pub(crate) fn upgrade_request(address: SocketAddr, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// Key and accept value of RFC 6455 §1.3: a fixed pair spares the generator a SHA-1 per connection.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const RESPONSE_BYTES_MAX: usize = 16 << 10;
const SOURCES: usize = 250;
