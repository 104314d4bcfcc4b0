//! The ways into a worker: [`Member`], the service of one connection, and [`Beat`], its pacer.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use wigwag_net::{Closed, Message, Messages, Pacer, Service, Socket, Turn};

use super::Core;
use crate::control::lock;

/// A worker, shared by its connections, its pacer and whoever takes snapshots.
pub(crate) type Shared = Arc<Mutex<Core>>;

/// One simulated client's connection.
pub(super) struct Member {
    pub(super) core: Shared,
    /// Its place in the worker.
    pub(super) local: u32,
}

impl Service for Member {
    fn on_connected(&mut self, now: Instant) {
        lock(&self.core).connected(self.local, now);
    }

    fn on_open(&mut self, socket: &mut Socket<'_>) {
        lock(&self.core).opened(self.local, socket);
    }

    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {
        unreachable!("on_messages takes them all");
    }

    fn on_messages(&mut self, messages: &mut Messages<'_, '_>) {
        lock(&self.core).received(self.local, messages);
    }

    fn on_close(&mut self, closed: &Closed) {
        lock(&self.core).closed(self.local, closed);
    }
}

/// The pacer of a worker.
pub(crate) struct Beat {
    core: Shared,
    due: Option<Instant>,
}

impl Beat {
    pub(crate) fn new(core: Shared) -> Self {
        Self { core, due: None }
    }
}

impl Pacer for Beat {
    fn on_pace(&mut self, turn: &mut Turn<'_>) -> Option<Instant> {
        let late = self.due.map_or(Duration::ZERO, |due| Instant::now().saturating_duration_since(due));
        let mut core = lock(&self.core);
        if self.due.is_none() {
            core.settle_in();
        }
        core.stall_max = core.stall_max.max(late);
        let stall = &mut core.ledger.tally.second.stall;
        *stall = stall.max(late.as_secs_f64());
        self.due = core.beat(turn, &self.core);
        self.due
    }
}
