//! Messages passed on where they lie: from what a read brought into what a write takes, without a copy between.
//!
//! A frame has the same length on both sides of a relay, for one side is a server's and the other a client's: what comes
//! masked goes on masked, with another key. So it is masked anew in its place, while it is judged, and several that lie one
//! behind another go on as one piece of memory.

use super::{
    Connection, Role,
    context::Context,
    event::{MessageKind, SendError},
    input::Input,
    receive::WholeFrame,
};
use crate::{mask, utf8};

/// Whole messages of one frame each, as they lie one behind another in what was read: uncompressed, within the bounds, and
/// valid if they are text. Never empty.
#[derive(Debug)]
pub struct Frames<'b> {
    bytes: &'b mut [u8],
    messages: u64,
    /// Who received them, and so whether there is a key in each header.
    receiver: Role,
    /// No payload is masked, whatever key its header has.
    plain: bool,
}

impl Frames<'_> {
    /// How many messages these are.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Kind and payload of each message, in order. Who only passes them on does without: their masks come off for it.
    pub fn iter(&mut self) -> impl Iterator<Item = (MessageKind, &[u8])> {
        if !self.plain {
            self.for_each_payload(|key, payload| mask::apply(payload, *key, 0));
            self.plain = true;
        }
        let (mut rest, receiver) = (&*self.bytes, self.receiver);
        std::iter::from_fn(move || {
            let frame = WholeFrame::parse(rest, receiver)?;
            let (bytes, others) = rest.split_at(frame.bytes());
            rest = others;
            Some((frame.kind, &bytes[frame.header_bytes..]))
        })
    }

    /// Lends each masked frame's key and payload.
    fn for_each_payload(&mut self, mut change: impl FnMut(&mut [u8; 4], &mut [u8])) {
        let mut rest = &mut *self.bytes;
        while let Some(frame) = WholeFrame::parse(rest, Role::Server) {
            let (bytes, others) = rest.split_at_mut(frame.bytes());
            rest = others;
            if let Some((key, payload)) = frame.masked_parts(bytes) {
                change(key, payload);
            }
        }
    }
}

impl<'b> Frames<'b> {
    /// The frames as the other side of a relay sends them.
    fn into_sent(mut self, context: &mut Context) -> &'b [u8] {
        if self.plain && self.receiver == Role::Server {
            self.for_each_payload(|key, payload| {
                *key = context.mask_key();
                mask::apply(payload, *key, 0);
            });
        }
        self.bytes
    }
}

impl Connection {
    /// Takes the whole messages that lie in front of `input`, one frame each: to be asked before [`Self::handle_bytes`] by who
    /// passes messages on. `None` where something else lies there, for `handle_bytes` to take, and outside of the piecewise
    /// mode ([`Self::set_piecewise`]).
    #[inline]
    pub fn take_frames<'b>(&mut self, input: &mut Input<'b>, context: &mut Context) -> Option<Frames<'b>> {
        if !self.piecewise || self.incoming.is_some() || !self.is_reading() {
            return None;
        }
        let (mut taken, mut messages) = (0, 0);
        while let Some(frame) = self.whole_frame(&input.rest()[taken..]) {
            if !judge(&frame, &mut input.rest_mut()[taken..taken + frame.bytes()], context) {
                break;
            }
            taken += frame.bytes();
            messages += 1;
        }
        let receiver = self.role;
        (messages > 0).then(|| Frames { bytes: input.take(taken), messages, receiver, plain: receiver == Role::Client })
    }

    /// Sends messages that another connection received. If nothing waits before them, `write` is offered their bytes first, and
    /// says how many of them it has written; what is left is queued.
    #[inline]
    pub fn send_frames(
        &mut self,
        mut frames: Frames<'_>,
        context: &mut Context,
        write: impl FnOnce(&[u8]) -> usize,
    ) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        if self.negotiated.is_some() || self.sending_pieces || self.role == frames.receiver {
            return frames.iter().try_for_each(|(kind, payload)| self.send_piece(kind, payload, true, context));
        }
        let bytes = frames.into_sent(context);
        let written = if self.queued_bytes() == 0 { write(bytes) } else { 0 };
        if written < bytes.len() {
            self.out.push_encoded(bytes, context);
            self.handle_transmitted(written, context);
        }
        Ok(())
    }
}

/// Whether a frame is to be passed on: not if it is text that is not UTF-8. If it is masked, it is with a new key afterwards.
#[inline]
fn judge(frame: &WholeFrame, bytes: &mut [u8], context: &mut Context) -> bool {
    let Some((key, payload)) = frame.masked_parts(bytes) else {
        return frame.kind == MessageKind::Binary || utf8::is_valid(&bytes[frame.header_bytes..]);
    };
    let old = std::mem::replace(key, context.mask_key());
    match frame.kind {
        MessageKind::Text => judge_masked(payload, old, *key),
        MessageKind::Binary => {
            mask::exchange(payload, old, *key);
            true
        }
    }
}

/// Exchanges the key of masked text; whether it is UTF-8.
#[inline]
fn judge_masked(text: &mut [u8], old: [u8; 4], new: [u8; 4]) -> bool {
    let mut judged = 0;
    for block in text.chunks_mut(BLOCK_BYTES) {
        if !mask::exchange(block, old, new) {
            return judge_rest(&mut text[judged..], old, new);
        }
        judged += block.len();
    }
    true
}

/// As [`judge_masked`], where the first block has its new key already and is not ASCII.
#[inline(never)]
fn judge_rest(text: &mut [u8], old: [u8; 4], new: [u8; 4]) -> bool {
    let (block, rest) = text.split_at_mut(text.len().min(BLOCK_BYTES));
    mask::apply(block, new, 0);
    mask::apply(rest, old, 0);
    let valid = utf8::is_valid(text);
    mask::apply(text, new, 0);
    valid
}

/// How much text is taken for ASCII before a look at whether it is: a multiple of a key's length.
const BLOCK_BYTES: usize = 512;
