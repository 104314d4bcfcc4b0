//! A worker: one thread, its connections, and the loop that serves them.
//!
//! A turn: wait for readiness; for each ready connection read once or a few times, dispatch, write; then timers, the
//! run queue (connections that had to stop before they were done), commands of other threads, and last the connections
//! that others wrote to. While a service runs it is out of its slot, so it can reach other connections of the worker.

mod accept;
mod client;
mod close;
mod dispatch;
mod held;
mod inbox;
mod opening;
mod read;
mod slot;
mod timers;
mod tls;
mod topics;
mod write;

use std::{
    any::Any,
    collections::VecDeque,
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use rand::{RngExt as _, rngs::StdRng};
use slab::Slab;
use wigwag_proto::{CloseCode, CloseReason, Context, Message, MessageKind, connection::Prepared};

use self::{
    accept::Acceptance,
    slot::{Flags, Phase, Slot},
    timers::{Due, What},
    topics::Topics,
};
use crate::{
    acceptor::Acceptor,
    limits::Limits,
    local::{Agreed, Local},
    metrics::WorkerMetrics,
    net::{ConnectJob, DrainReport, Handle, Inbox, Listener, Tick},
    pace::{Pacer, Turn},
    poll::{Poller, Ready},
    remote::{Remote, RemoteState},
    service::{CloseCause, Closed, Service, Timer},
    socket::{ConnectionId, OnFull, Socket},
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
    context: Context,
    wheel: Wheel<Due>,
    topics: Topics,
    /// Connections that have more to do than one turn allowed.
    run_queue: VecDeque<(u32, u32)>,
    /// Connections that got something to send from elsewhere than their own callback.
    dirty: Vec<u32>,
    /// Those of them that are being flushed.
    flushing: Vec<u32>,
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
        let mut mask_keys: StdRng = rand::make_rng();
        let acceptance = Acceptance::new(&poller, listeners)?;
        Ok(Self {
            index,
            poller,
            slots: Slab::new(),
            next_generation: 0,
            start,
            context: Context::new(start, move || mask_keys.random()).with_compression(handle.limits().compression),
            wheel: Wheel::new(start),
            topics: Topics::default(),
            run_queue: VecDeque::new(),
            dirty: Vec::new(),
            flushing: Vec::new(),
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
        let mut ready = Vec::new();
        let mut due = Vec::new();
        let mut commands = Vec::new();
        loop {
            if let Err(error) = self.wait(&mut ready) {
                tracing::error!(?error, worker = self.index, "cannot wait for readiness, the worker ends");
                return self.finish();
            }
            self.context.now = Instant::now();
            for event in ready.drain(..) {
                self.handle_ready(event, &mut buffer);
            }
            self.accept_ready();
            self.expire_timers(&mut due);
            self.take_commands(&mut commands);
            self.run_queued(&mut buffer);
            self.give_up_unopened();
            self.pace();
            self.flush_dirty();
            self.end_turn();
            if self.is_drained() {
                return self.finish();
            }
        }
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
            deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
        } else {
            Some(Duration::ZERO)
        };
        let result = self.poller.wait(timeout, ready);
        self.inbox.woke_up();
        result
    }

    fn handle_ready(&mut self, event: Ready, buffer: &mut [u8]) {
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
                }
                if readable || ended {
                    self.read(index, buffer);
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

    /// Calls the pacer if its time has come, which is looked up anew: the turn may have been long.
    fn pace(&mut self) {
        let Some((at, mut pacer)) = self.pacer.take() else { return };
        if Instant::now() < at {
            self.pacer = Some((at, pacer));
            return;
        }
        self.callback_depth += 1;
        let next = guard("a pacer", || pacer.on_pace(&mut Turn { worker: self }).map(|next| (next, pacer)));
        self.callback_depth -= 1;
        // One that was given meanwhile stands.
        self.pacer = self.pacer.take().or(next.flatten());
    }

    fn flush_dirty(&mut self) {
        // Flushing may call services, which may write to others. Who goes on and on waits for the next turn.
        for _ in 0..FLUSH_ROUNDS {
            if self.dirty.is_empty() {
                return;
            }
            std::mem::swap(&mut self.dirty, &mut self.flushing);
            while let Some(index) = self.flushing.pop() {
                let index = index as usize;
                if let Some(slot) = self.slots.get_mut(index) {
                    slot.flags.clear(Flags::DIRTY);
                    self.settle(index);
                }
            }
        }
    }

    fn end_turn(&mut self) {
        if self.answers > 0 {
            let latency = self.context.now.elapsed();
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

/// What [`Socket`] forwards to.
impl Worker {
    pub(crate) fn send(&mut self, index: usize, message: Message<'_>) {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        if connection.send(message, &mut self.context).is_ok() {
            self.metrics.routes[usize::from(slot.route)].messages_out.add(1);
            self.answers += 1;
        }
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
    fn find_in(&self, phase: Phase, id: ConnectionId) -> Option<usize> {
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
    fn out_queues_full(&self) -> bool {
        self.handle.shared.out_queue_bytes.load(Relaxed) >= self.limits.out_queue_bytes_max_total
    }
}
