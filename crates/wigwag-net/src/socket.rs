//! What a callback may do with its connection: [`Socket`]. Lent for the length of one callback.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use wigwag_proto::{CloseCode, CloseReason, Frames, Message, MessageKind, connection::Prepared};

use crate::{
    limits::FOREVER,
    local::{Agreed, Local},
    net::Handle,
    remote::Remote,
    service::Timer,
    topic::{Lag, Topic},
    worker::Worker,
};

/// Names one connection of one [`crate::Net`], for good: a number is not used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    pub(crate) worker: u16,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// What [`Socket::push`] does where the connection's queue has reached the push bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// Leave this message out.
    Skip,
    /// Close the connection with 1013 (try again later).
    Close,
}

/// The connection of the callback that is running.
pub struct Socket<'w> {
    pub(crate) worker: &'w mut Worker,
    pub(crate) slot: usize,
}

impl Socket<'_> {
    /// Queues a message; it goes out in one write with everything else that this turn queues. Never blocks.
    ///
    /// Dropped once the connection is closing, for nothing may follow a Close (RFC 6455 §5.5.1): see [`Self::is_open`].
    pub fn send(&mut self, message: Message<'_>) {
        self.worker.send(self.slot, message);
    }

    /// Queues one text message that lies in several parts: spares the caller from joining them. Else as [`Self::send`].
    pub fn send_text(&mut self, parts: &[&str]) {
        self.worker.send_parts(self.slot, MessageKind::Text, parts);
    }

    /// Queues one binary message that lies in several parts: spares the caller from joining them. Else as [`Self::send`].
    pub fn send_binary(&mut self, parts: &[&[u8]]) {
        self.worker.send_parts(self.slot, MessageKind::Binary, parts);
    }

    /// As [`Self::send`], for text that the caller has as bytes; it must be UTF-8.
    #[inline]
    pub fn send_bytes(&mut self, kind: MessageKind, payload: &[u8]) {
        self.worker.send_bytes(self.slot, kind, payload);
    }

    /// Queues messages, one after the other, as [`Self::send_bytes`] would each: what many short ones cost apart from their bytes is
    /// paid once. `messages` is gone through twice. `false`, and nothing is queued, where the connection is closing, or a message that
    /// is sent in pieces lacks its last one.
    #[inline]
    pub fn send_each<'m>(
        &mut self,
        kind: MessageKind,
        messages: impl ExactSizeIterator<Item = &'m [u8]> + Clone,
    ) -> bool {
        self.worker.send_each(self.slot, kind, messages)
    }

    /// As [`Self::send_text`] or [`Self::send_binary`], for text that the caller has as bytes; it must be UTF-8 as a whole.
    #[inline]
    pub fn send_parts(&mut self, kind: MessageKind, parts: &[&[u8]]) {
        self.worker.send_parts(self.slot, kind, parts);
    }

    /// Queues a piece of a message as a frame, for relays (see [`Self::set_piecewise`]). Until the last piece of a message
    /// is sent, whole messages are dropped.
    pub fn send_piece(&mut self, kind: MessageKind, piece: &[u8], last: bool) {
        self.worker.send_piece(self.slot, kind, piece, last);
    }

    /// Passes on messages that another connection received, for relays (see [`crate::Service::on_frames`]). Much of it is written at
    /// once, if nothing waits before it, and so never copied.
    pub fn send_frames(&mut self, frames: Frames<'_>) {
        self.worker.send_frames(self.slot, frames);
    }

    /// Queues an encoded message. `false` if it was left out, because the queue is full or the connection is closing.
    pub fn push(&mut self, message: &Prepared, on_full: OnFull) -> bool {
        self.worker.push(self.slot, message, on_full)
    }

    /// Queues a Ping; at most 125 bytes of `payload` are sent.
    pub fn ping(&mut self, payload: &[u8]) {
        self.worker.ping(self.slot, payload);
    }

    /// Queues a Pong that answers no Ping; at most 125 bytes of `payload` are sent. Pings are answered without it.
    pub fn pong(&mut self, payload: &[u8]) {
        self.worker.pong(self.slot, payload);
    }

    /// Starts the closing handshake: what is queued goes out first, then a Close with this code and reason.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        self.worker.start_close(self.slot, Some(code), reason);
    }

    /// As [`Self::close`], with what another Close said: perhaps without a code.
    pub fn close_with(&mut self, reason: &CloseReason) {
        self.worker.start_close(self.slot, reason.code, &reason.reason);
    }

    /// Whether messages can still be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.worker.is_open(self.slot)
    }

    /// Bytes that are queued and not yet taken by the operating system.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.worker.queued_bytes(self.slot)
    }

    /// Whether more is queued than the high-water mark allows, although the socket was offered all of it: who sends here
    /// what comes from elsewhere stops now, until [`crate::Service::on_writable`].
    pub fn is_backed_up(&mut self) -> bool {
        self.worker.is_backed_up(self.slot)
    }

    /// Writes what is queued now, as far as the socket takes it, and not only at the end of the turn.
    pub fn flush(&mut self) {
        self.worker.flush_in_callback(self.slot);
    }

    /// Calls `on_timer` after this time (granularity: 4 ms, never early). Timers end with the connection.
    pub fn timer(&mut self, after: Duration) -> Timer {
        let at = self.now().checked_add(after).unwrap_or_else(|| self.now() + FOREVER);
        self.timer_at(at)
    }

    /// Calls `on_timer` at this time; for pacing without drift.
    pub fn timer_at(&mut self, at: Instant) -> Timer {
        self.worker.service_timer(self.slot, at)
    }

    /// The time of this turn. The clock is read once per turn.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.worker.now()
    }

    /// Stops reading, and so slows the peer down, until [`Self::resume`] or [`Self::close`].
    pub fn pause(&mut self) {
        self.worker.pause(self.slot);
    }

    /// Reads again after [`Self::pause`].
    pub fn resume(&mut self) {
        self.worker.resume(self.slot);
    }

    /// Reports messages frame by frame as they arrive (`on_piece`) instead of whole; see
    /// [`wigwag_proto::Connection::set_piecewise`].
    pub fn set_piecewise(&mut self, piecewise: bool) {
        self.worker.set_piecewise(self.slot, piecewise);
    }

    /// Receives the topic's publications from now on. Gives the newest publication so far, which will not come again:
    /// whoever sends it on opening misses none and repeats none. Subscribing again changes nothing.
    pub fn subscribe(&mut self, topic: Topic, lag: Lag) -> Option<Prepared> {
        self.worker.subscribe(self.slot, topic, lag)
    }

    /// Ends a subscription. `false` if there was none.
    pub fn unsubscribe(&mut self, topic: Topic) -> bool {
        self.worker.unsubscribe(self.slot, topic)
    }

    /// Whether this connection is subscribed to the topic.
    #[must_use]
    pub fn is_subscribed(&self, topic: Topic) -> bool {
        self.worker.is_subscribed(self.slot, topic)
    }

    /// What the server's answer said; only for a client, and only in `on_open`.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.worker.agreed(self.slot)
    }

    /// This connection's name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.worker.id(self.slot)
    }

    /// A handle that other threads can use.
    pub fn remote(&mut self) -> Remote {
        self.worker.remote(self.slot)
    }

    /// The [`crate::Net`] that this connection belongs to.
    #[must_use]
    pub fn net(&self) -> &Handle {
        self.worker.handle()
    }

    /// Another connection of the same worker; `None` if it is gone, or on another worker, or still in its handshake.
    #[inline]
    pub fn other(&mut self, id: ConnectionId) -> Option<Socket<'_>> {
        let slot = self.worker.find(id)?;
        self.worker.mark_dirty(slot);
        Some(Socket { worker: self.worker, slot })
    }

    /// The worker that this callback runs on.
    #[must_use]
    pub fn local(&mut self) -> Local<'_> {
        Local { worker: self.worker }
    }

    /// The other side's address.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.worker.peer_address(self.slot)
    }
}
