//! The end of a connection: closing handshake, lingering, removal, and telling the service once.

use std::{net::Shutdown, sync::atomic::Ordering::Relaxed};

use wigwag_proto::{CloseCode, Role};

use super::{
    Flags, Phase, Slot, Worker, guard,
    slot::{Extra, Opening},
    timers::{Due, What},
};
use crate::{
    local::Local,
    net::ConnectJob,
    service::{CloseCause, Closed, OpenError, OpenErrorKind, Service},
};

impl Worker {
    /// Starts the closing handshake for the service.
    pub(crate) fn start_close(&mut self, index: usize, code: Option<CloseCode>, reason: &str) {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        if connection.is_open() {
            connection.close(code, reason, &mut self.context);
            let extra = slot.extra();
            extra.cause.get_or_insert(CloseCause::Local);
            if let Some(remote) = &extra.remote {
                remote.begin_closing();
            }
            self.mark_dirty(index);
            // The peer's answer has to be read.
            self.resume(index);
        }
    }

    /// Ends a connection for a reason of ours: Close with `code`, and `cause` is what the service is told.
    pub(super) fn end_with(&mut self, index: usize, code: CloseCode, reason: &str, cause: CloseCause) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.connection.is_none() {
            return self.remove(index, cause);
        }
        slot.extra().cause.get_or_insert(cause);
        self.start_close(index, Some(code), reason);
    }

    /// The peer has ended its side of the stream.
    pub(super) fn handle_end(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.flags.set(Flags::ENDED);
        if slot.phase == Phase::Lingering && slot.flags.has(Flags::SHUTDOWN) && slot.has_output() {
            // The end shows with every event from now on; `check_shutdown` draws the consequence once all is out.
            return;
        }
        if slot.phase != Phase::Open {
            return self.remove(index, CloseCause::Eof);
        }
        let lost = slot.connection.as_mut().and_then(|connection| connection.handle_eof(&mut self.context)).is_some();
        let cause = &mut slot.extra().cause;
        if cause.is_none() || lost && *cause == Some(CloseCause::Local) {
            *cause = Some(CloseCause::Eof);
        }
        if !self.flush(index) {
            return;
        }
        if !self.slots[index].has_output() {
            return self.remove(index, CloseCause::Eof);
        }
        // A half-closed peer may still read what is queued for it.
        self.tell_closed(index, CloseCause::Eof);
        self.linger(index);
    }

    /// Follows the closing handshake: sets its timer, and ends the connection when it is done.
    pub(super) fn check_end(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.phase == Phase::Lingering {
            return self.check_shutdown(index);
        }
        let Some(connection) = &slot.connection else { return };
        if connection.is_done() && !slot.flags.has(Flags::STALLED) {
            let clean = matches!(slot.extra.as_ref().and_then(|extra| extra.cause.as_ref()), Some(CloseCause::Peer));
            if clean && connection.role() == Role::Server {
                // Nothing can follow the peer's Close: the socket may go at once.
                end_tls(slot);
                return self.remove(index, CloseCause::Peer);
            }
            // A client leaves it to the server to end first (§7.1.1); after a failing Close the peer may still be
            // sending, and a reset would take the reason from it.
            self.tell_closed(index, CloseCause::Local);
            self.linger(index);
        } else if let Some(deadline) = connection.poll_timeout()
            && slot.flags.raise(Flags::CLOSE_TIMER)
        {
            let generation = slot.generation;
            self.wheel.insert(deadline, Due { slot: index as u32, generation, what: What::Close });
        }
    }

    /// Our side is over: what is queued goes out, then the writing side is shut down, and input is discarded until the
    /// peer ends too, within bounds.
    pub(super) fn linger(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.phase != Phase::Gone) else { return };
        let client = slot.connection.as_ref().is_some_and(|connection| connection.role() == Role::Client);
        slot.phase = Phase::Lingering;
        slot.flags.clear(Flags::PAUSED);
        slot.flags.clear(Flags::BLOCKED);
        let failed = !matches!(slot.extra().cause, Some(CloseCause::Peer | CloseCause::Local));
        if !client || failed {
            slot.flags.set(Flags::SHUTDOWN);
        }
        slot.extra().kept = Vec::new();
        let due = Due { slot: index as u32, generation: slot.generation, what: What::Linger };
        self.wheel.insert(self.context.now + self.limits.linger_timeout, due);
        self.mark_dirty(index);
        if self.slots[index].flags.has(Flags::READABLE) {
            self.queue_run(index);
        }
    }

    fn check_shutdown(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.has_output() || !slot.flags.has(Flags::SHUTDOWN) || !slot.flags.raise(Flags::SHUT) {
            return;
        }
        end_tls(slot);
        let ended = slot.flags.has(Flags::ENDED) && !slot.flags.has(Flags::READABLE);
        if slot.socket.shutdown(Shutdown::Write).is_err() || ended {
            self.remove(index, CloseCause::Local);
        }
    }

    /// Frees a connection. During a callback this waits until the callback is over.
    pub(super) fn remove(&mut self, index: usize, cause: CloseCause) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if self.callback_depth > 0 {
            if slot.phase != Phase::Gone {
                slot.extra().cause.get_or_insert(cause);
                slot.phase = Phase::Gone;
                self.mark_dirty(index);
            }
            return;
        }
        self.tell_closed(index, cause);
        let slot = self.slots.remove(index);
        if let Some(mut extra) = slot.extra {
            self.forget(&mut extra);
        }
        self.count_removed();
        if let Some(drain) = &mut self.drain {
            drain.report.closed += 1;
        }
    }

    /// The counters of a connection that has left its slot.
    pub(super) fn count_removed(&mut self) {
        self.handle.shared.connections.fetch_sub(1, Relaxed);
        self.inbox.load.fetch_sub(1, Relaxed);
        self.metrics.connections.set(self.slots.len() as u64);
    }

    /// Tells the service (and the metrics, topics and remotes) that the connection is over; once.
    pub(super) fn tell_closed(&mut self, index: usize, cause: CloseCause) {
        let slot = &mut self.slots[index];
        if !slot.flags.raise(Flags::TOLD) {
            return;
        }
        let opening = slot.extra.as_mut().and_then(|extra| extra.opening.take());
        if let Some(Opening::Client { mut job, .. }) = opening {
            job.failure.get_or_insert_with(|| OpenError::new(OpenErrorKind::Ended, cause.to_string()));
            return self.give_up(*job);
        }
        let cause = slot.extra.as_ref().and_then(|extra| extra.cause.clone()).unwrap_or(cause);
        let reason = slot.connection.as_ref().and_then(|connection| connection.close_reason().cloned());
        let closed = Closed { reason, cause };
        if slot.connection.is_some() {
            let route = u16::from(slot.route);
            self.metrics.routes[usize::from(route)].closed.add(1);
            self.metrics.with_rare(|rare| {
                *rare.closes.entry((route, closed.code())).or_default() += 1;
                *rare.causes.entry(closed.cause.label()).or_default() += 1;
            });
            tracing::debug!(code = closed.code(), cause = %closed.cause, "connection closed");
        }
        let service = slot.service.take();
        if slot.flags.has(Flags::SUBSCRIBED) {
            self.unsubscribe_all(index);
        }
        if let Some(extra) = &mut self.slots[index].extra {
            if let Some(remote) = extra.remote.take() {
                remote.begin_closing();
            }
            let permit = extra.permit.take();
            guard("a permit's drop", || drop(permit));
        }
        if let Some(service) = service {
            self.tell_service(service, &closed);
        }
    }

    /// Tells a client's service that its connection could not be opened.
    pub(super) fn give_up(&mut self, mut job: ConnectJob) {
        let error = job.failure.take().unwrap_or_else(|| {
            OpenError::new(OpenErrorKind::Unresolved, format!("{} has no address", job.connect.host))
        });
        self.tell_service(job.service, &Closed { reason: None, cause: CloseCause::NotOpened(error) });
    }

    /// The last callback of a service.
    pub(super) fn tell_service(&mut self, mut service: Box<dyn Service>, closed: &Closed) {
        self.callback_depth += 1;
        let told = guard("on_close", || {
            service.on_gone(&mut Local { worker: self }, closed);
            drop(service);
        });
        self.callback_depth -= 1;
        if told.is_none() {
            self.metrics.panics.add(1);
        }
    }

    /// Drops the boxed part of a connection that needs it no longer.
    pub(super) fn trim(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.extra.as_deref().is_some_and(Extra::is_idle) {
            slot.extra = None;
        }
    }
}

/// Tells a TLS peer that the stream ends here and was not cut off.
fn end_tls(slot: &mut Slot) {
    let Slot { socket, extra, .. } = slot;
    if let Some(tls) = extra.as_mut().and_then(|extra| extra.tls.as_mut()) {
        tls.end();
        let _ = tls.flush(socket); // The peer may be gone already: nothing is lost then.
    }
}
