//! What waits to be sent: a buffer of data frames in order, and beside it the few control frames that overtake them.
//!
//! Pings and Pongs go ahead of queued data, but only at a frame boundary. They wait in a queue of their own, so that a
//! flood of them moves no data; [`Outbox::transmit`] puts them in between. Close frames are data to the outbox, for they
//! never overtake.

use std::{io::IoSlice, mem};

use super::context::Context;
use crate::{
    frame::{HEADER_BYTES_MAX, Header, Opcode},
    mask,
};

/// Frames that wait to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    /// Encoded frames. Owned only while something waits; the buffer comes from the context and goes back there.
    data: Vec<u8>,
    /// How much of `data` is sent.
    sent: usize,
    /// The start of a frame in `data`, or its end. While control frames wait it is the first one at or after `sent`,
    /// where they go in; else it may lie behind `sent` and is only where the search for the next one starts.
    boundary: usize,
    control: Option<Box<Control>>,
}

/// The slices to write next, in this order; never empty.
#[derive(Debug)]
pub struct Transmit<'a> {
    slices: [IoSlice<'a>; 3],
    count: usize,
}

/// Pings and Pongs that wait.
#[derive(Default)]
struct Control {
    bytes: Vec<u8>,
    sent: usize,
    /// The start of the first frame that is not sent as a whole.
    boundary: usize,
    pongs: usize,
    pings: usize,
    /// The start of the last Pong, if `pongs` is not 0.
    last_pong: usize,
}

impl Outbox {
    /// Appends a frame whose payload lies in `parts`.
    #[inline]
    pub(super) fn push<P: AsRef<[u8]>>(&mut self, header: Header, parts: &[P], context: &mut Context) {
        push_frame(self.data(context), header, parts);
    }

    /// Appends messages, masked, into room that is made once: what many short ones cost is calls and checks, and not bytes.
    #[inline]
    pub(super) fn push_each_masked<'m>(
        &mut self,
        opcode: Opcode,
        messages: impl Iterator<Item = &'m [u8]> + Clone,
        context: &mut Context,
    ) {
        let header = |message: &[u8], key| {
            let payload_bytes = message.len() as u64;
            Header { fin: true, rsv: 0, opcode, mask: Some(key), payload_bytes }.to_bytes()
        };
        let out = self.data(context);
        let start = out.len();
        let bytes: usize = messages.clone().map(|message| header(message, [0; 4]).1 + message.len()).sum();
        out.resize(start + bytes, 0);
        let mut room = &mut out[start..];
        for message in messages {
            let key = context.mask_key();
            let (head, head_bytes) = header(message, key);
            let (frame, rest) = room.split_at_mut(head_bytes + message.len());
            let (to_head, payload) = frame.split_at_mut(head_bytes);
            to_head.copy_from_slice(&head[..head_bytes]);
            payload.copy_from_slice(message);
            mask::apply(payload, key, 0);
            room = rest;
        }
    }

    /// Appends frames that are encoded already.
    #[inline]
    pub(super) fn push_encoded(&mut self, frames: &[u8], context: &mut Context) {
        self.data(context).extend_from_slice(frames);
    }

    /// Puts a Pong ahead of the data. With `waiting_max` of them waiting it replaces the last.
    pub(super) fn push_pong(
        &mut self,
        payload: &[u8],
        mask: Option<[u8; 4]>,
        waiting_max: usize,
        context: &mut Context,
    ) {
        let control = self.control(context);
        if control.pongs >= waiting_max.max(1) && control.last_pong >= control.sent {
            control.remove_last_pong();
        }
        control.last_pong = control.bytes.len();
        control.pongs += 1;
        push_frame(&mut control.bytes, control_header(Opcode::Pong, mask, payload), &[payload]);
    }

    /// Puts a Ping ahead of the data. With `waiting_max` of them waiting it is left out: the answers to those say as much.
    pub(super) fn push_ping(
        &mut self,
        payload: &[u8],
        mask: Option<[u8; 4]>,
        waiting_max: usize,
        context: &mut Context,
    ) {
        let control = self.control(context);
        if control.pings < waiting_max.max(1) {
            control.pings += 1;
            push_frame(&mut control.bytes, control_header(Opcode::Ping, mask, payload), &[payload]);
        }
    }

    /// How much waits, in bytes.
    #[inline]
    pub(super) fn queued_bytes(&self) -> usize {
        let control = self.control.as_ref().map_or(0, |control| control.bytes.len() - control.sent);
        self.data.len() - self.sent + control
    }

    /// What to write next: the rest of the frame that is under way, the control frames, the other frames.
    #[inline]
    pub(super) fn transmit(&self) -> Option<Transmit<'_>> {
        if let Some(control) = &self.control {
            return Some(Transmit::new([
                &self.data[self.sent..self.boundary],
                &control.bytes[control.sent..],
                &self.data[self.boundary..],
            ]));
        }
        let data = &self.data[self.sent..];
        (!data.is_empty())
            .then(|| Transmit { slices: [IoSlice::new(data), IoSlice::new(&[]), IoSlice::new(&[])], count: 1 })
    }

    /// What to write next, if it lies in one piece.
    #[inline]
    pub(super) fn transmit_single(&self) -> Option<&[u8]> {
        let data = &self.data[self.sent..];
        (self.control.is_none() && !data.is_empty()).then_some(data)
    }

    /// The first `count` bytes of what [`Self::transmit`] gave are sent.
    #[inline]
    pub(super) fn transmitted(&mut self, mut count: usize, context: &mut Context) {
        if self.control.is_some() {
            count = self.transmitted_with_control(count, context);
        }
        self.sent = self.data.len().min(self.sent + count);
        if self.sent == self.data.len() {
            context.recycle(mem::take(&mut self.data));
            self.sent = 0;
            self.boundary = 0;
        } else if self.sent >= COMPACT_BYTES_MIN && self.sent >= self.data.len() / 2 {
            // Moving at most as much as was sent keeps the cost of a byte constant, and the buffer below twice its content.
            self.find_boundary();
            self.data.drain(..self.sent);
            self.boundary -= self.sent;
            self.sent = 0;
        }
    }

    /// Forgets all that waits.
    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }

    /// What is left of `count` after the frame under way and the control frames.
    fn transmitted_with_control(&mut self, mut count: usize, context: &mut Context) -> usize {
        let ahead = count.min(self.boundary - self.sent);
        self.sent += ahead;
        count -= ahead;
        let Some(control) = &mut self.control else { return count };
        let taken = count.min(control.bytes.len() - control.sent);
        control.transmitted(taken);
        if control.sent == control.bytes.len() {
            context.recycle(mem::take(&mut control.bytes));
            self.control = None;
        }
        count - taken
    }

    #[inline]
    fn data(&mut self, context: &mut Context) -> &mut Vec<u8> {
        if self.data.capacity() == 0 {
            self.data = context.take_buffer();
        }
        &mut self.data
    }

    fn control(&mut self, context: &mut Context) -> &mut Control {
        if self.control.is_none() {
            self.find_boundary();
        }
        self.control.get_or_insert_with(|| Box::new(Control { bytes: context.take_buffer(), ..Control::default() }))
    }

    /// Moves `boundary` to the first one at or after `sent`. Each frame is passed once, so a flood of pings costs no more
    /// than the frames that it is between.
    fn find_boundary(&mut self) {
        while self.boundary < self.sent {
            self.boundary += frame_bytes(&self.data[self.boundary..]);
        }
    }
}

impl<'a> Transmit<'a> {
    fn new(parts: [&'a [u8]; 3]) -> Self {
        let mut transmit = Self { slices: [IoSlice::new(&[]); 3], count: 0 };
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            transmit.slices[transmit.count] = IoSlice::new(part);
            transmit.count += 1;
        }
        transmit
    }

    /// The bytes, if they lie in one piece: no vectored write is needed then, which is nearly always.
    #[inline]
    #[must_use]
    pub fn single(&self) -> Option<&[u8]> {
        (self.count == 1).then(|| &*self.slices[0])
    }

    /// One to three slices, none of them empty.
    #[inline]
    #[must_use]
    pub fn as_slices(&self) -> &[IoSlice<'a>] {
        &self.slices[..self.count]
    }
}

impl Control {
    fn transmitted(&mut self, count: usize) {
        self.sent += count;
        loop {
            let frame = &self.bytes[self.boundary..];
            let end = self.boundary + frame_bytes(frame);
            if frame.is_empty() || end > self.sent {
                break;
            }
            let waiting = if is_pong(frame) { &mut self.pongs } else { &mut self.pings };
            *waiting -= 1;
            self.boundary = end;
        }
        if self.boundary >= COMPACT_BYTES_MIN {
            self.bytes.drain(..self.boundary);
            self.sent -= self.boundary;
            self.last_pong = self.last_pong.saturating_sub(self.boundary);
            self.boundary = 0;
        }
    }

    fn remove_last_pong(&mut self) {
        let end = self.last_pong + frame_bytes(&self.bytes[self.last_pong..]);
        self.bytes.drain(self.last_pong..end);
        self.pongs -= 1;
    }
}

/// Appends a frame to `out`, masked if its header says so.
#[inline]
pub(super) fn push_frame<P: AsRef<[u8]>>(out: &mut Vec<u8>, header: Header, parts: &[P]) {
    out.reserve(HEADER_BYTES_MAX + header.payload_bytes as usize);
    header.encode(out);
    let payload_at = out.len();
    parts.iter().for_each(|part| out.extend_from_slice(part.as_ref()));
    if let Some(key) = header.mask {
        mask::apply(&mut out[payload_at..], key, 0);
    }
}

fn control_header(opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) -> Header {
    Header { fin: true, rsv: 0, opcode, mask, payload_bytes: payload.len() as u64 }
}

/// The length of the frame at the front of `bytes`, which we encoded ourselves.
fn frame_bytes(bytes: &[u8]) -> usize {
    match Header::parse(bytes) {
        Ok(Some((header, header_bytes))) => header_bytes + header.payload_bytes as usize,
        _ => bytes.len(),
    }
}

fn is_pong(frame: &[u8]) -> bool {
    frame.first().and_then(|first| Opcode::from_bits(*first)) == Some(Opcode::Pong)
}

/// What is sent stays in front of the buffer until it is this large, in bytes: moving less is not worth a call.
const COMPACT_BYTES_MIN: usize = 4096;
