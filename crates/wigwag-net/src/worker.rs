//! A worker: one thread, its connections, and the loop that serves them.
//!
//! A turn: wait for readiness; read a few ready connections, once or a few times each, dispatch, write, and go on with the
//! next few; then timers, the run queue (connections that had to stop before they were done), commands of other threads,
//! and last the connections that others wrote to. While a service runs it is out of its slot, so it can reach other
//! connections of the worker.

mod accept;
mod client;
mod close;
mod dispatch;
mod held;
mod inbox;
mod lent;
mod opening;
mod read;
mod slot;
mod system;
mod timers;
mod tls;
mod together;
mod topics;
mod write;

use std::{
    any::Any,
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use rand::{Rng as _, rngs::StdRng};
use slab::Slab;
use wigwag_proto::{CloseCode, CloseReason, Context};

use self::{
    accept::Acceptance,
    slot::{Flags, Phase, Slot},
    timers::{Due, What},
    together::{Early, Parts, Together},
    topics::Topics,
};
use crate::{
    acceptor::Acceptor,
    limits::Limits,
    metrics::WorkerMetrics,
    net::{ConnectJob, DrainReport, Handle, Inbox, Listener, Tick},
    pace::{Pacer, Turn},
    poll::{Poller, Ready},
    service::{CloseCause, Closed, Service},
    socket::Socket,
    wheel::Wheel,
};

/// Bytes read at once, into a buffer that all connections of the worker share.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// How often in one turn a service may write again because it was told that it may.
const FLUSH_ROUNDS: usize = 4;

/// One thread's connections and what serves them.
pub(crate) struct Worker {
    index: usize,
    poller: Poller,
    slots: Slab<Slot>,
    next_generation: u32,
    start: Instant,
    /// When the last turn ended: now, for what comes between two.
    ended: Instant,
    /// The time of this turn on the life clock, in milliseconds since `start` (wraps).
    life_now: u32,
    context: Context,
    wheel: Wheel<Due>,
    topics: Topics,
    /// Connections that have more to do than one turn allowed.
    run_queue: VecDeque<(u32, u32)>,
    /// Connections that got something to send from elsewhere than their own callback.
    dirty: Vec<u32>,
    /// Those of them that are being flushed.
    flushing: Vec<u32>,
    together: Together,
    /// When what is being dispatched was read, where that was noted.
    pub(crate) read_at: Option<Instant>,
    /// Connections that a callback asked for and that could not even be begun: their services are told after it.
    unopened: Vec<ConnectJob>,
    ticks: Vec<Option<(Duration, Instant, Tick)>>,
    /// When to call it next, and whom.
    pacer: Option<(Instant, Box<dyn Pacer>)>,
    acceptance: Acceptance,
    drain: Option<Draining>,
    /// Callbacks that are running: connections are not freed under them.
    callback_depth: u32,
    /// Messages answered in this turn, for the latency histogram.
    answers: u64,
    handle: Handle,
    inbox: Arc<Inbox>,
    limits: Arc<Limits>,
    metrics: Arc<WorkerMetrics>,
    acceptor: Arc<dyn Acceptor>,
}

/// A drain that has begun.
struct Draining {
    deadline: Instant,
    report: DrainReport,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        poller: Poller,
        handle: Handle,
        acceptor: Arc<dyn Acceptor>,
        listeners: Vec<Listener>,
    ) -> io::Result<Self> {
        let start = Instant::now();
        // Mask keys must not be foreseeable (RFC 6455 §10.3): a cryptographic generator, seeded by the system.
        let mut generator: StdRng = rand::make_rng();
        let mask_keys = move |keys: &mut [[u8; 4]]| generator.fill_bytes(keys.as_flattened_mut());
        let acceptance = Acceptance::new(&poller, listeners)?;
        Ok(Self {
            index,
            poller,
            slots: Slab::new(),
            next_generation: 0,
            start,
            ended: start,
            life_now: 0,
            context: Context::new(start, mask_keys).with_compression(handle.limits().compression),
            wheel: Wheel::new(start),
            topics: Topics::default(),
            run_queue: VecDeque::new(),
            dirty: Vec::new(),
            flushing: Vec::new(),
            together: Together::new(handle.limits().io_uring),
            read_at: None,
            unopened: Vec::new(),
            ticks: Vec::new(),
            pacer: None,
            acceptance,
            drain: None,
            callback_depth: 0,
            answers: 0,
            inbox: handle.shared.inboxes[index].clone(),
            limits: handle.shared.limits.clone(),
            metrics: handle.shared.metrics[index].clone(),
            handle,
            acceptor,
        })
    }

    /// Serves until a drain ends.
    pub(crate) fn run(&mut self) -> DrainReport {
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        let mut parts = Parts::default();
        let mut ready = Vec::new();
        let mut due = Vec::new();
        let mut commands = Vec::new();
        self.ended = Instant::now();
        loop {
            if let Err(error) = self.wait(&mut ready) {
                tracing::error!(?error, worker = self.index, "cannot wait for readiness, the worker ends");
                return self.finish();
            }
            self.context.now = Instant::now();
            self.life_now = self.context.now.duration_since(self.start).as_millis() as u32;
            self.handle_all(&ready, &mut parts, &mut buffer);
            self.accept_ready();
            self.expire_timers(&mut due);
            self.take_commands(&mut commands);
            self.run_queued(&mut buffer);
            self.give_up_unopened();
            self.end_turn();
            if self.is_drained() {
                return self.finish();
            }
        }
    }

    /// What is left once it has run: the poll, to be closed on the thread that made it. Its own may have got a table of
    /// descriptors of its own, and closes there what stays open in the process's.
    pub(crate) fn into_poll(self) -> mio::Poll {
        self.poller.into_poll()
    }

    fn wait(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        let busy = !self.run_queue.is_empty() || !self.dirty.is_empty() || !self.unopened.is_empty();
        let idle = !busy && !self.acceptance.has_ready() && self.inbox.fall_asleep();
        let timeout = if idle {
            let paced = self.pacer.as_ref().map(|(at, _)| *at);
            if let Some(at) = paced {
                self.poller.wake_at(at);
            }
            let deadline = [self.wheel.next_deadline(), paced].into_iter().flatten().min();
            deadline.map(|deadline| deadline.saturating_duration_since(self.ended))
        } else {
            Some(Duration::ZERO)
        };
        let result = self.poller.wait(timeout, ready);
        self.inbox.woke_up();
        result
    }

    /// `early` is what has been read for this connection already.
    fn handle_ready(&mut self, event: Ready, early: Option<Early<'_>>, buffer: &mut [u8]) {
        match event {
            Ready::Listener(listener) => self.acceptance.set_ready(listener),
            Ready::Connection { slot, generation, readable, writable, ended, failed } => {
                let index = slot as usize;
                let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.generation == generation) else {
                    return;
                };
                if readable || ended {
                    slot.flags.set(Flags::READABLE);
                }
                if ended {
                    slot.flags.set(Flags::ENDED);
                }
                match slot.phase {
                    Phase::Connecting => return self.handle_connected(index),
                    // Nothing is read before the answer: who leaves, leaves with what it has sent.
                    Phase::Held if ended => return self.remove(index, CloseCause::Eof),
                    _ => {}
                }
                if failed && slot.flags.has(Flags::PAUSED) {
                    // Nobody reads, so nobody else would notice that the peer is gone.
                    return self.remove(index, CloseCause::Io(io::ErrorKind::ConnectionReset));
                }
                if writable && slot.flags.has(Flags::STALLED) {
                    slot.flags.clear(Flags::STALLED);
                    self.settle(index);
                    self.dispatch_kept(index);
                    // The write may have failed, and the slot may be another connection's by now: what was read is not its.
                    if self.slots.get(index).is_none_or(|slot| slot.generation != generation) {
                        return;
                    }
                }
                match early {
                    Some(early) => self.read_on(index, early, buffer),
                    None if readable || ended => self.read(index, buffer),
                    None => {}
                }
            }
        }
    }

    /// Goes on with connections that were cut off for fairness, once each.
    fn run_queued(&mut self, buffer: &mut [u8]) {
        for _ in 0..self.run_queue.len() {
            let Some((index, generation)) = self.run_queue.pop_front() else { break };
            let index = index as usize;
            let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.generation == generation) else { continue };
            slot.flags.clear(Flags::QUEUED);
            self.dispatch_kept(index);
            self.read(index, buffer);
        }
    }

    /// Calls the pacer if its time has come; whether it did.
    fn pace(&mut self, now: Instant) -> bool {
        let Some((_, mut pacer)) = self.pacer.take_if(|(at, _)| *at <= now) else { return false };
        self.callback_depth += 1;
        let next = guard("a pacer", || pacer.on_pace(&mut Turn { worker: self }).map(|next| (next, pacer)));
        self.callback_depth -= 1;
        // One that was given meanwhile stands.
        self.pacer = self.pacer.take().or(next.flatten());
        true
    }

    fn flush_dirty(&mut self) {
        // Flushing may call services, which may write to others. Who goes on and on waits for the next turn.
        for _ in 0..FLUSH_ROUNDS {
            if self.dirty.is_empty() {
                return;
            }
            std::mem::swap(&mut self.dirty, &mut self.flushing);
            self.write_together();
            while let Some(index) = self.flushing.pop() {
                let index = index as usize;
                let Some(slot) = self.slots.get_mut(index) else { continue };
                slot.flags.clear(Flags::DIRTY);
                // Most have nothing left to write, nor anything that would follow from it.
                if !slot.is_settled() {
                    self.settle(index);
                }
            }
        }
    }

    /// What comes last in a turn. The time is looked up anew, for the turn may have been long, and again only if there was
    /// something to do: most turns are short, and a look at the clock is a part of them that shows.
    fn end_turn(&mut self) {
        self.ended = Instant::now();
        if self.pace(self.ended) || !self.dirty.is_empty() {
            self.flush_dirty();
            self.ended = Instant::now();
        }
        if self.answers > 0 {
            let latency = self.ended.duration_since(self.context.now);
            self.metrics.count_latency(latency.as_micros() as u64, self.answers);
            self.answers = 0;
        }
    }

    /// Puts a socket into a slot and starts its life clock.
    fn add_slot(&mut self, slot: Slot, first_deadline: Instant) -> usize {
        let generation = slot.generation;
        let index = self.slots.insert(slot);
        self.handle.shared.connections.fetch_add(1, Relaxed);
        self.metrics.connections.set(self.slots.len() as u64);
        // One entry serves the handshake and then the life clock: it must not come too late for the latter.
        let first = first_deadline.min(self.context.now + self.limits.ping_interval.min(self.limits.idle_timeout));
        self.wheel.insert(first, Due { slot: index as u32, generation, what: What::Life });
        index
    }

    fn take_generation(&mut self) -> u32 {
        self.next_generation = self.next_generation.wrapping_add(1);
        self.next_generation
    }

    fn queue_run(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.flags.raise(Flags::QUEUED) {
            self.run_queue.push_back((index as u32, slot.generation));
        }
    }

    /// Runs a callback of the connection's service. Nothing happens where the service is out or gone.
    fn call(&mut self, index: usize, callback: impl FnOnce(&mut dyn Service, &mut Socket<'_>)) {
        self.call_service(index, |service, worker| callback(service, &mut Socket { worker, slot: index }));
    }

    /// As [`Self::call`], for callbacks that are lent something else than the connection; whether there was a service.
    fn call_service(&mut self, index: usize, callback: impl FnOnce(&mut dyn Service, &mut Self)) -> bool {
        let Some(mut service) = self.slots.get_mut(index).and_then(|slot| slot.service.take()) else { return false };
        self.callback_depth += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| callback(&mut *service, self)));
        self.callback_depth -= 1;
        self.slots[index].service = Some(service);
        if let Err(panic) = outcome {
            self.fail_service(index, &*panic);
        }
        true
    }

    /// A service panicked: this connection is closed with 1011, the worker lives.
    fn fail_service(&mut self, index: usize, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        tracing::error!(panic = ?text, "a service panicked, its connection is closed with 1011");
        self.metrics.panics.add(1);
        let (code, why) = (CloseCode::INTERNAL_ERROR, "the service failed");
        // A service that panicked is told of the end at once and not called again; nor may that harm the worker.
        if let Some(service) = self.slots[index].service.take() {
            let closed = Closed { reason: Some(CloseReason::new(code, why)), cause: CloseCause::Panic };
            self.tell_service(service, &closed);
        }
        self.end_with(index, code, why, CloseCause::Panic);
    }
}

/// Runs what is not ours where no connection can be blamed: a panic is logged, and the worker lives.
fn guard<T>(what: &'static str, run: impl FnOnce() -> T) -> Option<T> {
    let outcome = catch_unwind(AssertUnwindSafe(run)).ok();
    if outcome.is_none() {
        tracing::error!(what, "a panic in a callback");
    }
    outcome
}
