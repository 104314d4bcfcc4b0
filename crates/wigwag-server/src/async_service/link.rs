//! What a connection's service on the worker and its future on tokio share: the inbox, and how far the connection is.

use std::{
    collections::VecDeque,
    mem::size_of,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, watch};
use wigwag_net::{CloseCode, Closed, Message, OwnedMessage, Remote, Socket};

/// One connection, between its worker and its future.
pub(crate) struct Link {
    remote: Remote,
    inbox: Mutex<Inbox>,
    inbox_bytes_max: usize,
    /// The inbox or the state has news for the one who receives.
    news: Notify,
    state: watch::Sender<State>,
}

/// Messages that wait for `recv`.
#[derive(Default)]
struct Inbox {
    messages: VecDeque<OwnedMessage>,
    bytes: usize,
    /// The worker does not read the connection.
    paused: bool,
    /// What still arrives is of no use to anyone.
    discarding: bool,
}

/// How far the connection is.
#[derive(Default)]
pub(super) struct State {
    pub(super) draining: bool,
    pub(super) closed: Option<Closed>,
}

/// For the worker.
impl Link {
    pub(crate) fn new(remote: Remote, inbox_bytes_max: usize) -> Self {
        Self { remote, inbox: Mutex::default(), inbox_bytes_max, news: Notify::new(), state: watch::Sender::default() }
    }

    /// Puts a message into the inbox; a full one stops the reading.
    pub(crate) fn deliver(&self, socket: &mut Socket<'_>, message: Message<'_>) {
        let mut inbox = self.inbox();
        if inbox.discarding {
            return;
        }
        let message = OwnedMessage::from(message);
        inbox.bytes += cost(&message);
        inbox.messages.push_back(message);
        let full = inbox.bytes >= self.inbox_bytes_max;
        inbox.paused |= full;
        drop(inbox);
        if full {
            // A resume that the receiver asks for from here on reaches the worker after this callback.
            socket.pause();
        }
        // Keeps one permit at most: a batch of messages wakes once.
        self.news.notify_one();
    }

    /// The server stops: what has arrived is still for the future, what comes now is not.
    pub(crate) fn drain(&self) {
        self.state.send_modify(|state| state.draining = true);
        self.discard();
        self.news.notify_one();
    }

    /// The connection is gone.
    pub(crate) fn end(&self, closed: Closed) {
        self.state.send_modify(|state| state.closed = Some(closed));
        self.news.notify_one();
    }
}

/// For the future.
impl Link {
    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    pub(super) fn state(&self) -> watch::Ref<'_, State> {
        self.state.borrow()
    }

    /// Waits for a message, or for the end of messages: `None`. Dropped while it waits, it has taken nothing.
    pub(super) async fn receive(&self) -> Option<OwnedMessage> {
        loop {
            // First the state, then the inbox: whatever arrived before the end is seen.
            let over = {
                let state = self.state();
                state.draining || state.closed.is_some()
            };
            if let Some(message) = self.take() {
                return Some(message);
            }
            if over {
                return None;
            }
            self.news.notified().await;
        }
    }

    /// Waits until the state is such.
    pub(super) async fn wait_until(&self, such: impl Fn(&State) -> bool) {
        // Fails only when the sender is gone, and that is ours.
        let _ = self.state.subscribe().wait_for(|state| such(state)).await;
    }

    pub(super) async fn closed(&self) -> Closed {
        let mut state = self.state.subscribe();
        let state = state.wait_for(|state| state.closed.is_some()).await.expect("the sender is ours");
        state.closed.clone().expect("waited for it")
    }

    /// Waits until the connection has been gone for this long.
    pub(super) async fn overstayed(&self, grace: Duration) {
        self.wait_until(|state| state.closed.is_some()).await;
        tokio::time::sleep(grace).await;
    }

    /// Starts the closing handshake. Reads on, so that the peer's Close is seen, and throws away what comes before it.
    pub(super) fn close(&self, code: CloseCode, reason: &str) {
        self.remote.close(code, reason);
        self.discard();
    }

    /// Nobody has anything more to say.
    pub(super) fn close_as_done(&self) {
        let draining = self.state().draining;
        if draining {
            self.close(CloseCode::GOING_AWAY, "the server is stopping");
        } else {
            self.close(CloseCode::NORMAL, "");
        }
    }

    /// The future panicked.
    pub(super) fn fail(&self) {
        self.remote.fail();
        self.discard();
    }

    /// Throws away what still arrives.
    pub(super) fn discard(&self) {
        let mut inbox = self.inbox();
        inbox.discarding = true;
        self.resume(inbox);
    }

    /// Nobody receives any more.
    pub(super) fn abandon_inbox(&self) {
        let mut inbox = self.inbox();
        inbox.messages = VecDeque::new();
        inbox.bytes = 0;
        inbox.discarding = true;
        self.resume(inbox);
    }

    fn take(&self) -> Option<OwnedMessage> {
        let mut inbox = self.inbox();
        let message = inbox.messages.pop_front()?;
        inbox.bytes -= cost(&message);
        if inbox.bytes <= self.inbox_bytes_max / 2 {
            self.resume(inbox);
        }
        Some(message)
    }

    fn resume(&self, mut inbox: MutexGuard<'_, Inbox>) {
        let paused = std::mem::take(&mut inbox.paused);
        drop(inbox);
        if paused {
            self.remote.resume();
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message costs in memory: empty ones are not free.
fn cost(message: &OwnedMessage) -> usize {
    message.as_bytes().len() + size_of::<OwnedMessage>()
}
