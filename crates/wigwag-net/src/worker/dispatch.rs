//! Dispatch: bytes of an open connection become events, events become callbacks.

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use wigwag_proto::{Connection, Event, Input, MessageKind};

use super::{Flags, Phase, Worker};
use crate::{
    messages::Messages,
    service::{CloseCause, PeerEnd, Service},
    socket::Socket,
};

impl Worker {
    /// Dispatches what was just read; what must wait is kept. What is answered goes out.
    pub(super) fn dispatch(&mut self, index: usize, bytes: &mut [u8]) {
        self.dispatch_read(index, bytes);
        self.settle(index);
    }

    /// As [`Self::dispatch`], but what is answered goes out with the answers of others that are read in one go.
    pub(super) fn dispatch_grouped(&mut self, index: usize, bytes: &mut [u8]) {
        self.dispatch_read(index, bytes);
        if self.slots.get(index).is_some_and(|slot| !slot.is_settled()) {
            self.mark_dirty(index);
        }
    }

    fn dispatch_read(&mut self, index: usize, bytes: &mut [u8]) {
        let route = usize::from(self.slots[index].route);
        self.metrics.routes[route].bytes_in.add(bytes.len() as u64);
        let mut input = Input::new(bytes);
        self.dispatch_input(index, &mut input);
        if !input.rest().is_empty() {
            let extra = self.slots[index].extra();
            extra.kept = input.rest().to_vec();
            extra.kept_start = 0;
            self.queue_kept(index);
        }
    }

    /// Dispatches what had to wait, if it need not any longer.
    pub(super) fn dispatch_kept(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.takes_input()) else { return };
        let Some(extra) = slot.extra.as_mut().filter(|extra| !extra.kept.is_empty()) else { return };
        let mut kept = std::mem::take(&mut extra.kept);
        let mut input = Input::new(&mut kept[extra.kept_start..]);
        self.dispatch_input(index, &mut input);
        let left = input.rest().len();
        if left > 0 {
            let extra = self.slots[index].extra();
            extra.kept_start = kept.len() - left;
            extra.kept = kept;
            self.queue_kept(index);
        } else {
            self.trim(index);
        }
        self.settle(index);
    }

    /// What a panic left over is dispatched all the same: the peer's Close may be in it.
    fn queue_kept(&mut self, index: usize) {
        if self.slots[index].takes_input() {
            self.queue_run(index);
        }
    }

    fn dispatch_input(&mut self, index: usize, input: &mut Input<'_>) {
        let mut service = self.slots[index].service.take();
        self.callback_depth += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.dispatch_events(index, service.as_deref_mut(), input)));
        self.callback_depth -= 1;
        self.slots[index].service = service;
        if let Err(panic) = outcome {
            self.fail_service(index, &*panic);
        }
    }

    fn dispatch_events(&mut self, index: usize, mut service: Option<&mut dyn Service>, input: &mut Input<'_>) {
        let mut messages = 0;
        loop {
            if self.is_piecewise(index) {
                let passed = self.pass_frames(index, service.as_deref_mut(), input);
                messages += passed;
                // The frames were all of it.
                if passed > 0 && input.is_empty() {
                    break;
                }
            }
            let (taken, next) = Messages::new(self, index, input).hand_to(service.as_deref_mut());
            messages += taken;
            let Some(event) = next else { break };
            let lent = service.as_deref_mut();
            match event {
                Event::Piece { kind, bytes, first, last } => {
                    messages += u64::from(last);
                    if let Some(service) = lent {
                        service.on_piece(&mut Socket { worker: self, slot: index }, kind, &bytes, first, last);
                    }
                    if let Cow::Owned(bytes) = bytes {
                        self.context.recycle(bytes);
                    }
                }
                Event::Pong(payload) => {
                    if let Some(service) = lent {
                        service.on_pong(&mut Socket { worker: self, slot: index }, &payload);
                    }
                }
                // Messages were handed over above.
                Event::Ping(_) | Event::Lost | Event::Text(_) | Event::Binary(_) => {}
                Event::Close(reason) => {
                    tracing::trace!(?reason, "Close received");
                    self.slots[index].extra().cause.get_or_insert(CloseCause::Peer);
                    self.tell_peer_end(index, lent, PeerEnd::Close(&reason));
                }
                Event::Failed(error) => {
                    self.slots[index].extra().cause.get_or_insert(CloseCause::Protocol(error));
                    self.tell_peer_end(index, lent, PeerEnd::Failed(error));
                }
            }
        }
        let route = usize::from(self.slots[index].route);
        self.metrics.routes[route].messages_in.add(messages);
    }

    /// Whether the connection's service wants messages in pieces, or as frames.
    #[inline]
    fn is_piecewise(&self, index: usize) -> bool {
        self.slots[index].connection.as_ref().is_some_and(Connection::is_piecewise)
    }

    /// Hands the whole messages in front of the input to a service that passes them on; how many they were.
    fn pass_frames(&mut self, index: usize, mut service: Option<&mut dyn Service>, input: &mut Input<'_>) -> u64 {
        let mut messages = 0;
        while self.is_piecewise(index) && self.may_dispatch(index) {
            let Some(connection) = &mut self.slots[index].connection else { break };
            let Some(frames) = connection.take_frames(input, &mut self.context) else { break };
            messages += frames.messages();
            if let Some(service) = service.as_deref_mut() {
                service.on_frames(&mut Socket { worker: self, slot: index }, frames);
            }
            if input.is_empty() {
                break;
            }
        }
        messages
    }

    /// Whether a whole message lies in front of this input, and may be dispatched.
    #[inline]
    pub(crate) fn has_whole_message(&mut self, index: usize, input: &Input<'_>) -> bool {
        self.may_dispatch(index)
            && self.slots[index].connection.as_ref().is_some_and(|connection| connection.has_whole_message(input))
    }

    /// The short message in front of this input, if it may be dispatched.
    #[inline]
    pub(crate) fn next_short<'b>(&mut self, index: usize, input: &mut Input<'b>) -> Option<(MessageKind, &'b [u8])> {
        if input.is_empty() || !self.may_dispatch(index) {
            return None;
        }
        self.slots[index].connection.as_ref()?.take_short(input)
    }

    /// Takes messages in front of this input, if they may be dispatched, as long as `judge` wants them; how many.
    #[inline]
    pub(crate) fn take_while(
        &mut self,
        index: usize,
        input: &mut Input<'_>,
        judge: impl FnMut(MessageKind, &[u8]) -> bool,
    ) -> u64 {
        if input.is_empty() || !self.may_dispatch(index) {
            return 0;
        }
        self.slots[index].connection.as_ref().map_or(0, |connection| connection.take_while(input, judge))
    }

    /// Takes messages in front of this input that are those of `expected`, if they may be dispatched; how many.
    #[inline]
    pub(crate) fn take_equal<const BYTES: usize>(
        &mut self,
        index: usize,
        input: &mut Input<'_>,
        kind: MessageKind,
        expected: impl IntoIterator<Item = [u8; BYTES]>,
    ) -> u64 {
        if !self.may_dispatch(index) {
            return 0;
        }
        self.slots[index].connection.as_ref().map_or(0, |connection| connection.take_equal(input, kind, expected))
    }

    /// What comes next in this input, if it may be dispatched.
    #[inline]
    pub(crate) fn next_event<'b>(&mut self, index: usize, input: &mut Input<'b>) -> Option<Event<'b>> {
        if !self.may_dispatch(index) || input.is_empty() {
            return None;
        }
        self.slots[index].connection.as_mut()?.handle_bytes(input, &mut self.context)
    }

    /// Keeps the buffer of an event that has been dealt with.
    #[inline]
    pub(crate) fn recycle(&mut self, event: Event<'_>) {
        self.context.recycle_event(event);
    }

    /// Whether the next event may be dispatched: not for a paused connection, nor for one whose answers pile up.
    #[inline]
    fn may_dispatch(&mut self, index: usize) -> bool {
        let slot = &self.slots[index];
        slot.phase == Phase::Open
            && slot.takes_input()
            && (slot.queued_bytes() <= self.limits.out_queue_high_water || self.may_dispatch_more(index))
    }

    /// As [`Self::may_dispatch`], for a connection whose queue is above its high-water mark.
    #[cold]
    fn may_dispatch_more(&mut self, index: usize) -> bool {
        let slot = &self.slots[index];
        if slot.connection.as_ref().is_some_and(|connection| connection.config().half_open) {
            // What is queued is not the answer to what is read: it comes from elsewhere, and whoever sends it looks.
            return true;
        }
        self.slots[index].flags.set(Flags::WANTS_WRITABLE);
        if !self.flush(index) {
            return false;
        }
        let slot = &mut self.slots[index];
        if slot.queued_bytes() > self.limits.out_queue_low_water {
            slot.flags.set(Flags::BLOCKED);
            return false;
        }
        true
    }

    /// The peer's side has ended. Unless ours stays open on its own, the Close that answers is queued already.
    fn tell_peer_end(&mut self, index: usize, service: Option<&mut (dyn Service + 'static)>, end: PeerEnd<'_>) {
        if !self.slots[index].connection.as_ref().is_some_and(wigwag_proto::Connection::is_half_open) {
            return;
        }
        match service {
            Some(service) => service.on_peer_end(&mut Socket { worker: self, slot: index }, end),
            None => self.start_close(index, None, ""),
        }
    }
}
