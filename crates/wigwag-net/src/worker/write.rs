//! Writing: what connections have queued, into their sockets, and what follows from it (water marks, the end).

use std::{
    io::{self, IoSlice, Write},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use mio::net::TcpStream;
use wigwag_proto::{Connection, Context, Role};

use super::{
    Flags, Phase, Slot, Worker,
    slot::Extra,
    system,
    timers::{Due, What},
};
use crate::{metrics::Counter, service::CloseCause};

/// Below this an unfinished message is not worth counting: 10,000 of them are 40 MiB.
const UNFINISHED_COUNTED_FROM: usize = 4 << 10;

enum Flushed {
    /// Everything is out.
    All,
    /// The socket takes no more for now.
    Stalled,
    Failed(io::ErrorKind),
}

impl Worker {
    /// Writes what is queued and draws the consequences. To be called after everything that may have queued something.
    pub(super) fn settle(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.phase == Phase::Gone {
            return self.remove(index, CloseCause::Eof);
        }
        if slot.queued_bytes() > self.limits.out_queue_high_water {
            // Before the write, which may take all of it: who stopped at the mark waits to hear that it may go on.
            slot.flags.set(Flags::WANTS_WRITABLE);
        }
        if !self.flush(index) || self.slots[index].is_settled() {
            return;
        }
        self.account(index);
        self.check_marks(index);
        self.check_end(index);
    }

    /// Writes what is queued; `false` if the connection is gone.
    pub(super) fn flush(&mut self, index: usize) -> bool {
        let Some(slot) = self.slots.get_mut(index) else { return false };
        if matches!(slot.phase, Phase::Gone | Phase::Connecting) {
            return false;
        }
        if slot.flags.has(Flags::STALLED) {
            if slot.extra.is_some() {
                self.after_flush(index);
            }
            return true;
        }
        let queued = slot.queued_bytes();
        let outcome = flush_slot(slot, &mut self.context);
        self.metrics.routes[usize::from(slot.route)].bytes_out.add((queued - slot.queued_bytes()) as u64);
        match outcome {
            Flushed::All => {
                if slot.extra.is_some() {
                    self.after_flush(index);
                }
                true
            }
            Flushed::Stalled => {
                self.after_flush(index);
                self.stall(index, queued)
            }
            Flushed::Failed(_) if self.hear_out(index) => true,
            Flushed::Failed(kind) => {
                self.remove(index, CloseCause::Io(kind));
                false
            }
        }
    }

    /// A server that refuses a message says why, closes, and does not read on: the write fails before its Close was read.
    /// So a client reads what has arrived before it gives up. `false` where nothing is to be heard, or by somebody who
    /// has to know at once that nothing more is taken (a relay).
    fn hear_out(&mut self, index: usize) -> bool {
        let slot = &mut self.slots[index];
        let listens = slot.phase == Phase::Open && !slot.flags.has(Flags::TLS);
        let Some(connection) = slot.connection.as_mut().filter(|connection| {
            listens
                && connection.role() == Role::Client
                && !connection.config().half_open
                && connection.queued_bytes() > 0
        }) else {
            return false;
        };
        if !connection.handle_write_failure(&self.context) {
            return false;
        }
        slot.flags.set(Flags::READABLE);
        if let Some(remote) = slot.extra.as_ref().and_then(|extra| extra.remote.as_ref()) {
            remote.begin_closing();
        }
        self.resume(index);
        self.queue_run(index);
        true
    }

    /// Remotes learn of the queue's length; the write time-out's clock stops where nothing is left.
    fn after_flush(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let queued = slot.queued_bytes();
        let done = !slot.flags.has(Flags::STALLED);
        let extra = slot.extra();
        if let Some(remote) = &extra.remote {
            remote.flushed(queued);
        }
        if queued == 0 && done {
            extra.stalled_since = None;
            if slot.phase == Phase::Open {
                // A head that was under way was the last need of it, often.
                self.trim(index);
            }
        }
    }

    /// The socket is full: a writable event is asked for, and the write time-out runs from the last progress on. `false`
    /// if the connection is gone.
    fn stall(&mut self, index: usize, queued_before: usize) -> bool {
        let now = self.context.now;
        let slot = &mut self.slots[index];
        slot.flags.set(Flags::STALLED);
        let generation = slot.generation;
        let progress = slot.queued_bytes() < queued_before;
        let extra = slot.extra();
        if extra.stalled_since.is_none() || progress {
            extra.stalled_since = Some(now);
        }
        if !std::mem::replace(&mut extra.write_timer, true) {
            let due = Due { slot: index as u32, generation, what: What::Write };
            self.wheel.insert(now + self.limits.write_timeout, due);
        }
        if slot.flags.raise(Flags::WRITE_EVENTS)
            && let Err(error) = self.poller.add_writable(&mut slot.socket, index as u32, generation)
        {
            self.remove(index, CloseCause::Io(error.kind()));
            return false;
        }
        true
    }

    /// Keeps the process-wide sums of queued and unfinished bytes.
    fn account(&mut self, index: usize) {
        let shared = &self.handle.shared;
        let Some(slot) = self.slots.get_mut(index) else { return };
        let queued = slot.queued_bytes();
        let unfinished = slot.connection.as_ref().map_or(0, Connection::unfinished_bytes);
        let unfinished = if unfinished < UNFINISHED_COUNTED_FROM { 0 } else { unfinished };
        if slot.extra.is_none() && queued == 0 && unfinished == 0 {
            return;
        }
        let extra = slot.extra();
        let had_bytes = extra.counted_out + extra.counted_unfinished > 0;
        let unfinished_and_kept = unfinished + extra.kept.len();
        count(&shared.out_queue_bytes, &self.metrics.out_queue_bytes, &mut extra.counted_out, queued);
        let counted = &mut extra.counted_unfinished;
        count(&shared.unfinished_bytes, &self.metrics.unfinished_bytes, counted, unfinished_and_kept);
        if had_bytes && extra.counted_out + extra.counted_unfinished == 0 {
            return self.trim(index);
        }
        if unfinished > 0 && shared.unfinished_bytes.load(Relaxed) > self.limits.unfinished_bytes_max_total {
            let code = wigwag_proto::CloseCode::TRY_AGAIN_LATER;
            self.end_with(index, code, "too many unfinished messages in all", CloseCause::Overload);
            // Nothing more may be gathered, not even until the peer answers the Close.
            self.tell_closed(index, CloseCause::Overload);
            self.linger(index);
        }
    }

    /// Takes a connection's bytes out of the sums.
    pub(super) fn forget(&self, extra: &mut Extra) {
        let shared = &self.handle.shared;
        count(&shared.out_queue_bytes, &self.metrics.out_queue_bytes, &mut extra.counted_out, 0);
        count(&shared.unfinished_bytes, &self.metrics.unfinished_bytes, &mut extra.counted_unfinished, 0);
    }

    /// Below the low-water mark dispatch goes on, owed publications go out and the service may write again.
    fn check_marks(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let queued = slot.queued_bytes();
        if queued > self.limits.out_queue_low_water {
            return;
        }
        if slot.flags.has(Flags::BLOCKED) {
            slot.flags.clear(Flags::BLOCKED);
            self.revive(index);
            self.queue_run(index);
        }
        let slot = &mut self.slots[index];
        if slot.flags.has(Flags::WANTS_WRITABLE) {
            slot.flags.clear(Flags::WANTS_WRITABLE);
            if slot.flags.has(Flags::SUBSCRIBED) {
                self.send_owed(index);
            }
            self.call(index, |service, socket| service.on_writable(socket));
            // What was just queued goes out at the end of the turn.
            if self.slots.get(index).is_some_and(|slot| slot.queued_bytes() > 0) {
                self.mark_dirty(index);
            }
        }
    }
}

fn flush_slot(slot: &mut Slot, context: &mut Context) -> Flushed {
    let Slot { socket, connection, extra, flags, .. } = slot;
    let Some(extra) = extra.as_mut().filter(|extra| !extra.is_plain()) else {
        return flush_frames(connection, context, false, |slices| write_plain(socket, slices));
    };
    if let Some(kind) = extra.write_error.take() {
        return Flushed::Failed(kind);
    }
    match flush_raw(socket, extra) {
        Flushed::All => {}
        other => return other,
    }
    match flush_frames(connection, context, flags.has(Flags::TLS), |slices| write(socket, extra, slices)) {
        Flushed::All if extra.tls.as_ref().is_some_and(|tls| tls.wants_write()) => Flushed::Stalled,
        flushed => flushed,
    }
}

/// Whoever takes less than is offered is full, unless it takes `parts`, as a TLS session does.
#[inline]
fn flush_frames(
    connection: &mut Option<Connection>,
    context: &mut Context,
    parts: bool,
    mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
) -> Flushed {
    let Some(connection) = connection else { return Flushed::All };
    while let Some(transmit) = connection.poll_transmit() {
        let slices = transmit.as_slices();
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        match write(slices) {
            Ok(count) => {
                connection.handle_transmitted(count, context);
                if count < offered && !parts {
                    return Flushed::Stalled;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Flushed::Stalled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Flushed::Failed(error.kind()),
        }
    }
    Flushed::All
}

/// A head on its way out comes before any frame.
fn flush_raw(socket: &TcpStream, extra: &mut Extra) -> Flushed {
    if let Some(tls) = &mut extra.tls
        && let Err(error) = tls.flush(socket)
    {
        return Flushed::Failed(error.kind());
    }
    while !extra.raw_out.is_empty() {
        let raw = std::mem::take(&mut extra.raw_out);
        let result = write(socket, extra, &[IoSlice::new(&raw)]);
        extra.raw_out = raw;
        match result {
            Ok(count) => drop(extra.raw_out.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Flushed::Stalled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Flushed::Failed(error.kind()),
        }
    }
    extra.raw_out = Vec::new();
    Flushed::All
}

fn write(socket: &TcpStream, extra: &mut Extra, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match &mut extra.tls {
        Some(tls) => tls.write(socket, slices),
        None => write_plain(socket, slices),
    }
}

#[inline]
fn write_plain(mut socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        [slice] => system::write(socket, slice),
        slices => socket.write_vectored(slices),
    }
}

/// Moves two sums, the process's and the worker's own, from what this connection had in them to what it has now.
fn count(all: &AtomicUsize, own: &Counter, counted: &mut usize, now: usize) {
    if now > *counted {
        all.fetch_add(now - *counted, Relaxed);
        own.add((now - *counted) as u64);
    } else if now < *counted {
        all.fetch_sub(*counted - now, Relaxed);
        own.subtract((*counted - now) as u64);
    }
    *counted = now;
}
