//! Input: from bytes to events (RFC 6455 §5, §6.2).
//!
//! Nearly every frame is a whole uncompressed message that lies in the input: [`Connection::handle_bytes`] deals with it
//! in place and leaves everything else to [`Connection::handle_frames`], which also finds what is wrong.

use std::borrow::Cow;

use super::{
    Connection, Role,
    closing::State,
    context::Context,
    event::{Event, MessageKind, ProtocolError},
    frames::count_while,
    gather::{Body, Frame, Unfinished},
    input::Input,
};
use crate::{
    close::CloseReason,
    frame::{CONTROL_BYTES_MAX, FIN, Header, LENGTH, LENGTH_16, MASKED, Opcode},
    mask, utf8,
};

impl Connection {
    /// Takes bytes from the front of `input` until there is an event, or none are left (`None`). What is unfinished then
    /// is kept. After the peer's Close, a failure or the end of the stream all input is discarded.
    #[inline]
    pub fn handle_bytes<'b>(&mut self, input: &mut Input<'b>, context: &mut Context) -> Option<Event<'b>> {
        if self.is_reading()
            && self.incoming.is_none()
            && let Some((kind, payload)) = self.take_whole_message(input)
        {
            return Some(match whole_message(kind, payload) {
                Ok(event) if self.piecewise => into_piece(event),
                Ok(event) => event,
                Err(error) => self.fail_on(error, input, context),
            });
        }
        if input.is_empty() { None } else { self.handle_frames(input, context) }
    }

    /// Whether [`Self::handle_bytes`] would give a message that lies in front of `input` as a whole, in one frame and not
    /// compressed, as nearly all do; or say that it is no UTF-8.
    #[inline]
    #[must_use]
    pub fn has_whole_message(&self, input: &Input<'_>) -> bool {
        self.takes_whole() && self.whole_frame(input.rest()).is_some()
    }

    /// The message in front of `input`, if it lies there as a whole, short, in one frame and not compressed, as most do; text
    /// is valid, and spared what makes a `str` of it. `None` where anything else lies there, also what breaks the
    /// protocol: nothing is taken then, and [`Self::handle_bytes`] says what it is.
    #[inline]
    pub fn take_short<'b>(&self, input: &mut Input<'b>) -> Option<(MessageKind, &'b [u8])> {
        if !self.takes_whole() {
            return None;
        }
        let frame = self.whole_frame(input.rest()).filter(|frame| frame.payload_bytes <= SHORT_BYTES_MAX)?;
        if !frame.unmask_if(&mut input.rest_mut()[..frame.bytes()], |_| true) {
            return None;
        }
        Some((frame.kind, &input.take(frame.bytes())[frame.header_bytes..]))
    }

    /// As [`Self::take_short`] whatever its length, one message after the other, as long as `judge` wants them; the first one that
    /// it does not want is not taken. How many were.
    #[inline]
    pub fn take_while(&self, input: &mut Input<'_>, mut judge: impl FnMut(MessageKind, &[u8]) -> bool) -> u64 {
        if !self.takes_whole() {
            return 0;
        }
        let bytes_max = self.frame_payload_bytes_max();
        let mut judged = Judged { input, bytes: 0 };
        let Judged { input, bytes: judged_bytes } = &mut judged;
        let (taken_bytes, messages) = count_while(input.rest_mut(), self.role, bytes_max, |frame, bytes| {
            *judged_bytes += frame.bytes();
            frame.unmask_if(bytes, |payload| judge(frame.kind, payload))
        });
        *judged_bytes = taken_bytes;
        messages
    }

    /// Takes messages from the front of `input` as long as each is the next one of `expected`, of one length of at most 125
    /// bytes (more does not compile); the first one that is not is not taken. How many were. Costs a comparison for each, so
    /// what is text must be known to be UTF-8. Only for clients, to whom messages come without a mask; a server gets none.
    #[inline]
    pub fn take_equal<const BYTES: usize>(
        &self,
        input: &mut Input<'_>,
        kind: MessageKind,
        expected: impl IntoIterator<Item = [u8; BYTES]>,
    ) -> u64 {
        const { assert!(BYTES <= CONTROL_BYTES_MAX, "the length of what is longer has another form") }
        if self.role == Role::Server || !self.takes_whole() || BYTES > self.frame_payload_bytes_max() {
            return 0;
        }
        let header = [FIN | kind.opcode() as u8, BYTES as u8];
        let (mut rest, mut taken) = (input.rest(), 0);
        for payload in expected {
            match rest.split_first_chunk().and_then(|(first, rest)| Some((first, rest.split_first_chunk()?))) {
                Some((first, (found, after))) if *first == header && *found == payload => rest = after,
                _ => break,
            }
            taken += 1;
        }
        input.take(taken * (header.len() + BYTES));
        taken as u64
    }

    /// Whether a message may be taken as it lies in the input.
    #[inline]
    fn takes_whole(&self) -> bool {
        self.is_reading() && self.incoming.is_none() && !self.piecewise
    }

    /// The payload of an uncompressed message in one frame, if that is what lies in front of `input`. Nothing is taken
    /// otherwise.
    #[inline]
    fn take_whole_message<'b>(&self, input: &mut Input<'b>) -> Option<(MessageKind, &'b [u8])> {
        let frame = self.whole_frame(input.rest())?;
        let bytes = input.take(frame.bytes());
        frame.exchange_mask(bytes);
        Some((frame.kind, &bytes[frame.header_bytes..]))
    }

    /// The uncompressed message in one frame that lies at the front of `bytes`, if one does: as a whole, and within the bounds.
    #[inline]
    pub(super) fn whole_frame(&self, bytes: &[u8]) -> Option<WholeFrame> {
        let frame = WholeFrame::parse(bytes, self.role)?;
        let fits = frame.payload_bytes <= self.frame_payload_bytes_max() && frame.bytes() <= bytes.len();
        fits.then_some(frame)
    }

    /// Longest message in one frame.
    #[inline]
    pub(super) fn frame_payload_bytes_max(&self) -> usize {
        self.config.message_bytes_max.min(self.config.frame_bytes_max)
    }

    /// Any frame, any part of one.
    #[inline(never)]
    fn handle_frames<'b>(&mut self, input: &mut Input<'b>, context: &mut Context) -> Option<Event<'b>> {
        while !input.is_empty() {
            if !self.is_reading() {
                input.discard();
                break;
            }
            match self.take_part(input, context) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(event),
                Err(error) => return Some(self.fail_on(error, input, context)),
            }
        }
        None
    }

    #[cold]
    fn fail_on<'b>(&mut self, error: ProtocolError, input: &mut Input<'b>, context: &mut Context) -> Event<'b> {
        input.discard();
        self.fail(error, context)
    }

    /// Takes a header, if one is due, and what is there of the payload: at least one byte of a non-empty input.
    fn take_part<'b>(
        &mut self,
        input: &mut Input<'b>,
        context: &mut Context,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let begun = self.incoming.as_mut().and_then(|incoming| incoming.frame.take());
        let mut frame = match begun {
            Some(frame) => frame,
            None => match self.take_header(input)? {
                Some(header) => self.begin_frame(&header)?,
                None => return Ok(None),
            },
        };
        let payload = frame.take_payload(input);
        let event = if frame.opcode.is_control() {
            self.take_control(&frame, payload, context)?
        } else {
            self.take_data(&frame, payload, context)?
        };
        if !frame.has_ended() {
            self.incoming.get_or_insert_default().frame = Some(frame);
        } else if self.incoming.as_ref().is_some_and(|incoming| incoming.is_idle()) {
            self.incoming = None;
        }
        Ok(event)
    }

    fn take_header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, ProtocolError> {
        if self.incoming.as_ref().is_none_or(|incoming| !incoming.is_in_header())
            && let Some((header, header_bytes)) = Header::parse(input.rest())?
        {
            input.take(header_bytes);
            return Ok(Some(header));
        }
        self.incoming.get_or_insert_default().take_header(input)
    }

    /// Judges a header at its place: mask, reserved bits, order, bounds. All of it before the payload arrives.
    fn begin_frame(&mut self, header: &Header) -> Result<Frame, ProtocolError> {
        match self.role {
            Role::Server if header.mask.is_none() => return Err(ProtocolError::Unmasked),
            Role::Client if header.mask.is_some() => return Err(ProtocolError::Masked),
            _ => {}
        }
        // RFC 7692 §6: RSV1 stands in the first frame of a compressed message, and nowhere else.
        let may_be_compressed = self.negotiated.is_some() && matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if !(header.rsv == 0 || header.rsv == Header::RSV1 && may_be_compressed) {
            return Err(ProtocolError::ReservedBits);
        }
        if !header.opcode.is_control() {
            self.begin_fragment(header)?;
        }
        Ok(Frame::new(header))
    }

    fn begin_fragment(&mut self, header: &Header) -> Result<(), ProtocolError> {
        let message = self.incoming.as_mut().and_then(|incoming| incoming.message.as_mut());
        match (header.opcode, &message) {
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ProtocolError::UnfinishedMessage),
            _ => {}
        }
        let config = &*self.config;
        let before = message.as_ref().map_or(0, |message| message.announced_bytes);
        let announced_bytes = before.saturating_add(header.payload_bytes);
        if header.payload_bytes > config.frame_bytes_max as u64 {
            return Err(ProtocolError::FrameTooBig { limit_bytes: config.frame_bytes_max });
        }
        if announced_bytes > config.message_bytes_max as u64 {
            return Err(ProtocolError::MessageTooBig { limit_bytes: config.message_bytes_max });
        }
        if let Some(message) = message {
            if message.fragments >= config.fragments_max {
                return Err(ProtocolError::TooManyFragments { limit: config.fragments_max });
            }
            message.fragments += 1;
            message.announced_bytes = announced_bytes;
        }
        Ok(())
    }

    fn take_control<'b>(
        &mut self,
        frame: &Frame,
        payload: &'b [u8],
        context: &mut Context,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let in_one = frame.has_ended() && payload.len() as u64 == frame.payload_bytes();
        let payload = if in_one {
            Cow::Borrowed(payload)
        } else {
            let gathered = &mut self.incoming.get_or_insert_default().control;
            gathered.extend_from_slice(payload);
            if !frame.has_ended() {
                return Ok(None);
            }
            Cow::Owned(std::mem::take(gathered))
        };
        Ok(Some(match frame.opcode {
            Opcode::Ping => {
                self.answer_ping(&payload, context);
                Event::Ping(payload)
            }
            Opcode::Close => self.peer_closed(CloseReason::parse(&payload)?, context),
            _ => Event::Pong(payload),
        }))
    }

    /// §5.5.2: "an endpoint MUST send a Pong frame in response", but nothing may follow our own Close.
    fn answer_ping(&mut self, payload: &[u8], context: &mut Context) {
        if self.state == State::Open {
            let mask = self.mask_key(context);
            self.out.push_pong(payload, mask, self.config.pongs_waiting_max, context);
        }
    }

    fn take_data<'b>(
        &mut self,
        frame: &Frame,
        payload: &'b [u8],
        context: &mut Context,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let kind = if frame.opcode == Opcode::Text { MessageKind::Text } else { MessageKind::Binary };
        let begun = self.incoming.as_ref().is_some_and(|incoming| incoming.message.is_some());
        let last = frame.fin && frame.has_ended();
        if last && !begun {
            return self.take_whole_frame(frame, kind, payload, context).map(Some);
        }
        let piecewise = self.piecewise;
        let incoming = self.incoming.get_or_insert_default();
        let message = incoming.message.get_or_insert_with(|| Unfinished::new(frame, kind, piecewise, context));
        let event =
            message.push(payload, frame, self.config.piece_bytes_max).map_err(|_| ProtocolError::InvalidUtf8)?;
        match incoming.message.take_if(|_| last) {
            Some(message) => Ok(event.or(self.finish_message(message, context)?)),
            None => Ok(event),
        }
    }

    /// A message in one frame that lies in the input.
    fn take_whole_frame<'b>(
        &mut self,
        frame: &Frame,
        kind: MessageKind,
        payload: &'b [u8],
        context: &mut Context,
    ) -> Result<Event<'b>, ProtocolError> {
        if frame.compressed {
            return self.inflate_message(kind, payload, context);
        }
        let event = whole_message(kind, payload)?;
        Ok(if self.piecewise { into_piece(event) } else { event })
    }

    fn finish_message(
        &mut self,
        message: Unfinished,
        context: &mut Context,
    ) -> Result<Option<Event<'static>>, ProtocolError> {
        Ok(Some(match message.body {
            Body::Text(text) => {
                let text = text.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
                Event::Text(Cow::Owned(text))
            }
            Body::Binary(bytes) => Event::Binary(Cow::Owned(bytes)),
            Body::Compressed(compressed) => {
                let event = self.inflate_message(message.kind, &compressed, context)?;
                context.recycle(compressed);
                event
            }
            Body::Pieces(_) => return Ok(None),
        }))
    }

    fn inflate_message(
        &mut self,
        kind: MessageKind,
        compressed: &[u8],
        context: &mut Context,
    ) -> Result<Event<'static>, ProtocolError> {
        let bytes = self.inflate(compressed, context)?;
        let event = match kind {
            MessageKind::Text => {
                let text = String::from_utf8(bytes).map_err(|_| ProtocolError::InvalidUtf8)?;
                Event::Text(Cow::Owned(text))
            }
            MessageKind::Binary => Event::Binary(Cow::Owned(bytes)),
        };
        Ok(if self.piecewise { into_piece(event) } else { event })
    }
}

#[inline]
fn whole_message(kind: MessageKind, payload: &[u8]) -> Result<Event<'_>, ProtocolError> {
    match kind {
        MessageKind::Text => match simdutf8::basic::from_utf8(payload) {
            Ok(text) => Ok(Event::Text(Cow::Borrowed(text))),
            Err(_) => Err(ProtocolError::InvalidUtf8),
        },
        MessageKind::Binary => Ok(Event::Binary(Cow::Borrowed(payload))),
    }
}

/// A message as its own only piece.
fn into_piece(event: Event<'_>) -> Event<'_> {
    let (kind, bytes) = match event {
        Event::Text(Cow::Borrowed(text)) => (MessageKind::Text, Cow::Borrowed(text.as_bytes())),
        Event::Text(Cow::Owned(text)) => (MessageKind::Text, Cow::Owned(text.into_bytes())),
        Event::Binary(bytes) => (MessageKind::Binary, bytes),
        other => return other,
    };
    Event::Piece { kind, bytes, first: true, last: true }
}

/// Takes at its end what was judged: also where the judge panicked, for it has heard those messages, and they are without their
/// masks.
struct Judged<'i, 'b> {
    input: &'i mut Input<'b>,
    bytes: usize,
}

impl Drop for Judged<'_, '_> {
    fn drop(&mut self) {
        self.input.take(self.bytes);
    }
}

/// Where the parts are of a frame that is an uncompressed message and short enough for one read.
pub(super) struct WholeFrame {
    pub(super) kind: MessageKind,
    pub(super) header_bytes: usize,
    pub(super) payload_bytes: usize,
    masked: bool,
}

impl WholeFrame {
    /// Reads the header of such a frame, as `receiver` may get it, from the front of `bytes`.
    #[inline]
    pub(super) fn parse(bytes: &[u8], receiver: Role) -> Option<Self> {
        let [first, second, ..] = *bytes else { return None };
        let kind = match first {
            FINAL_TEXT => MessageKind::Text,
            FINAL_BINARY => MessageKind::Binary,
            _ => return None,
        };
        let (payload_bytes, length_end) = match second & LENGTH {
            short @ 0..LENGTH_16 => (usize::from(short), 2),
            LENGTH_16 => match *bytes {
                [_, _, high, low, ..] if high != 0 || low >= LENGTH_16 => {
                    (usize::from(u16::from_be_bytes([high, low])), 4)
                }
                _ => return None,
            },
            _ => return None,
        };
        let masked = second & MASKED != 0;
        let header_bytes = if masked { length_end + 4 } else { length_end };
        (masked == (receiver == Role::Server)).then_some(Self { kind, header_bytes, payload_bytes, masked })
    }

    /// The length of the frame.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.header_bytes + self.payload_bytes
    }

    /// Unmasks the payload of this frame if it is valid and `judge` wants it; else it is left as it came.
    #[inline]
    fn unmask_if(&self, frame: &mut [u8], judge: impl FnOnce(&[u8]) -> bool) -> bool {
        self.exchange_mask(frame);
        let payload = &frame[self.header_bytes..];
        let is_wanted = (self.kind == MessageKind::Binary || utf8::is_valid(payload)) && judge(payload);
        if !is_wanted {
            self.exchange_mask(frame);
        }
        is_wanted
    }

    /// Masks the payload of this frame, or unmasks it, if it has a key.
    #[inline]
    fn exchange_mask(&self, frame: &mut [u8]) {
        if let Some((key, payload)) = self.masked_parts(frame) {
            mask::apply(payload, *key, 0);
        }
    }

    /// The key and the payload of this frame, if it is masked.
    #[inline]
    pub(super) fn masked_parts<'f>(&self, frame: &'f mut [u8]) -> Option<(&'f mut [u8; 4], &'f mut [u8])> {
        let (header, payload) = frame.split_at_mut(self.header_bytes);
        if self.masked { header.last_chunk_mut().map(|key| (key, payload)) } else { None }
    }
}

/// What is longer costs little more as a `str`, in bytes.
const SHORT_BYTES_MAX: usize = 127;
/// The first byte of a text message in one frame.
const FINAL_TEXT: u8 = FIN | Opcode::Text as u8;
/// The first byte of a binary message in one frame.
const FINAL_BINARY: u8 = FIN | Opcode::Binary as u8;
