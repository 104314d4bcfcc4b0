//! What a connection holds of frames and messages that have not arrived as a whole. Boxed: most connections have none.

use std::borrow::Cow;

use super::{
    context::Context,
    event::{Event, MessageKind, ProtocolError},
    input::Input,
};
use crate::{
    frame::{HEADER_BYTES_MAX, Header, Opcode},
    mask,
    utf8::{InvalidUtf8, Utf8Validator},
};

/// The unfinished things of a connection.
#[derive(Default)]
pub(super) struct Incoming {
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: usize,
    /// The frame whose payload has not arrived as a whole.
    pub(super) frame: Option<Frame>,
    /// What arrived of the payload of a control frame.
    pub(super) control: Vec<u8>,
    /// The message whose last frame has not arrived as a whole.
    pub(super) message: Option<Unfinished>,
}

impl Incoming {
    /// Nothing is unfinished.
    pub(super) fn is_idle(&self) -> bool {
        self.header_bytes == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Memory that grew with what the peer sent, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, Unfinished::bytes)
    }

    /// Takes what is missing of a header from the front of `input`.
    pub(super) fn take_header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, ProtocolError> {
        let before = self.header_bytes;
        let end = HEADER_BYTES_MAX.min(before + input.rest().len());
        self.header[before..end].copy_from_slice(&input.rest()[..end - before]);
        let parsed = Header::parse(&self.header[..end])?;
        let (header, taken_to) = parsed.map_or((None, end), |(header, header_bytes)| (Some(header), header_bytes));
        input.take(taken_to.saturating_sub(before));
        self.header_bytes = if header.is_some() { 0 } else { end };
        Ok(header)
    }

    /// A header is begun and not finished.
    pub(super) fn is_in_header(&self) -> bool {
        self.header_bytes > 0
    }
}

/// A frame whose payload is arriving.
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) compressed: bool,
    mask: Option<[u8; 4]>,
    taken: u64,
    left: u64,
}

impl Frame {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            fin: header.fin,
            opcode: header.opcode,
            compressed: header.rsv == Header::RSV1,
            mask: header.mask,
            taken: 0,
            left: header.payload_bytes,
        }
    }

    /// Takes what is there of the payload, unmasked.
    pub(super) fn take_payload<'b>(&mut self, input: &mut Input<'b>) -> &'b mut [u8] {
        let payload = input.take(usize::try_from(self.left).unwrap_or(usize::MAX));
        if let Some(key) = self.mask {
            // Only the offset modulo 4 matters, which a cast keeps.
            mask::apply(payload, key, self.taken as usize);
        }
        self.taken += payload.len() as u64;
        self.left -= payload.len() as u64;
        payload
    }

    pub(super) fn has_ended(&self) -> bool {
        self.left == 0
    }

    pub(super) fn payload_bytes(&self) -> u64 {
        self.taken + self.left
    }
}

/// A message whose last byte has not arrived.
pub(super) struct Unfinished {
    pub(super) kind: MessageKind,
    /// What its frames announced so far, in bytes on the wire.
    pub(super) announced_bytes: u64,
    pub(super) fragments: u32,
    pub(super) body: Body,
}

/// What is held of an unfinished message. It grows with what arrived, not with what was announced.
pub(super) enum Body {
    Text(Text),
    Binary(Vec<u8>),
    Compressed(Vec<u8>),
    /// Only the present frame: those before it were handed on.
    Pieces(Pieces),
}

impl Unfinished {
    pub(super) fn new(frame: &Frame, kind: MessageKind, piecewise: bool, context: &mut Context) -> Self {
        let body = match kind {
            _ if frame.compressed => Body::Compressed(context.take_buffer()),
            MessageKind::Text if piecewise => Body::Pieces(Pieces::new(Some(Utf8Validator::default()))),
            MessageKind::Binary if piecewise => Body::Pieces(Pieces::new(None)),
            MessageKind::Text => Body::Text(Text::new(context.take_buffer())),
            MessageKind::Binary => Body::Binary(context.take_buffer()),
        };
        Self { kind, announced_bytes: frame.payload_bytes(), fragments: 1, body }
    }

    /// Takes the next bytes of `frame`. Only a message in pieces has an event to report.
    pub(super) fn push<'b>(
        &mut self,
        bytes: &'b [u8],
        frame: &Frame,
        piece_bytes_max: usize,
    ) -> Result<Option<Event<'b>>, InvalidUtf8> {
        match &mut self.body {
            Body::Text(text) => text.push(bytes)?,
            Body::Binary(gathered) | Body::Compressed(gathered) => gathered.extend_from_slice(bytes),
            Body::Pieces(pieces) => return pieces.push(self.kind, bytes, frame, piece_bytes_max),
        }
        Ok(None)
    }

    fn bytes(&self) -> usize {
        match &self.body {
            Body::Text(text) => text.valid.capacity(),
            Body::Binary(bytes) | Body::Compressed(bytes) => bytes.capacity(),
            Body::Pieces(pieces) => pieces.gathered.capacity(),
        }
    }
}

/// A message handed on frame by frame.
pub(super) struct Pieces {
    utf8: Option<Utf8Validator>,
    /// What came of the present frame and was not handed on.
    gathered: Vec<u8>,
    reported: bool,
}

impl Pieces {
    fn new(utf8: Option<Utf8Validator>) -> Self {
        Self { utf8, gathered: Vec::new(), reported: false }
    }

    /// Text is judged as it comes, whatever is handed on when.
    fn push<'b>(
        &mut self,
        kind: MessageKind,
        bytes: &'b [u8],
        frame: &Frame,
        piece_bytes_max: usize,
    ) -> Result<Option<Event<'b>>, InvalidUtf8> {
        let last = frame.fin && frame.has_ended();
        if let Some(utf8) = &mut self.utf8 {
            utf8.push(bytes)?;
            if last {
                utf8.finish()?;
            }
        }
        let is_large = frame.payload_bytes() > piece_bytes_max as u64;
        let is_due = is_large && self.gathered.len() + bytes.len() >= LARGE_FRAME_PIECE_BYTES_MIN;
        if !frame.has_ended() && !is_due {
            self.gathered.extend_from_slice(bytes);
            return Ok(None);
        }
        let bytes = if self.gathered.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            self.gathered.extend_from_slice(bytes);
            Cow::Owned(std::mem::take(&mut self.gathered))
        };
        let first = !std::mem::replace(&mut self.reported, true);
        Ok(Some(Event::Piece { kind, bytes, first, last }))
    }
}

/// A large frame that drips in is handed on in pieces that are worth their headers.
const LARGE_FRAME_PIECE_BYTES_MIN: usize = 16 << 10;

/// Text gathered and validated as it comes: each byte is looked at once, and the whole needs no second look.
pub(super) struct Text {
    valid: String,
    /// The begin of a character whose rest has not come.
    pending: [u8; 3],
    pending_bytes: usize,
}

impl Text {
    fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { valid: String::from_utf8(buffer).unwrap_or_default(), pending: [0; 3], pending_bytes: 0 }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let piece = self.finish_character(piece)?;
        let (whole, unfinished) = piece.split_at(unfinished_character(piece));
        let whole = simdutf8::basic::from_utf8(whole).map_err(|_| InvalidUtf8)?;
        self.valid.push_str(whole);
        if !unfinished.is_empty() {
            check_unfinished(unfinished)?;
            self.pending[..unfinished.len()].copy_from_slice(unfinished);
            self.pending_bytes = unfinished.len();
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<String, InvalidUtf8> {
        if self.pending_bytes == 0 { Ok(self.valid) } else { Err(InvalidUtf8) }
    }

    /// Takes what the pending character lacks from the front of `piece` and gives the rest.
    fn finish_character<'p>(&mut self, mut piece: &'p [u8]) -> Result<&'p [u8], InvalidUtf8> {
        while self.pending_bytes > 0
            && let Some((byte, rest)) = piece.split_first()
        {
            let mut character = [0; 4];
            character[..self.pending_bytes].copy_from_slice(&self.pending[..self.pending_bytes]);
            character[self.pending_bytes] = *byte;
            let character = &character[..=self.pending_bytes];
            if let Ok(character) = std::str::from_utf8(character) {
                self.valid.push_str(character);
                self.pending_bytes = 0;
            } else {
                check_unfinished(character)?;
                *self.pending.get_mut(self.pending_bytes).ok_or(InvalidUtf8)? = *byte;
                self.pending_bytes += 1;
            }
            piece = rest;
        }
        Ok(piece)
    }
}

/// Where the character begins that `piece` cuts off at its end, if it looks like one; else the end.
fn unfinished_character(piece: &[u8]) -> usize {
    for (behind, byte) in piece.iter().rev().take(3).enumerate() {
        let character_bytes = match byte {
            0x00..=0x7f => break,
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
        };
        if character_bytes > behind + 1 {
            return piece.len() - (behind + 1);
        }
        break;
    }
    piece.len()
}

/// The bytes may become one character.
fn check_unfinished(bytes: &[u8]) -> Result<(), InvalidUtf8> {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() == 0 => Ok(()),
        _ => Err(InvalidUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gathers `bytes` cut into pieces of `size`; how far it came, and the text.
    fn gather(bytes: &[u8], size: usize) -> Result<String, InvalidUtf8> {
        let mut text = Text::new(Vec::new());
        for piece in bytes.chunks(size) {
            text.push(piece)?;
        }
        text.finish()
    }

    #[test]
    fn text_cut_anywhere_is_the_same_text() {
        let text = "κόσμε, 𝄞 and é: ￿ \u{10ffff} \0";
        for size in 1..text.len() {
            assert_eq!(gather(text.as_bytes(), size).as_deref(), Ok(text), "pieces of {size}");
        }
    }

    #[test]
    fn a_surrogate_fails_at_its_second_byte() {
        let mut text = Text::new(Vec::new());
        assert_eq!(text.push(b"\xed"), Ok(()));
        assert_eq!(text.push(b"\xa0"), Err(InvalidUtf8));
    }

    #[test]
    fn a_byte_that_begins_nothing_fails_at_once() {
        for byte in [0x80, 0xbf, 0xc0, 0xc1, 0xf5, 0xff] {
            assert_eq!(Text::new(Vec::new()).push(&[b'a', byte]), Err(InvalidUtf8), "{byte:#x}");
        }
    }

    #[test]
    fn every_cut_judges_as_the_whole_does() {
        let samples: [&[u8]; 6] =
            [b"a\xe2\x82", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"\xc3\x28", b"\xe2\x28\xa1", b"\xf8\x88\x80\x80\x80"];
        for sample in samples {
            for size in 1..=sample.len() {
                assert_eq!(gather(sample, size), Err(InvalidUtf8), "{sample:x?} in pieces of {size}");
            }
        }
    }
}
