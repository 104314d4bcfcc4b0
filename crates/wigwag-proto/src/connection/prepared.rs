//! A message encoded once for many connections.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::{
    context::Context,
    event::{Message, MessageKind},
    outbox::push_frame,
};
use crate::frame::Header;

/// A message encoded once, to be appended to many connections (server role). Clones share the bytes.
///
/// Where the first connection that agreed on compression without context asks for it, the compressed form is made once as
/// well. A client masks each frame with a key of its own, so nothing is won there; it may send one all the same.
#[derive(Clone)]
pub struct Prepared(Arc<Encoded>);

struct Encoded {
    kind: MessageKind,
    frame: Box<[u8]>,
    header_bytes: usize,
    deflated: OnceLock<Deflated>,
}

/// The compressed form, or none where it would not be smaller.
struct Deflated {
    frame: Option<Box<[u8]>>,
    window_bits: u8,
}

impl Prepared {
    /// Encodes `message`.
    #[must_use]
    pub fn new(message: Message<'_>) -> Self {
        let payload = message.as_bytes();
        let frame = encode(message.kind(), 0, payload);
        let header_bytes = frame.len() - payload.len();
        Self(Arc::new(Encoded { kind: message.kind(), frame, header_bytes, deflated: OnceLock::new() }))
    }

    /// The payload as it was given.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.0.frame[self.0.header_bytes..]
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.0.kind
    }

    /// The uncompressed frame, as a server sends it.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.0.frame
    }

    /// The compressed frame for a peer that accepts a window of `window_bits`, if it is smaller than the other.
    pub(super) fn deflated_frame(&self, window_bits: u8, context: &mut Context) -> Option<&[u8]> {
        let deflated = self.0.deflated.get_or_init(|| self.deflate(window_bits, context));
        deflated.frame.as_deref().filter(|_| deflated.window_bits <= window_bits)
    }

    fn deflate(&self, window_bits: u8, context: &mut Context) -> Deflated {
        let window_bits = context.window_bits(window_bits);
        let deflated = context.deflate(self.payload(), window_bits);
        let smaller = deflated.len() < self.payload().len();
        let frame = smaller.then(|| encode(self.0.kind, Header::RSV1, &deflated));
        context.put_deflated(deflated);
        Deflated { frame, window_bits }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("kind", &self.kind()).field("bytes", &self.payload().len()).finish()
    }
}

fn encode(kind: MessageKind, rsv: u8, payload: &[u8]) -> Box<[u8]> {
    let mut frame = Vec::new();
    let header = Header { fin: true, rsv, opcode: kind.opcode(), mask: None, payload_bytes: payload.len() as u64 };
    push_frame(&mut frame, header, &[payload]);
    frame.into_boxed_slice()
}
