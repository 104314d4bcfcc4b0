//! What goes in and out of a connection by name: messages, events, errors.

use std::{borrow::Cow, fmt};

use crate::{
    close::{CloseCode, CloseReason, InvalidClose},
    frame::{FrameError, Opcode},
};

/// A message as a service sees it and sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message (opcode 1).
    Text(&'a str),
    /// A binary message (opcode 2).
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Whether it is text or binary.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
        }
    }

    /// The payload.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 (opcode 1).
    Text,
    /// Any bytes (opcode 2).
    Binary,
}

impl MessageKind {
    pub(super) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// What a connection reports. Payloads are borrowed from the input where a frame lies there whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// A whole text message, valid UTF-8.
    Text(Cow<'b, str>),
    /// A whole binary message.
    Binary(Cow<'b, [u8]>),
    /// A part of a message, in the piecewise mode alone. Text is valid UTF-8 as a whole; a piece may end inside a character.
    Piece {
        /// What the message is.
        kind: MessageKind,
        /// The part: a frame's payload, or a part of a large one's.
        bytes: Cow<'b, [u8]>,
        /// The message begins here.
        first: bool,
        /// The message ends here.
        last: bool,
    },
    /// A Ping; its Pong is queued already.
    Ping(Cow<'b, [u8]>),
    /// A Pong.
    Pong(Cow<'b, [u8]>),
    /// The peer's Close; the answer is queued already.
    Close(CloseReason),
    /// The peer broke the protocol: a Close with the error's code is queued, later input is ignored.
    Failed(ProtocolError),
    /// The stream ended, or the closing handshake ran out of time, before the peer's Close: what other APIs report as
    /// 1006. What is queued may still be sent after the end of the stream, for the peer may read on.
    Lost,
}

/// How a peer broke the protocol; [`ProtocolError::close_code`] is what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A header that no endpoint may send.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// §5.1: "a server MUST close the connection upon receiving a frame that is not masked".
    #[error("frame from a client without a mask")]
    Unmasked,
    /// §5.1: "a client MUST close a connection if it detects a masked frame".
    #[error("frame from a server with a mask")]
    Masked,
    /// §5.2: a reserved bit that no agreed extension gives a meaning, at this place.
    #[error("frame with a reserved bit that was not agreed")]
    ReservedBits,
    /// §5.4: a continuation frame where no message was begun.
    #[error("continuation frame without a message to continue")]
    UnexpectedContinuation,
    /// §5.4: a new message before the last fragment of the one before.
    #[error("new message inside an unfinished one")]
    UnfinishedMessage,
    /// §5.5.1, §7.4: a Close frame that says nothing valid.
    #[error(transparent)]
    InvalidClose(#[from] InvalidClose),
    /// §8.1: text that cannot become UTF-8.
    #[error("text that is not UTF-8")]
    InvalidUtf8,
    /// RFC 7692 §7.2.2: what was to be inflated is not DEFLATE data.
    #[error("compressed data is corrupt")]
    CorruptDeflate,
    /// A frame larger than its bound.
    #[error("frame too big: the limit is {}", Size(*limit_bytes))]
    FrameTooBig {
        /// The bound.
        limit_bytes: usize,
    },
    /// A message larger than its bound.
    #[error("message too big: the limit is {}", Size(*limit_bytes))]
    MessageTooBig {
        /// The bound.
        limit_bytes: usize,
    },
    /// A message in more fragments than the bound.
    #[error("message in too many fragments: the limit is {limit}")]
    TooManyFragments {
        /// The bound.
        limit: u32,
    },
}

impl ProtocolError {
    /// The code of the Close frame that this error sends (§7.4.1).
    ///
    /// Data that does not inflate is 1007, as text that is not UTF-8 is: "data within a message that was not consistent
    /// with the type of the message". The frames around it were in order, so 1002 would accuse the wrong layer.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CorruptDeflate | Self::InvalidClose(InvalidClose::Utf8) => {
                CloseCode::INVALID_PAYLOAD
            }
            Self::FrameTooBig { .. } | Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } => CloseCode::POLICY_VIOLATION,
            Self::Frame(_)
            | Self::Unmasked
            | Self::Masked
            | Self::ReservedBits
            | Self::UnexpectedContinuation
            | Self::UnfinishedMessage
            | Self::InvalidClose(_) => CloseCode::PROTOCOL_ERROR,
        }
    }
}

/// Why a command was not carried out. Nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The command came too late.
    #[error("the connection is closing")]
    Closing,
    /// A message sent in pieces has not had its last piece: a whole one cannot stand inside it (§5.4).
    #[error("a message in pieces is unfinished")]
    Unfinished,
    /// §5.5: a control frame carries at most 125 bytes.
    #[error("ping or pong over 125 bytes")]
    LongPing,
}

/// A number of bytes for people: in the largest unit that says it exactly.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.into_iter().find(|(shift, _)| self.0 != 0 && self.0.trailing_zeros() >= *shift) {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None if self.0 == 1 => f.write_str("1 byte"),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_said_for_people_and_fits_a_close_frame() {
        let said = |limit_bytes| ProtocolError::MessageTooBig { limit_bytes }.to_string();
        let cases = [
            (1 << 20, "1 MiB"),
            (64 << 10, "64 KiB"),
            (3 << 30, "3 GiB"),
            (1_000_000, "1000000 bytes"),
            (1 << 10, "1 KiB"),
            (1023, "1023 bytes"),
            (1, "1 byte"),
            (0, "0 bytes"),
        ];
        for (limit_bytes, words) in cases {
            assert_eq!(said(limit_bytes), format!("message too big: the limit is {words}"));
        }
        assert_eq!(
            ProtocolError::FrameTooBig { limit_bytes: 125 }.to_string(),
            "frame too big: the limit is 125 bytes"
        );
        // §5.5: a control frame has 125 bytes, two of which are the code's.
        assert!(said(usize::MAX).len() <= 123);
    }
}
