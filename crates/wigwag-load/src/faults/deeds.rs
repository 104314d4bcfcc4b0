//! What bystanders do, and what the server does about it. Nothing here waits: a deed is done at once, and looked at until
//! its consequence was seen.

use std::{
    io::{self, Read as _, Write as _},
    time::{Duration, Instant},
};

use wigwag_proto::{
    frame::{Header, Opcode},
    mask,
};

use super::bystander::{Bystander, PATIENCE};
use crate::plan::FaultKind;

/// What came of a fault.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) judged: Judged,
    pub(super) text: String,
}

/// What a server's reaction means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It ended the connection, or held it up.
    Detected,
    /// It did neither, and need not: the fault was still there at the run's end.
    Borne,
    /// It did neither, and should have.
    Unnoticed,
}

impl Effect {
    fn detected(text: impl Into<String>) -> Self {
        Self { judged: Judged::Detected, text: text.into() }
    }

    fn borne(text: impl Into<String>) -> Self {
        Self { judged: Judged::Borne, text: text.into() }
    }

    fn unnoticed(text: impl Into<String>) -> Self {
        Self { judged: Judged::Unnoticed, text: text.into() }
    }
}

/// A bystander that has done its deed, and whose consequence is waited for.
pub(super) struct Held {
    kind: FaultKind,
    bystander: Bystander,
    since: Instant,
    deed: Deed,
}

enum Deed {
    /// Something forbidden was sent: the server is to end the connection. What it said so far, and what it means if it does not.
    Forbidden(Vec<u8>, &'static str),
    /// Sends and never reads.
    Slow(Slow),
    /// Is not heard of again.
    Silent(Vec<u8>),
}

impl Held {
    /// Does the deed.
    ///
    /// # Errors
    /// Where the server ended the connection before: then nothing was done to it.
    pub(super) fn begin(kind: FaultKind, mut bystander: Bystander, number: usize) -> io::Result<Self> {
        let deed = match kind {
            FaultKind::CutFrame => {
                let whole = frame(Opcode::Text, 0, Some(KEY), &[b'x'; 100]);
                bystander.write_all(&whole[..whole.len() / 2])?;
                bystander.cut()?;
                Deed::Forbidden(Vec::new(), "the cut was not noticed")
            }
            FaultKind::Malformed => {
                bystander.write_all(&malformed(number))?;
                Deed::Forbidden(Vec::new(), "the frame was accepted")
            }
            FaultKind::SlowReader => Deed::Slow(Slow::new()),
            FaultKind::HalfOpen => {
                bystander.write_all(&frame(Opcode::Text, 0, Some(KEY), b"the last that is heard of me"))?;
                Deed::Silent(Vec::new())
            }
        };
        bystander.never_wait()?;
        Ok(Self { kind, bystander, since: Instant::now(), deed })
    }

    pub(super) fn kind(&self) -> FaultKind {
        self.kind
    }

    /// What came of it, as soon as that is certain; `over` is for how long the run has been over.
    pub(super) fn look(&mut self, over: Option<Duration>) -> Option<Effect> {
        let bystander = &mut self.bystander;
        match &mut self.deed {
            Deed::Forbidden(input, nothing) => {
                let is_late = self.since.elapsed() >= PATIENCE;
                read(bystander, input).or_else(|| is_late.then(|| Effect::unnoticed(*nothing)))
            }
            Deed::Slow(slow) => slow.look(bystander, over),
            Deed::Silent(input) => match (bystander.failure(), over) {
                (Some(error), _) => Some(Effect::detected(format!("given up: {}", error.kind()))),
                (None, None) => None,
                // The harm is done, and reading brings to light whether the server has said goodbye.
                (None, Some(over)) => read(bystander, input)
                    .or_else(|| (over >= QUIET).then(|| Effect::borne("kept open until the run's end"))),
            },
        }
    }
}

/// A reader so slow that it reads nothing, and sends as long as the server takes it.
struct Slow {
    message: Vec<u8>,
    /// What of the message the server has taken.
    sent_of_message: usize,
    sent: usize,
    /// When it took something for the last time.
    taken: Instant,
    is_held_up: bool,
}

impl Slow {
    fn new() -> Self {
        let message = frame(Opcode::Text, 0, Some(KEY), &[b'x'; SLOW_MESSAGE_BYTES]);
        Self { message, sent_of_message: 0, sent: 0, taken: Instant::now(), is_held_up: false }
    }

    fn look(&mut self, bystander: &mut Bystander, over: Option<Duration>) -> Option<Effect> {
        if let Err(error) = self.send(bystander) {
            return Some(Effect::detected(format!("ended: {}", error.kind())));
        }
        let is_done = self.sent >= SLOW_BYTES_MAX;
        self.is_held_up |= !is_done && self.taken.elapsed() >= HELD_UP;
        match over {
            // It stays as it is: the harm lasts, and the server may still end it.
            None => None,
            Some(_) if self.is_held_up => Some(Effect::detected("held up: the server stopped reading")),
            Some(_) if is_done => {
                Some(Effect::borne(format!("all {} MiB that it sent were taken", SLOW_BYTES_MAX >> 20)))
            }
            // One who was held up just now is known a moment later.
            Some(over) if over < HELD_UP * 2 => None,
            Some(_) => Some(Effect::borne("what it sent was taken until the run's end")),
        }
    }

    /// Sends until the server takes no more.
    fn send(&mut self, bystander: &mut Bystander) -> io::Result<()> {
        if let Some(error) = bystander.failure() {
            return Err(error);
        }
        let most = SLOW_BYTES_MAX.min(self.sent + LOOK_BYTES_MAX);
        while self.sent < most {
            match bystander.write(&self.message[self.sent_of_message..]) {
                Ok(count) => {
                    self.sent += count;
                    self.sent_of_message = (self.sent_of_message + count) % self.message.len();
                    self.taken = Instant::now();
                }
                Err(error) if is_waiting(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What the RFC forbids, a different thing each time.
fn malformed(number: usize) -> Vec<u8> {
    match number % 7 {
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
    }
}

/// Reads what is there: `Some` once the server has said its Close, or the stream has ended.
fn read(bystander: &mut Bystander, input: &mut Vec<u8>) -> Option<Effect> {
    let mut buffer = [0; 4096];
    for _ in 0..READS_PER_LOOK {
        match bystander.read(&mut buffer) {
            Ok(0) => return Some(Effect::detected("ended without a Close")),
            Ok(count) => input.extend_from_slice(&buffer[..count]),
            Err(error) if is_waiting(&error) => break,
            Err(error) => return Some(Effect::detected(format!("ended: {}", error.kind()))),
        }
        if let Some(code) = close_code(input) {
            return Some(Effect::detected(format!("closed with {code}")));
        }
        if input.len() > REACTION_BYTES_MAX {
            return Some(Effect::unnoticed("it goes on with a message without end"));
        }
    }
    None
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
/// A frame of the server that is this long is no reaction.
const REACTION_BYTES_MAX: usize = 1 << 20;
/// Others wait while one is looked at.
const READS_PER_LOOK: usize = 64;
const SLOW_MESSAGE_BYTES: usize = 16 << 10;
/// A server that takes this much of a slow reader takes everything.
const SLOW_BYTES_MAX: usize = 16 << 20;
/// Others wait while one sends.
const LOOK_BYTES_MAX: usize = 1 << 20;
/// A server that takes nothing for so long has stopped reading.
const HELD_UP: Duration = Duration::from_millis(500);
/// After the run's end, a Close or an end that is under way arrives within this time.
const QUIET: Duration = Duration::from_millis(200);
