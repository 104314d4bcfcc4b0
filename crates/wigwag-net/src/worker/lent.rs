//! What [`Socket`](crate::socket::Socket), [`Local`] and the inbox ask of a worker, by slot.

use std::{
    any::Any,
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use wigwag_proto::{CloseCode, Frames, Message, MessageKind, connection::Prepared};

use super::{
    Flags, Phase, Worker, system,
    timers::{Due, What},
};
use crate::{
    local::{Agreed, Local},
    net::Handle,
    remote::{Remote, RemoteState},
    service::{CloseCause, Timer},
    socket::{ConnectionId, OnFull},
};

/// From this many bytes on, frames that are passed on are written at once.
const WRITTEN_AT_ONCE_BYTES_MIN: usize = 4 << 10;

impl Worker {
    #[inline]
    pub(crate) fn send(&mut self, index: usize, message: Message<'_>) {
        self.send_bytes(index, message.kind(), message.as_bytes());
    }

    #[inline]
    pub(crate) fn send_bytes(&mut self, index: usize, kind: MessageKind, payload: &[u8]) {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        if connection.send_bytes(kind, payload, &mut self.context).is_ok() {
            self.metrics.routes[usize::from(slot.route)].messages_out.add(1);
            self.answers += 1;
        }
    }

    #[inline]
    pub(crate) fn send_each<'m>(
        &mut self,
        index: usize,
        kind: MessageKind,
        messages: impl ExactSizeIterator<Item = &'m [u8]> + Clone,
    ) -> bool {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return false };
        let count = messages.len() as u64;
        let is_sent = connection.send_each(kind, messages, &mut self.context).is_ok();
        if is_sent {
            self.metrics.routes[usize::from(slot.route)].messages_out.add(count);
            self.answers += count;
        }
        is_sent
    }

    pub(crate) fn send_parts<P: AsRef<[u8]>>(&mut self, index: usize, kind: MessageKind, parts: &[P]) {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        if connection.send_parts(kind, parts, &mut self.context).is_ok() {
            self.metrics.routes[usize::from(slot.route)].messages_out.add(1);
            self.answers += 1;
        }
    }

    pub(crate) fn send_piece(&mut self, index: usize, kind: MessageKind, piece: &[u8], last: bool) {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        if connection.send_piece(kind, piece, last, &mut self.context).is_ok() && last {
            self.metrics.routes[usize::from(slot.route)].messages_out.add(1);
            self.answers += 1;
        }
    }

    /// Passes on what another connection received. Much at once is written from where it lies, little is cheaper to copy than
    /// to write apart from what else the turn writes.
    pub(crate) fn send_frames(&mut self, index: usize, frames: Frames<'_>) {
        let slot = &mut self.slots[index];
        let waits = slot.has_output() || slot.flags.has(Flags::TLS);
        let Some(connection) = &mut slot.connection else { return };
        let messages = frames.messages();
        let mut written = 0;
        let sent = connection.send_frames(frames, &mut self.context, |bytes| {
            if bytes.len() >= WRITTEN_AT_ONCE_BYTES_MIN && !waits {
                // What is wrong with a socket shows again when the rest is written.
                written = system::write(&slot.socket, bytes).unwrap_or(0);
            }
            written
        });
        if sent.is_ok() {
            let route = &self.metrics.routes[usize::from(slot.route)];
            route.messages_out.add(messages);
            route.bytes_out.add(written as u64);
            self.answers += messages;
        }
    }

    pub(crate) fn push(&mut self, index: usize, message: &Prepared, on_full: OnFull) -> bool {
        if self.push_queue_full(index) {
            if on_full == OnFull::Close {
                let why = "too slow: the queue of pushed messages is full";
                self.end_with(index, CloseCode::TRY_AGAIN_LATER, why, CloseCause::Overload);
            }
            return false;
        }
        let slot = &mut self.slots[index];
        let sent = slot.send_prepared(message, &mut self.context);
        if sent {
            self.metrics.routes[usize::from(slot.route)].messages_out.add(1);
        }
        sent
    }

    pub(crate) fn ping(&mut self, index: usize, payload: &[u8]) {
        let payload = &payload[..payload.len().min(125)];
        if let Some(connection) = &mut self.slots[index].connection {
            // A Ping on a closing connection has nobody to ask.
            let _ = connection.ping(payload, &mut self.context);
        }
    }

    pub(crate) fn pong(&mut self, index: usize, payload: &[u8]) {
        let payload = &payload[..payload.len().min(125)];
        if let Some(connection) = &mut self.slots[index].connection {
            // As for a Ping.
            let _ = connection.pong(payload, &mut self.context);
        }
    }

    pub(crate) fn is_open(&self, index: usize) -> bool {
        self.slots[index].connection.as_ref().is_some_and(wigwag_proto::Connection::is_open)
    }

    pub(crate) fn queued_bytes(&self, index: usize) -> usize {
        self.slots[index].queued_bytes()
    }

    pub(crate) fn service_timer(&mut self, index: usize, at: Instant) -> Timer {
        let slot = &mut self.slots[index];
        let generation = slot.generation;
        let extra = slot.extra();
        extra.timers = extra.timers.wrapping_add(1);
        let timer = Timer(extra.timers);
        self.wheel.insert(at, Due { slot: index as u32, generation, what: What::Service(timer) });
        timer
    }

    pub(crate) fn now(&self) -> Instant {
        self.context.now
    }

    pub(crate) fn pause(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.connection.as_ref().is_some_and(wigwag_proto::Connection::is_reading) {
            slot.flags.set(Flags::PAUSED);
        }
    }

    pub(crate) fn resume(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.flags.has(Flags::PAUSED) {
            slot.flags.clear(Flags::PAUSED);
            self.revive(index);
            self.queue_run(index);
        }
    }

    pub(crate) fn set_piecewise(&mut self, index: usize, piecewise: bool) {
        if let Some(connection) = &mut self.slots[index].connection {
            connection.set_piecewise(piecewise);
        }
    }

    pub(crate) fn id(&self, index: usize) -> ConnectionId {
        let generation = self.slots[index].generation;
        ConnectionId { worker: self.index as u16, slot: index as u32, generation }
    }

    #[inline]
    pub(crate) fn find(&self, id: ConnectionId) -> Option<usize> {
        self.find_in(Phase::Open, id)
    }

    #[inline]
    pub(super) fn find_in(&self, phase: Phase, id: ConnectionId) -> Option<usize> {
        if usize::from(id.worker) != self.index {
            return None;
        }
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        (slot.phase == phase).then_some(id.slot as usize)
    }

    pub(crate) fn tell(&mut self, id: ConnectionId, what: Box<dyn Any>) -> bool {
        let Some(index) = self.find(id).or_else(|| self.find_held(id)) else { return false };
        self.mark_dirty(index);
        self.call_service(index, |service, worker| service.on_told(&mut Local { worker }, what))
    }

    pub(crate) fn agreed(&self, index: usize) -> Option<&Agreed> {
        self.slots[index].extra.as_ref()?.agreed.as_deref()
    }

    pub(crate) fn mark_dirty(&mut self, index: usize) {
        if self.slots[index].flags.raise(Flags::DIRTY) {
            self.dirty.push(index as u32);
        }
    }

    pub(crate) fn remote(&mut self, index: usize) -> Remote {
        let id = self.id(index);
        let (inbox, limits) = (&self.inbox, &self.limits);
        let state = self.slots[index].extra().remote.get_or_insert_with(|| {
            Arc::new(RemoteState::new(id, inbox.clone(), limits.out_queue_high_water, limits.out_queue_low_water))
        });
        Remote { state: state.clone() }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn peer_address(&self, index: usize) -> io::Result<SocketAddr> {
        self.slots[index].socket.peer_addr()
    }

    /// Whether the queue is above its high-water mark and the socket does not take what would bring it below the low one. The
    /// service is told when it is.
    pub(crate) fn is_backed_up(&mut self, index: usize) -> bool {
        if self.slots[index].queued_bytes() <= self.limits.out_queue_high_water {
            return false;
        }
        self.slots[index].flags.set(Flags::WANTS_WRITABLE);
        self.flush_in_callback(index);
        let slot = &self.slots[index];
        slot.phase == Phase::Open && slot.queued_bytes() > self.limits.out_queue_low_water
    }

    /// Whether nothing more may be pushed: what the socket takes goes out first.
    pub(crate) fn push_queue_full(&mut self, index: usize) -> bool {
        let full = |worker: &Self| worker.slots[index].queued_bytes() >= worker.limits.push_queue_bytes_max;
        if full(self) {
            self.flush_in_callback(index);
        }
        full(self) || self.out_queues_full()
    }

    /// Writes what is queued; the connection stays in its slot even where it fails.
    pub(crate) fn flush_in_callback(&mut self, index: usize) {
        self.callback_depth += 1;
        self.flush(index);
        self.callback_depth -= 1;
    }

    /// Whether all out-queues of the process together have reached their bound.
    pub(super) fn out_queues_full(&self) -> bool {
        self.handle.shared.out_queue_bytes.load(Relaxed) >= self.limits.out_queue_bytes_max_total
    }
}
