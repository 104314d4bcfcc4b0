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
        let (receiver, payload_bytes_max) = (self.role, self.frame_payload_bytes_max());
        let (taken, messages) = match receiver {
            Role::Server => judge_masked(input.rest_mut(), payload_bytes_max, context),
            Role::Client => judge_plain(input.rest_mut(), payload_bytes_max),
        };
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

/// How many bytes in front are masked messages to be passed on, and how many messages; they have new keys afterwards. This and
/// [`judge_plain`] have a loop each, for what it costs to look at a frame is most of what a short message costs.
#[inline(never)]
fn judge_masked(bytes: &mut [u8], payload_bytes_max: usize, context: &mut Context) -> (usize, u64) {
    count_while(bytes, Role::Server, payload_bytes_max, |frame, bytes| {
        let Some((key, payload)) = frame.masked_parts(bytes) else { return false };
        let old = std::mem::replace(key, context.mask_key());
        if payload.len() > SHORT_BYTES_MAX {
            return exchange_long(frame.kind, payload, old, *key);
        }
        mask::exchange(payload, old, *key) || frame.kind == MessageKind::Binary || exchange_rest(payload, old, *key)
    })
}

/// As [`judge_masked`], for messages without a mask.
#[inline(never)]
fn judge_plain(bytes: &mut [u8], payload_bytes_max: usize) -> (usize, u64) {
    count_while(bytes, Role::Client, payload_bytes_max, |frame, bytes| {
        frame.kind == MessageKind::Binary || utf8::is_valid(&bytes[frame.header_bytes..])
    })
}

/// How many bytes in front are whole messages that are `good`, and how many messages.
#[inline(always)]
pub(super) fn count_while(
    bytes: &mut [u8],
    receiver: Role,
    payload_bytes_max: usize,
    mut good: impl FnMut(&WholeFrame, &mut [u8]) -> bool,
) -> (usize, u64) {
    let all_bytes = bytes.len();
    let (mut rest, mut messages) = (bytes, 0);
    while let Some(frame) = WholeFrame::parse(rest, receiver)
        && frame.payload_bytes <= payload_bytes_max
        && let Some(bytes) = rest.get_mut(..frame.bytes())
        && good(&frame, bytes)
    {
        rest = &mut rest[frame.bytes()..];
        messages += 1;
    }
    (all_bytes - rest.len(), messages)
}

/// Exchanges the key of a message; `false` if it is text that is not UTF-8.
#[inline(never)]
fn exchange_long(kind: MessageKind, payload: &mut [u8], old: [u8; 4], new: [u8; 4]) -> bool {
    let mut judged = 0;
    for block in payload.chunks_mut(BLOCK_BYTES) {
        if !mask::exchange(block, old, new) && kind == MessageKind::Text {
            return exchange_rest(&mut payload[judged..], old, new);
        }
        judged += block.len();
    }
    true
}

/// Exchanges the key of text whose first block has its new key already and is not ASCII; whether it is UTF-8.
#[inline(never)]
fn exchange_rest(text: &mut [u8], old: [u8; 4], new: [u8; 4]) -> bool {
    let (block, rest) = text.split_at_mut(text.len().min(BLOCK_BYTES));
    mask::apply(block, new, 0);
    mask::apply(rest, old, 0);
    let valid = utf8::is_valid(text);
    mask::apply(text, new, 0);
    valid
}

/// How much text is taken for ASCII before a look at whether it is: a multiple of a key's length.
const BLOCK_BYTES: usize = 512;
/// Up to this length a payload is dealt with where its frame is looked at.
const SHORT_BYTES_MAX: usize = 63;
