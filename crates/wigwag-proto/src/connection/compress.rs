//! permessage-deflate on the way in and out (RFC 7692 §7.2): which window a message goes through.
//!
//! Where a side forgets its window after each message, the compressor of the thread does the work and the connection
//! holds nothing. A connection that keeps windows has its own, made with the first message that needs one.

use super::{
    Connection, Role,
    context::Context,
    event::{MessageKind, ProtocolError},
    prepared::Prepared,
};
use crate::{
    deflate::{Deflater, InflateError, Inflater, Negotiated},
    frame::Header,
};

/// The windows of a connection that keeps them.
#[derive(Default)]
pub(super) struct Windows {
    deflater: Option<Deflater>,
    inflater: Option<Inflater>,
}

/// What one direction agreed on.
struct Direction {
    no_context_takeover: bool,
    window_bits: u8,
}

impl Connection {
    pub(super) fn push_deflated(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        negotiated: Negotiated,
        context: &mut Context,
    ) {
        let direction = sent_by(self.role, negotiated);
        if !direction.no_context_takeover {
            return self.push_through_own_window(kind, payload, direction.window_bits, context);
        }
        let deflated = context.deflate(payload, direction.window_bits);
        if deflated.len() < payload.len() {
            self.push_frame(kind.opcode(), true, Header::RSV1, &deflated, context);
        } else {
            self.push_frame(kind.opcode(), true, 0, payload, context);
        }
        context.put_deflated(deflated);
    }

    pub(super) fn push_prepared(&mut self, message: &Prepared, negotiated: Negotiated, context: &mut Context) {
        let direction = sent_by(self.role, negotiated);
        let deflates = direction.no_context_takeover && message.payload().len() >= self.config.deflate_bytes_min;
        // A window that is kept would need a compression of its own; uncompressed messages pass it by.
        let deflated = if deflates { message.deflated_frame(direction.window_bits, context) } else { None };
        self.out.push_encoded(deflated.unwrap_or(message.frame()), context);
    }

    /// A message of the peer, inflated within the bound.
    pub(super) fn inflate(&mut self, compressed: &[u8], context: &mut Context) -> Result<Vec<u8>, ProtocolError> {
        // A compressed frame passed the check of the reserved bits, so there is an agreement.
        let Some(negotiated) = self.negotiated else { return Err(ProtocolError::ReservedBits) };
        let direction = received_by(self.role, negotiated);
        let limit_bytes = self.config.message_bytes_max;
        let mut out = context.take_buffer();
        let result = if direction.no_context_takeover {
            context.inflate(compressed, limit_bytes, &mut out)
        } else {
            let windows = self.windows.get_or_insert_default();
            let inflater = windows.inflater.get_or_insert_with(|| Inflater::new(direction.window_bits));
            inflater.inflate(compressed, limit_bytes, &mut out)
        };
        match result {
            Ok(()) => Ok(out),
            Err(InflateError::TooBig) => Err(ProtocolError::MessageTooBig { limit_bytes }),
            Err(InflateError::Corrupt) => Err(ProtocolError::CorruptDeflate),
        }
    }

    /// Sends the compressed form whatever its size: the window has moved, and the peer's must move with it.
    fn push_through_own_window(&mut self, kind: MessageKind, payload: &[u8], window_bits: u8, context: &mut Context) {
        let windows = self.windows.get_or_insert_default();
        let deflater = windows.deflater.get_or_insert_with(|| context.new_deflater(window_bits));
        let mut deflated = context.take_deflated();
        deflater.compress(payload, &mut deflated);
        self.push_frame(kind.opcode(), true, Header::RSV1, &deflated, context);
        context.put_deflated(deflated);
    }
}

fn sent_by(role: Role, negotiated: Negotiated) -> Direction {
    match role {
        Role::Server => Direction {
            no_context_takeover: negotiated.server_no_context_takeover,
            window_bits: negotiated.server_max_window_bits,
        },
        Role::Client => Direction {
            no_context_takeover: negotiated.client_no_context_takeover,
            window_bits: negotiated.client_max_window_bits,
        },
    }
}

fn received_by(role: Role, negotiated: Negotiated) -> Direction {
    match role {
        Role::Server => sent_by(Role::Client, negotiated),
        Role::Client => sent_by(Role::Server, negotiated),
    }
}
