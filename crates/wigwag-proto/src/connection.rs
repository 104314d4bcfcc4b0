//! An open connection: messages, control frames, closing handshake (RFC 6455 §5–§7).

use std::{
    borrow::Cow,
    io::IoSlice,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    close::{CloseCode, CloseReason},
    deflate::{Deflater, Inflater, Negotiated},
};

/// Which side of the connection this endpoint is: a client masks what it sends, a server does not (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Accepted the connection.
    Server,
    /// Opened the connection.
    Client,
}

/// Bounds and habits, shared by many connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// Largest message accepted, in bytes after inflation. Default: 1 MiB.
    pub message_bytes_max: usize,
    /// Largest frame accepted, in bytes on the wire. Default: `message_bytes_max`.
    pub frame_bytes_max: usize,
    /// Most frames in one message. Default: 131,072.
    pub fragments_max: u32,
    /// Pongs that wait while the peer does not read; beyond it only the newest is kept. Default: 16.
    pub pongs_waiting_max: usize,
    /// How long the closing handshake may take. Default: 5 s.
    pub close_timeout: Duration,
    /// Messages below this size are sent uncompressed, in bytes. Default: 256.
    pub deflate_bytes_min: usize,
}

/// A message as a service sees it and sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message (opcode 1).
    Text(&'a str),
    /// A binary message (opcode 2).
    Binary(&'a [u8]),
}

/// What a connection reports. Payloads are borrowed from the input where a frame lies there whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// A whole text message, valid UTF-8.
    Text(Cow<'b, str>),
    /// A whole binary message.
    Binary(Cow<'b, [u8]>),
    /// A Ping; its Pong is queued already.
    Ping(Cow<'b, [u8]>),
    /// A Pong.
    Pong(Cow<'b, [u8]>),
    /// The peer's Close; the answer is queued already.
    Close(CloseReason),
    /// The peer broke the protocol: a Close with the error's code is queued, later input is ignored.
    Failed(ProtocolError),
}

/// How a peer broke the protocol; [`ProtocolError::close_code`] is what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A message larger than its bound.
    #[error("message too big: the limit is {limit_bytes} bytes")]
    MessageTooBig {
        /// The bound.
        limit_bytes: usize,
    },
}

impl ProtocolError {
    /// The code of the Close frame that this error sends.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        unimplemented!()
    }
}

/// A command that came too late: the connection is closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closing")]
pub struct Closing;

/// Bytes that were read and not yet taken by the connection.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b mut [u8],
}

impl<'b> Input<'b> {
    /// All of `bytes` is input.
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes }
    }

    /// What is not yet taken.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.bytes
    }
}

/// What a thread lends to its connections: the time, mask keys, compressors without context, buffers.
pub struct Context {
    /// The time of this turn.
    pub now: Instant,
    mask_key: Box<dyn FnMut() -> [u8; 4] + Send>,
    deflater: Option<Deflater>,
    inflater: Option<Inflater>,
    buffers: Vec<Vec<u8>>,
}

/// A message encoded once, to be appended to many connections (server role).
pub struct Prepared {}

/// One WebSocket connection after its opening handshake.
pub struct Connection {}

impl Connection {
    /// A connection whose handshake is done; `deflate` is what the handshake negotiated.
    pub fn new(_role: Role, _config: Arc<Config>, _deflate: Option<Negotiated>) -> Self {
        unimplemented!()
    }
    /// Takes bytes from the front of `input` until there is an event, or none are left (`None`).
    pub fn handle_bytes<'b>(&mut self, _input: &mut Input<'b>, _context: &mut Context) -> Option<Event<'b>> {
        unimplemented!()
    }
    /// The slices to write next, in this order.
    pub fn poll_transmit(&self) -> Option<[IoSlice<'_>; 3]> {
        unimplemented!()
    }
}
