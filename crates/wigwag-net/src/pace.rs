//! Paced work of a client that has many connections: [`Pacer`], which a worker calls at the times that it names itself.
//!
//! A connection's own timers are coarse and cost memory each; a load tester wants one clock per worker and reaches its
//! connections from there. Absent: rates and schedules, which are the pacer's.

use std::time::Instant;

use crate::{
    net::Handle,
    socket::{ConnectionId, Socket},
    worker::Worker,
};

/// What a worker does beside serving its connections; see [`Handle::pace`].
pub trait Pacer: Send + 'static {
    /// The time has come. Gives when to be called next, as early as now; `None` ends it. Must not block.
    ///
    /// It comes some microseconds late when the worker is idle (up to a millisecond where the system is not Linux), and
    /// after the connections that are ready when it is busy.
    fn on_pace(&mut self, turn: &mut Turn<'_>) -> Option<Instant>;
}

/// The worker whose pacer runs, lent for the length of the call.
pub struct Turn<'w> {
    pub(crate) worker: &'w mut Worker,
}

impl Turn<'_> {
    /// An open connection of this worker. What is sent goes out when the pacer has returned.
    pub fn socket(&mut self, id: ConnectionId) -> Option<Socket<'_>> {
        let slot = self.worker.find(id)?;
        self.worker.mark_dirty(slot);
        Some(Socket { worker: self.worker, slot })
    }

    /// The [`crate::Net`] that the worker belongs to.
    #[must_use]
    pub fn net(&self) -> &Handle {
        self.worker.handle()
    }
}
