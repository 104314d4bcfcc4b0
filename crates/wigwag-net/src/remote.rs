//! A connection reached from another thread: [`Remote`]. Cheap to clone; what it queues is bounded.
//!
//! Std wakers only: whoever waits here may run on any executor, or on none.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use slab::Slab;
use wigwag_proto::CloseCode;

use crate::{
    message::OwnedMessage,
    net::{Command, Inbox},
    socket::ConnectionId,
};

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The peer reads too slowly: the queue is above its high-water mark. Try again when [`Remote::ready`] says so.
    #[error("the connection's out-queue is full")]
    Full,
    /// The connection is gone or closing.
    #[error("the connection is closed")]
    Closed,
}

/// Reaches a connection from any thread.
#[derive(Clone, Debug)]
pub struct Remote {
    pub(crate) state: Arc<RemoteState>,
}

impl Remote {
    /// Queues a message; never waits. One message may be larger than the high-water mark, and each thread that sends at
    /// the same moment may exceed it by one message.
    pub fn send(&self, message: impl Into<OwnedMessage>) -> Result<(), SendError> {
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        if self.is_full() {
            return Err(SendError::Full);
        }
        self.push(message.into());
        Ok(())
    }

    /// As [`Self::send`], but waits while the queue is full. Dropped before it is done, it has queued nothing.
    pub async fn send_when_ready(&self, message: impl Into<OwnedMessage> + Send) -> Result<(), SendError> {
        while self.is_full() && !self.is_closed() {
            self.ready().await;
        }
        if self.is_closed() {
            return Err(SendError::Closed);
        }
        self.push(message.into());
        Ok(())
    }

    /// Waits until the queue is below its low-water mark, or the connection is closing or gone.
    pub fn ready(&self) -> Ready<'_> {
        Ready { state: &self.state, key: None }
    }

    /// Queues a Ping; at most 125 bytes of `payload` are sent. The answer is [`crate::Service::on_pong`]'s.
    pub fn ping(&self, payload: &[u8]) {
        self.control(payload, Command::Ping);
    }

    /// Queues a Pong that answers no Ping; at most 125 bytes of `payload` are sent.
    pub fn pong(&self, payload: &[u8]) {
        self.control(payload, Command::Pong);
    }

    /// Starts the closing handshake, after what is queued. Later calls change nothing, later sends fail.
    pub fn close(&self, code: CloseCode, reason: &str) {
        if self.state.begin_closing() {
            self.state.inbox.push(Command::Close(self.state.id, code, reason.to_owned()));
        }
    }

    /// Ends the connection with 1011 because its service, which an adapter runs on another thread, has panicked. Counted
    /// as a panic of a [`crate::Service`] is.
    pub fn fail(&self) {
        self.state.begin_closing();
        self.state.inbox.push(Command::Fail(self.state.id));
    }

    /// Reads again after [`crate::Socket::pause`].
    pub fn resume(&self) {
        if !self.state.resuming.swap(true, Ordering::AcqRel) {
            self.state.inbox.push(Command::Resume(self.state.clone()));
        }
    }

    /// Whether the connection is closing or gone: nothing can be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.closed.load(Ordering::Acquire)
    }

    /// Bytes queued and not yet taken by the operating system.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.state.queued_bytes()
    }

    /// The connection's name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.state.id
    }

    fn control(&self, payload: &[u8], command: impl FnOnce(ConnectionId, Vec<u8>) -> Command) {
        if !self.is_closed() {
            self.state.inbox.push(command(self.state.id, payload[..payload.len().min(125)].to_vec()));
        }
    }

    fn is_full(&self) -> bool {
        self.state.queued_bytes() > self.state.high_water
    }

    fn push(&self, message: OwnedMessage) {
        self.state.inbox_bytes.fetch_add(message.as_bytes().len(), Ordering::AcqRel);
        self.state.inbox.push(Command::Send(self.state.clone(), message));
    }
}

/// Waits for room; see [`Remote::ready`]. Every waiter is woken when there is room, and a dropped one leaves nothing
/// behind, so no wake is lost by giving up.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Ready<'r> {
    state: &'r RemoteState,
    /// Where this future's waker is among the waiters.
    key: Option<usize>,
}

impl Future for Ready<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.state.is_ready() {
            return Poll::Ready(());
        }
        let waker = Some(cx.waker().clone());
        let mut waiters = self.state.waiters();
        match self.key {
            Some(key) => waiters[key] = waker,
            None => self.key = Some(waiters.insert(waker)),
        }
        drop(waiters);
        // The worker may have drained the queue between the check and the registration.
        if self.state.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Ready<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.state.waiters().remove(key);
        }
    }
}

/// What the worker and all remotes of one connection share.
#[derive(Debug)]
pub(crate) struct RemoteState {
    pub(crate) id: ConnectionId,
    inbox: Arc<Inbox>,
    high_water: usize,
    low_water: usize,
    /// Bytes on their way to the worker.
    inbox_bytes: AtomicUsize,
    /// Bytes in the connection's out-queue, as the worker last saw it.
    out_bytes: AtomicUsize,
    /// Nothing can be sent any more.
    closed: AtomicBool,
    /// A [`Command::Resume`] is on its way: one is enough.
    resuming: AtomicBool,
    /// One entry for each [`Ready`] that lives; empty where it was woken.
    waiters: Mutex<Slab<Option<Waker>>>,
}

impl RemoteState {
    pub(crate) fn new(id: ConnectionId, inbox: Arc<Inbox>, high_water: usize, low_water: usize) -> Self {
        Self {
            id,
            inbox,
            high_water,
            low_water,
            inbox_bytes: AtomicUsize::new(0),
            out_bytes: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            resuming: AtomicBool::new(false),
            waiters: Mutex::default(),
        }
    }

    /// The worker took a message of `taken` bytes out of its inbox; the connection's out-queue now holds `queued`.
    ///
    /// The order matters: counted twice for a moment is better than not at all, which would let a sender pass. And the
    /// out-queue must be told here, not only after a flush: a peer that does not read causes none.
    pub(crate) fn taken(&self, taken: usize, queued: usize) {
        self.out_bytes.store(queued, Ordering::Release);
        self.inbox_bytes.fetch_sub(taken, Ordering::AcqRel);
    }

    /// The worker flushed the connection; `bytes` are left.
    pub(crate) fn flushed(&self, bytes: usize) {
        self.out_bytes.store(bytes, Ordering::Release);
        if self.is_ready() {
            self.wake();
        }
    }

    /// The worker obeys a [`Command::Resume`]; a later one is a new one.
    pub(crate) fn resumed(&self) {
        self.resuming.store(false, Ordering::Release);
    }

    /// Nothing can be sent any more. `true` if that is new.
    pub(crate) fn begin_closing(&self) -> bool {
        let new = !self.closed.swap(true, Ordering::AcqRel);
        if new {
            self.wake();
        }
        new
    }

    fn queued_bytes(&self) -> usize {
        self.inbox_bytes.load(Ordering::Acquire) + self.out_bytes.load(Ordering::Acquire)
    }

    fn is_ready(&self) -> bool {
        self.closed.load(Ordering::Acquire) || self.queued_bytes() <= self.low_water
    }

    /// Wakes all who wait, outside of the lock: a waker may run anything.
    fn wake(&self) {
        let woken: Vec<Waker> = self.waiters().iter_mut().filter_map(|(_, waker)| waker.take()).collect();
        woken.into_iter().for_each(Waker::wake);
    }

    fn waiters(&self) -> MutexGuard<'_, Slab<Option<Waker>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
