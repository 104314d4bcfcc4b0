//! The worker that a callback runs on: reaches its other connections without a queue ([`Local`]), opens connections on it,
//! and answers handshakes that wait ([`Held`]).

use std::{any::Any, time::Instant};

use crate::{
    acceptor::Refusal,
    net::{Connect, Handle},
    service::{Service, Timer},
    socket::{ConnectionId, Socket},
    worker::Worker,
};

/// The worker that a callback runs on. Lent for the length of one callback.
pub struct Local<'w> {
    pub(crate) worker: &'w mut Worker,
}

/// A connection whose opening handshake waits for its service's decision.
pub struct Held<'w> {
    pub(crate) worker: &'w mut Worker,
    pub(crate) slot: usize,
}

/// What a server answered to our handshake.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// The subprotocol that the server chose.
    pub protocol: Option<String>,
    /// The head of its 101.
    pub(crate) head: Vec<u8>,
}

impl Local<'_> {
    /// An open connection of this worker; `None` if it is gone, or on another worker, or still in its handshake.
    pub fn socket(&mut self, id: ConnectionId) -> Option<Socket<'_>> {
        let slot = self.worker.find(id)?;
        self.worker.mark_dirty(slot);
        Some(Socket { worker: self.worker, slot })
    }

    /// A connection of this worker whose handshake waits; `None` if it does not, or not any longer.
    pub fn held(&mut self, id: ConnectionId) -> Option<Held<'_>> {
        let slot = self.worker.find_held(id)?;
        Some(Held { worker: self.worker, slot })
    }

    /// Calls [`Service::on_told`] of an open or waiting connection of this worker, at once. `false` if it is gone, or if its
    /// service is just running: who calls is told by none whom it calls.
    pub fn tell(&mut self, id: ConnectionId, what: Box<dyn Any>) -> bool {
        self.worker.tell(id, what)
    }

    /// Opens a connection as client on this worker. As [`Handle::connect`], but a name must be an address or come with
    /// [`Connect::addresses`]. Never calls `service` before this callback is over. `None` if it has failed already, of which
    /// `service` will hear as usual.
    pub fn connect(&mut self, connect: Connect, service: impl Service) -> Option<ConnectionId> {
        self.worker.connect_here(connect, Box::new(service))
    }

    /// Gives up a connection that [`Self::connect`] is opening; its service is dropped and told nothing. Nothing happens once
    /// it is open.
    pub fn cancel(&mut self, id: ConnectionId) {
        self.worker.cancel(id);
    }

    /// The time of this turn.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.worker.now()
    }

    /// The [`crate::Net`] that this worker belongs to.
    #[must_use]
    pub fn net(&self) -> &Handle {
        self.worker.handle()
    }
}

impl Held<'_> {
    /// Answers 101 with this subprotocol (one that was offered) and these further headers. What came after the request is
    /// the first input; `on_open` is not called. `None` if the answer cannot be written: it is a 500 then.
    pub fn accept(self, protocol: Option<&str>, headers: &[(&str, &str)]) -> Option<ConnectionId> {
        let id = self.id();
        self.worker.accept_held(self.slot, protocol, headers).then_some(id)
    }

    /// Answers with an HTTP status instead. The service is not called again.
    pub fn refuse(self, refusal: &Refusal) {
        self.worker.refuse_held(self.slot, refusal);
    }

    /// Calls `on_timer` at this time, be the connection open then or not.
    pub fn timer_at(&mut self, at: Instant) -> Timer {
        self.worker.service_timer(self.slot, at)
    }

    /// This connection's name, now and when it is open.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.worker.id(self.slot)
    }

    /// The worker that this callback runs on.
    #[must_use]
    pub fn local(&mut self) -> Local<'_> {
        Local { worker: self.worker }
    }
}

impl Agreed {
    /// The values of all headers of this name (any case) that are text.
    pub fn headers<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.lines().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All header lines that are text: name and value.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines.filter_map(|line| {
            let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
            Some((name, value.trim()))
        })
    }
}
