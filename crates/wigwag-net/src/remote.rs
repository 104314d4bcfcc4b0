//! A connection reached from another thread: [`Remote`]. Cheap to clone; what it queues is bounded.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use wigwag_proto::{CloseCode, Message};

use crate::{
    net::{Command, Inbox, Outgoing},
    socket::ConnectionId,
};

/// Why a message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The peer reads too slowly: the queue is above its high-water mark. Try again when [`Remote::poll_ready`] says so.
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

/// What the worker and all remotes of one connection share.
#[derive(Debug)]
pub(crate) struct RemoteState {
    pub(crate) id: ConnectionId,
    pub(crate) inbox: Arc<Inbox>,
    high_water: usize,
    low_water: usize,
    /// Bytes on their way to the worker.
    inbox_bytes: AtomicUsize,
    /// Bytes in the connection's out-queue after its last flush.
    out_bytes: AtomicUsize,
    closed: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Remote {
    /// Queues a message; never waits. One message may be larger than the high-water mark.
    pub fn send(&self, message: Message<'_>) -> Result<(), SendError> {
        if self.state.closed.load(Ordering::Acquire) {
            return Err(SendError::Closed);
        }
        if self.state.queued_bytes() > self.state.high_water {
            return Err(SendError::Full);
        }
        let message = Outgoing::from(message);
        self.state.inbox_bytes.fetch_add(message.bytes(), Ordering::AcqRel);
        self.state.inbox.push(Command::Send(self.state.clone(), message));
        Ok(())
    }

    /// Ready when the queue is below its low-water mark, or the connection is gone; wakes when it becomes so.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state.is_ready() {
            return Poll::Ready(());
        }
        self.state.register(cx.waker());
        // The worker may have drained the queue between the check and the registration.
        if self.state.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Starts the closing handshake.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.state.inbox.push(Command::Close(self.state.id, code, reason.to_owned()));
    }

    /// Reads again after [`crate::Socket::pause`].
    pub fn resume(&self) {
        self.state.inbox.push(Command::Resume(self.state.id));
    }

    /// Whether the connection is gone.
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
            wakers: Mutex::default(),
        }
    }

    /// The worker took a message of this size out of its inbox.
    pub(crate) fn taken(&self, bytes: usize) {
        self.inbox_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// The connection's out-queue has grown to `bytes`.
    pub(crate) fn queued(&self, bytes: usize) {
        self.out_bytes.store(bytes, Ordering::Release);
    }

    /// The worker flushed the connection; `bytes` are left.
    pub(crate) fn flushed(&self, bytes: usize) {
        self.out_bytes.store(bytes, Ordering::Release);
        if self.is_ready() {
            self.wake();
        }
    }

    /// The connection is gone.
    pub(crate) fn gone(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    fn queued_bytes(&self) -> usize {
        self.inbox_bytes.load(Ordering::Acquire) + self.out_bytes.load(Ordering::Acquire)
    }

    fn is_ready(&self) -> bool {
        self.closed.load(Ordering::Acquire) || self.queued_bytes() <= self.low_water
    }

    /// Who asks again and again is woken once.
    fn register(&self, waker: &Waker) {
        let mut wakers = self.wakers();
        if !wakers.iter().any(|other| other.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(Waker::wake);
    }

    fn wakers(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
