//! What bystanders do, and what the server does about it.

use std::{
    io::{self, Read as _, Write as _},
    time::{Duration, Instant},
};

use wigwag_proto::{
    frame::{Header, Opcode},
    mask,
};

use super::bystander::Bystander;
use crate::plan::FaultKind;

/// What came of a fault.
#[derive(Debug)]
pub(super) struct Effect {
    /// Whether the server did what it may do.
    pub(super) is_right: bool,
    pub(super) text: String,
}

impl Effect {
    fn right(text: impl Into<String>) -> Self {
        Self { is_right: true, text: text.into() }
    }

    fn wrong(text: impl Into<String>) -> Self {
        Self { is_right: false, text: text.into() }
    }
}

/// Ends the stream in the middle of a frame.
pub(super) fn cut_frame(bystander: &mut Bystander) -> Effect {
    let whole = frame(Opcode::Text, 0, Some(KEY), &[b'x'; 100]);
    let sent = bystander.write_all(&whole[..whole.len() / 2]).and_then(|()| bystander.cut());
    if let Err(error) = sent {
        return Effect::right(format!("ended before: {}", error.kind()));
    }
    reaction(bystander, "the cut was not noticed")
}

/// Sends what the RFC forbids, a different thing each time.
pub(super) fn malform(bystander: &mut Bystander, number: usize) -> Effect {
    let bytes = match number % 7 {
        // §5.1: a client masks.
        0 => frame(Opcode::Text, 0, None, b"not masked"),
        // §5.2: reserved bits.
        1 => frame(Opcode::Text, 0b001, Some(KEY), b"reserved bit"),
        // §5.2: a reserved opcode.
        2 => vec![0x83, 0x80, 1, 2, 3, 4],
        // §5.5: control frames have at most 125 bytes.
        3 => frame(Opcode::Ping, 0, Some(KEY), &[0; 126]),
        // §5.4: nothing to continue.
        4 => frame(Opcode::Continuation, 0, Some(KEY), b"of nothing"),
        // §8.1: text is UTF-8.
        5 => frame(Opcode::Text, 0, Some(KEY), b"\xc3\x28"),
        // §7.4.2: no close code below 1000.
        _ => frame(Opcode::Close, 0, Some(KEY), &[0, 1]),
    };
    if let Err(error) = bystander.write_all(&bytes) {
        return Effect::right(format!("ended before: {}", error.kind()));
    }
    reaction(bystander, "the frame was accepted")
}

/// Reads up to the server's Close or the stream's end.
fn reaction(bystander: &mut Bystander, nothing: &str) -> Effect {
    let mut input = Vec::new();
    let mut buffer = [0; 4096];
    let deadline = Instant::now() + super::bystander::PATIENCE;
    while Instant::now() < deadline && input.len() < REACTION_BYTES_MAX {
        match bystander.read(&mut buffer) {
            Ok(0) => return Effect::right("ended without a Close"),
            Ok(count) => input.extend_from_slice(&buffer[..count]),
            Err(error) if is_waiting(&error) => break,
            Err(error) => return Effect::right(format!("ended: {}", error.kind())),
        }
        if let Some(code) = close_code(&mut input) {
            return Effect::right(format!("closed with {code}"));
        }
    }
    Effect::wrong(nothing)
}

/// A bystander whose harm lasts until the run's end.
pub(super) struct Held {
    kind: FaultKind,
    bystander: Bystander,
    since: Instant,
    /// Sent by a slow reader.
    sent: usize,
    is_held_up: bool,
}

impl Held {
    /// Sends and never reads.
    pub(super) fn slow(bystander: Bystander) -> Self {
        let now = Instant::now();
        let mut held = Self { kind: FaultKind::SlowReader, bystander, since: now, sent: 0, is_held_up: false };
        if held.bystander.set_patience(GLANCE).is_err() {
            held.is_held_up = true;
        }
        held
    }

    /// Sends a message and is not heard of again. The socket stays: the system would end it in order.
    pub(super) fn half_open(mut bystander: Bystander) -> Result<Self, Effect> {
        let message = frame(Opcode::Text, 0, Some(KEY), b"the last that is heard of me");
        if let Err(error) = bystander.write_all(&message).and_then(|()| bystander.set_patience(GLANCE)) {
            return Err(Effect::right(format!("ended before: {}", error.kind())));
        }
        let now = Instant::now();
        Ok(Self { kind: FaultKind::HalfOpen, bystander, since: now, sent: 0, is_held_up: false })
    }

    pub(super) fn kind(&self) -> FaultKind {
        self.kind
    }

    /// What came of it, if the server has ended it.
    pub(super) fn look(&mut self) -> Option<Effect> {
        match self.kind {
            FaultKind::SlowReader if self.is_held_up || self.sent >= SLOW_BYTES_MAX => None,
            FaultKind::SlowReader => {
                let message = frame(Opcode::Text, 0, Some(KEY), &[b'x'; SLOW_MESSAGE_BYTES]);
                match self.bystander.write(&message) {
                    // A part of a frame: what follows would not fit to it.
                    Ok(count) if count < message.len() => self.is_held_up = true,
                    Ok(count) => self.sent += count,
                    Err(error) if is_waiting(&error) => self.is_held_up = true,
                    Err(error) => return Some(Effect::right(format!("ended: {}", error.kind()))),
                }
                None
            }
            _ => {
                // Looking is not reading: what is taken here is thrown away, and no Pong goes out.
                let mut buffer = [0; 4096];
                match self.bystander.read(&mut buffer) {
                    Ok(0) => Some(Effect::right(format!("given up after {} s", self.since.elapsed().as_secs()))),
                    Ok(_) => None,
                    Err(error) if is_waiting(&error) => None,
                    Err(error) => Some(Effect::right(format!("ended: {}", error.kind()))),
                }
            }
        }
    }

    /// The run is over.
    pub(super) fn finish(self) -> (FaultKind, Effect) {
        let text = match self.kind {
            FaultKind::SlowReader if self.is_held_up => "held up: the server stopped reading",
            FaultKind::SlowReader => "all that it sent was taken",
            _ => "kept until the run's end",
        };
        (self.kind, Effect::right(text))
    }
}

fn is_waiting(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// The code of a Close among whole frames; frames before it are dropped.
fn close_code(input: &mut Vec<u8>) -> Option<u16> {
    loop {
        let Ok(Some((header, header_bytes))) = Header::parse(input) else { return None };
        let end = header_bytes + header.payload_bytes as usize;
        if input.len() < end {
            return None;
        }
        if header.opcode == Opcode::Close {
            let code = input[header_bytes..end].first_chunk().map(|code| u16::from_be_bytes(*code));
            return Some(code.unwrap_or(1005));
        }
        input.drain(..end);
    }
}

fn frame(opcode: Opcode, rsv: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Header { fin: true, rsv, opcode, mask: key, payload_bytes: payload.len() as u64 }.encode(&mut frame);
    let payload_at = frame.len();
    frame.extend_from_slice(payload);
    if let Some(key) = key {
        mask::apply(&mut frame[payload_at..], key, 0);
    }
    frame
}

const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
/// A server that says this much about a fault says nothing.
const REACTION_BYTES_MAX: usize = 1 << 20;
/// How long a look at a lasting fault may take.
const GLANCE: Duration = Duration::from_millis(1);
const SLOW_MESSAGE_BYTES: usize = 16 << 10;
/// A server that takes this much of a slow reader takes everything.
const SLOW_BYTES_MAX: usize = 16 << 20;
