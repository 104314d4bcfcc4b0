//! An open connection: messages, control frames, closing handshake (RFC 6455 §5–§7).
//!
//! | room | holds |
//! |---|---|
//! | `config` | bounds and habits, shared by many connections |
//! | `event` | messages, events, errors |
//! | `input` | the bytes that a read brought |
//! | `context` | what a thread lends to its connections |
//! | `receive` | input: from bytes to events |
//! | `frames` | messages passed on where they lie |
//! | `gather` | unfinished frames and messages |
//! | `compress` | permessage-deflate on the way in and out |
//! | `outbox` | what waits to be sent |
//! | `prepared` | a message encoded once for many connections |
//! | `closing` | the closing handshake |
//!
//! A turn of the driver: read into a buffer, [`Connection::handle_bytes`] until it gives `None`, answer events with
//! [`Connection::send`], then write what [`Connection::poll_transmit`] shows and say how much of it went with
//! [`Connection::handle_transmitted`]. Absent: the bound on what is queued by [`Connection::send`]; it is the driver's,
//! who sees [`Connection::queued_bytes`] and can stop reading.

mod closing;
mod compress;
mod config;
mod context;
mod event;
mod frames;
mod gather;
mod input;
mod outbox;
mod prepared;
mod receive;

use std::{fmt, sync::Arc};

use self::{
    closing::{Closing, State},
    compress::Windows,
    gather::Incoming,
    outbox::Outbox,
};
pub use self::{
    config::{Config, Role},
    context::{Compression, Context},
    event::{Event, Message, MessageKind, ProtocolError, SendError},
    frames::Frames,
    input::Input,
    outbox::Transmit,
    prepared::Prepared,
};
use crate::{
    deflate::Negotiated,
    frame::{CONTROL_BYTES_MAX, Header, Opcode},
};

/// One WebSocket connection after its opening handshake. At most 96 bytes; it owns no buffer while it is idle.
pub struct Connection {
    out: Outbox,
    incoming: Option<Box<Incoming>>,
    windows: Option<Box<Windows>>,
    closing: Option<Box<Closing>>,
    config: Arc<Config>,
    negotiated: Option<Negotiated>,
    role: Role,
    state: State,
    piecewise: bool,
    /// A message sent in pieces lacks its last one.
    sending_pieces: bool,
}

impl Connection {
    /// A connection whose handshake is done; `deflate` is what the handshake negotiated.
    #[must_use]
    pub fn new(role: Role, config: Arc<Config>, deflate: Option<Negotiated>) -> Self {
        Self {
            out: Outbox::default(),
            incoming: None,
            windows: None,
            closing: None,
            config,
            negotiated: deflate,
            role,
            state: State::Open,
            piecewise: false,
            sending_pieces: false,
        }
    }

    /// Which side this endpoint is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The bounds of this connection.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What waits to be sent, in bytes.
    #[inline]
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.out.queued_bytes()
    }

    /// Memory held for an unfinished message of the peer, in bytes.
    #[inline]
    #[must_use]
    pub fn unfinished_bytes(&self) -> usize {
        self.incoming.as_ref().map_or(0, |incoming| incoming.bytes())
    }

    /// Whether messages are reported in pieces as they arrive ([`Event::Piece`]), for who passes them on and must not
    /// gather them. Holds from the next message on. Text is validated and the bounds hold all the same.
    ///
    /// A frame is a piece, so that who sends each piece with [`Self::send_piece`] keeps the message's fragments. One over
    /// [`Config::piece_bytes_max`] comes in several pieces; a compressed message is gathered and is one.
    pub fn set_piecewise(&mut self, piecewise: bool) {
        self.piecewise = piecewise;
    }

    /// Whether messages are reported in pieces ([`Self::set_piecewise`]).
    #[inline]
    #[must_use]
    pub fn is_piecewise(&self) -> bool {
        self.piecewise
    }

    /// Queues a message.
    #[inline]
    pub fn send(&mut self, message: Message<'_>, context: &mut Context) -> Result<(), SendError> {
        self.send_bytes(message.kind(), message.as_bytes(), context)
    }

    /// As [`Self::send`], for text that the caller has as bytes: it must be UTF-8.
    #[inline]
    pub fn send_bytes(&mut self, kind: MessageKind, payload: &[u8], context: &mut Context) -> Result<(), SendError> {
        self.check_sending()?;
        self.push_message(kind, payload, context);
        Ok(())
    }

    /// Queues messages, one after the other, as [`Self::send_bytes`] would each: what many short ones cost apart from their bytes is
    /// paid once. `messages` is gone through twice.
    #[inline]
    pub fn send_each<'m>(
        &mut self,
        kind: MessageKind,
        messages: impl Iterator<Item = &'m [u8]> + Clone,
        context: &mut Context,
    ) -> Result<(), SendError> {
        self.check_sending()?;
        if self.role == Role::Client && self.negotiated.is_none() {
            self.out.push_each_masked(kind.opcode(), messages, context);
        } else {
            messages.for_each(|message| self.push_message(kind, message, context));
        }
        Ok(())
    }

    /// Queues one message that lies in several parts, which need not be joined first. Text must be UTF-8 as a whole.
    #[inline]
    pub fn send_parts<P: AsRef<[u8]>>(
        &mut self,
        kind: MessageKind,
        parts: &[P],
        context: &mut Context,
    ) -> Result<(), SendError> {
        self.check_sending()?;
        let payload_bytes: usize = parts.iter().map(|part| part.as_ref().len()).sum();
        if self.negotiated.is_some() && payload_bytes >= self.config.deflate_bytes_min {
            // A compressor wants its input in one piece.
            let mut joined = context.take_buffer();
            parts.iter().for_each(|part| joined.extend_from_slice(part.as_ref()));
            self.push_message(kind, &joined, context);
            context.recycle(joined);
        } else {
            let mask = self.mask_key(context);
            let header = Header { fin: true, rsv: 0, opcode: kind.opcode(), mask, payload_bytes: payload_bytes as u64 };
            self.out.push(header, parts, context);
        }
        Ok(())
    }

    /// Queues a message that was encoded before.
    #[inline]
    pub fn send_prepared(&mut self, message: &Prepared, context: &mut Context) -> Result<(), SendError> {
        self.check_sending()?;
        match (self.role, self.negotiated) {
            (Role::Server, None) => self.out.push_encoded(message.frame(), context),
            (Role::Server, Some(negotiated)) => self.push_prepared(message, negotiated, context),
            (Role::Client, _) => self.push_message(message.kind(), message.payload(), context),
        }
        Ok(())
    }

    /// Queues a part of a message as a frame; after the one that is `last` the message is whole. No other message can be sent
    /// in between. The kind is that of the first piece; text may be cut anywhere, and as a whole must be UTF-8.
    pub fn send_piece(
        &mut self,
        kind: MessageKind,
        piece: &[u8],
        last: bool,
        context: &mut Context,
    ) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        match self.sending_pieces {
            false if last => self.push_message(kind, piece, context),
            false => self.push_frame(kind.opcode(), false, 0, piece, context),
            true => self.push_frame(Opcode::Continuation, last, 0, piece, context),
        }
        self.sending_pieces = !last;
        Ok(())
    }

    /// Queues a Ping ahead of waiting messages, with a payload of at most 125 bytes. While
    /// [`Config::pongs_waiting_max`] Pings wait to be sent, another is left out.
    pub fn ping(&mut self, payload: &[u8], context: &mut Context) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        if payload.len() > CONTROL_BYTES_MAX {
            return Err(SendError::LongPing);
        }
        let mask = self.mask_key(context);
        self.out.push_ping(payload, mask, self.config.pongs_waiting_max, context);
        Ok(())
    }

    /// Queues a Pong that answers no Ping (§5.5.3: "unidirectional heartbeat"), of at most 125 bytes. It counts among the
    /// [`Config::pongs_waiting_max`] that wait.
    pub fn pong(&mut self, payload: &[u8], context: &mut Context) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        if payload.len() > CONTROL_BYTES_MAX {
            return Err(SendError::LongPing);
        }
        let mask = self.mask_key(context);
        self.out.push_pong(payload, mask, self.config.pongs_waiting_max, context);
        Ok(())
    }

    /// What to write next; `None` when nothing waits.
    #[inline]
    #[must_use]
    pub fn poll_transmit(&self) -> Option<Transmit<'_>> {
        self.out.transmit()
    }

    /// What [`Self::poll_transmit`] shows, if it lies in one piece, as it nearly always does.
    #[inline]
    #[must_use]
    pub fn transmit_single(&self) -> Option<&[u8]> {
        self.out.transmit_single()
    }

    /// The first `count` bytes of what [`Self::poll_transmit`] showed are written. When all are, the buffer goes back to
    /// the context.
    #[inline]
    pub fn handle_transmitted(&mut self, count: usize, context: &mut Context) {
        self.out.transmitted(count, context);
    }

    #[inline]
    fn check_sending(&self) -> Result<(), SendError> {
        match (self.is_open(), self.sending_pieces) {
            (true, false) => Ok(()),
            (true, true) => Err(SendError::Unfinished),
            _ => Err(SendError::Closing),
        }
    }

    #[inline]
    fn push_message(&mut self, kind: MessageKind, payload: &[u8], context: &mut Context) {
        match self.negotiated {
            Some(negotiated) if payload.len() >= self.config.deflate_bytes_min => {
                self.push_deflated(kind, payload, negotiated, context);
            }
            _ => self.push_frame(kind.opcode(), true, 0, payload, context),
        }
    }

    #[inline]
    fn push_frame(&mut self, opcode: Opcode, fin: bool, rsv: u8, payload: &[u8], context: &mut Context) {
        let header = Header { fin, rsv, opcode, mask: self.mask_key(context), payload_bytes: payload.len() as u64 };
        self.out.push(header, &[payload], context);
    }

    /// A fresh key for the next frame, if this side masks (§5.3).
    #[inline]
    fn mask_key(&self, context: &mut Context) -> Option<[u8; 4]> {
        match self.role {
            Role::Server => None,
            Role::Client => Some(context.mask_key()),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("state", &self.state)
            .field("queued_bytes", &self.queued_bytes())
            .field("unfinished_bytes", &self.unfinished_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_at_most_96_bytes() {
        assert!(size_of::<Connection>() <= 96, "{} bytes", size_of::<Connection>());
    }

    #[test]
    fn connections_move_between_threads_and_prepared_messages_are_shared() {
        fn check<T: Send>() -> usize {
            size_of::<T>()
        }
        fn check_shared<T: Send + Sync>() -> usize {
            size_of::<T>()
        }
        assert!(check::<Connection>() > 0 && check::<Context>() > 0);
        assert_eq!(check_shared::<Prepared>(), size_of::<usize>());
    }
}
