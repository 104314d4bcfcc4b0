//! The least that a WebSocket server can be: `epoll-echo PORT [ALTER]`. One thread over mio, a frame goes back as it came,
//! a read is answered by one write. No limits, no UTF-8 check, no time-outs: a floor for servers, not an example.
//!
//! With ALTER, every ALTER-th message comes back with the byte in its middle changed, and a request without a WebSocket key is
//! answered with how many came and how many were changed.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use sha1_smol::Sha1;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().ok());
    let usage = || Error::new(ErrorKind::InvalidInput, "usage: epoll-echo PORT [ALTER]");
    let port = numbers.next().flatten().and_then(|port| u16::try_from(port).ok()).ok_or_else(usage)?;
    let alter_every = numbers.next().flatten().unwrap_or(0);
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS_PER_TURN);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut echo = Echo { buffer: vec![0; READ_BUFFER_BYTES], out: Vec::new(), received: 0, altered: 0, alter_every };
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                // Whoever was gone before it was accepted concerns nobody else.
                while let Ok((mut stream, _)) = listener.accept() {
                    let place = free.pop().unwrap_or(connections.len());
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(place), Interest::READABLE | Interest::WRITABLE)?;
                    let connection = Connection { stream, is_open: false, unread: Vec::new(), unsent: Vec::new() };
                    if place == connections.len() {
                        connections.push(None);
                    }
                    connections[place] = Some(connection);
                }
                continue;
            }
            let place = event.token().0;
            let Some(connection) = connections.get_mut(place).and_then(Option::as_mut) else { continue };
            if !echo.serve(connection).is_ok_and(|goes_on| goes_on) {
                connections[place] = None;
                free.push(place);
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    is_open: bool,
    /// The beginning of a request or frame; empty most of the time.
    unread: Vec<u8>,
    /// What the socket did not take. Nothing is read meanwhile.
    unsent: Vec<u8>,
}

/// What all connections share.
struct Echo {
    buffer: Vec<u8>,
    out: Vec<u8>,
    received: u64,
    altered: u64,
    alter_every: u64,
}

impl Echo {
    /// Reads and answers until the socket is drained or full; `false` at the connection's end.
    fn serve(&mut self, connection: &mut Connection) -> Result<bool> {
        if !connection.unsent.is_empty() {
            let waiting = std::mem::take(&mut connection.unsent);
            write(connection, &waiting)?;
        }
        while connection.unsent.is_empty() {
            let kept = connection.unread.len();
            if self.buffer.len() < 2 * kept {
                self.buffer.resize(4 * kept, 0);
            }
            self.buffer[..kept].copy_from_slice(&connection.unread);
            connection.unread.clear();
            let read = match connection.stream.read(&mut self.buffer[kept..]) {
                Ok(0) => return Ok(false),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            let (end, space) = (kept + read, self.buffer.len());
            let mut used = 0;
            let mut goes_on = true;
            if !connection.is_open {
                (used, goes_on) = self.open(connection, end);
            }
            while goes_on && connection.is_open {
                let Some((frame, is_close)) = self.frame(used, end) else { break };
                used += frame;
                goes_on = !is_close;
            }
            connection.unread.extend_from_slice(&self.buffer[used..end]);
            write(connection, &self.out)?;
            self.out.clear();
            if !goes_on {
                return Ok(false);
            }
            if end < space {
                return Ok(true);
            }
        }
        Ok(true)
    }

    /// Answers the request if it is there; how many bytes it had, and whether the connection goes on.
    fn open(&mut self, connection: &mut Connection, end: usize) -> (usize, bool) {
        let input = &self.buffer[..end];
        let Some(length) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
            return (0, end < REQUEST_BYTES_MAX);
        };
        let head = String::from_utf8_lossy(&input[..length]);
        let key = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
        });
        let Some(key) = key else {
            let body = format!("messages_received_total {}\nmessages_altered_total {}\n", self.received, self.altered);
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            self.out.extend_from_slice((head + &body).as_bytes());
            return (length + 4, false);
        };
        // RFC 6455 §4.2.2.
        let digest = Sha1::from(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest().bytes();
        let accept = base64::engine::general_purpose::STANDARD.encode(digest);
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
        self.out.extend_from_slice(format!("{head}{accept}\r\n\r\n").as_bytes());
        connection.is_open = true;
        (length + 4, true)
    }

    /// Answers the frame at `start`, if it is whole: how long it was, and whether it was a Close.
    fn frame(&mut self, start: usize, end: usize) -> Option<(usize, bool)> {
        let input = &mut self.buffer[start..end];
        let (first, second) = (*input.first()?, *input.get(1)?);
        let (length, mask_at): (usize, usize) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)).ok()?, 10),
            length => (usize::from(length), 2),
        };
        let payload_at = mask_at + 4;
        let whole = payload_at.checked_add(length)?;
        let mask: [u8; 4] = input.get(mask_at..payload_at)?.try_into().ok()?;
        let payload = input.get_mut(payload_at..whole)?;
        unmask(payload, mask);
        let opcode = first & 0x0f;
        match opcode {
            0..=2 => {
                self.received += 1;
                if self.alter_every > 0
                    && self.received.is_multiple_of(self.alter_every)
                    && let Some(byte) = payload.get_mut(length / 2)
                {
                    *byte ^= 1;
                    self.altered += 1;
                }
                self.out.push(first);
            }
            // A Ping goes back as a Pong, a Close as a Close; a Pong asks for nothing.
            9 => self.out.push(0x8a),
            8 => self.out.push(0x88),
            _ => return Some((whole, false)),
        }
        push_length(&mut self.out, length);
        self.out.extend_from_slice(payload);
        Some((whole, opcode == 8))
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    match length {
        0..126 => out.push(length as u8),
        126..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Writes what the socket takes and keeps the rest.
fn write(connection: &mut Connection, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let written = match connection.stream.write(bytes) {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    connection.unsent.extend_from_slice(&bytes[written..]);
    Ok(())
}

const LISTENER: Token = Token(usize::MAX);
const EVENTS_PER_TURN: usize = 1024;
const READ_BUFFER_BYTES: usize = 64 << 10;
const REQUEST_BYTES_MAX: usize = 16 << 10;
