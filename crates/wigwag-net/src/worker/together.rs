//! Writing to several connections in one system call, where the system can: most of the time nothing is left to write then
//! when each is flushed.

use std::io;

use super::{Flags, Worker, system};

/// What a worker needs for it.
pub(super) struct Together {
    /// Whether a ring is to be made as soon as there is a use for it. Not before: what the thread does first may be to take
    /// leave of the process's table of descriptors, where it would stay open.
    wanted: bool,
    ring: Option<system::Ring>,
    /// Which connections take part.
    indices: Vec<u32>,
    /// What came of it.
    results: Vec<(u32, io::Result<usize>)>,
}

impl Together {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, ring: None, indices: Vec::new(), results: Vec::new() }
    }

    /// The ring, made if this is the first time.
    fn ring(&mut self) -> Option<&mut system::Ring> {
        if std::mem::take(&mut self.wanted) {
            let made = system::Ring::new();
            self.ring =
                made.inspect_err(|error| tracing::debug!(?error, "no io_uring: one system call for each write")).ok();
        }
        self.ring.as_mut()
    }
}

impl Worker {
    /// Writes what the connections that are being flushed have queued, those with nothing special about them. What
    /// follows from it is drawn by [`Self::settle`], which also writes what is left.
    pub(super) fn write_together(&mut self) {
        if self.flushing.len() < 2 || self.together.ring().is_none() {
            return;
        }
        for index in &self.flushing {
            let Some(slot) = self.slots.get_mut(*index as usize) else { continue };
            // A slot whose connection changed meanwhile is in the list twice, and its output must not go out twice.
            if slot.flags.lower(Flags::DIRTY) && slot.plain_output().is_some() {
                self.together.indices.push(*index);
            }
        }
        self.send_together();
        self.together.indices.clear();
        while let Some((index, result)) = self.together.results.pop() {
            self.note_written(index as usize, result);
        }
    }

    fn send_together(&mut self) {
        let Together { ring: Some(ring), indices, results, .. } = &mut self.together else { return };
        for indices in indices.chunks(system::SENDS_MAX).filter(|indices| indices.len() > 1) {
            let mut sends = Vec::with_capacity(indices.len());
            sends.extend(indices.iter().filter_map(|index| {
                let slot = &self.slots[*index as usize];
                Some(system::Send { key: *index, socket: &slot.socket, bytes: slot.plain_output()? })
            }));
            if let Err(error) = ring.send_all(&sends, results) {
                tracing::warn!(?error, "io_uring failed: from now on one system call for each write");
                self.together.ring = None;
                return;
            }
        }
    }

    fn note_written(&mut self, index: usize, result: io::Result<usize>) {
        let slot = &mut self.slots[index];
        let Some(connection) = &mut slot.connection else { return };
        match result {
            Ok(count) => {
                if connection.queued_bytes() > self.limits.out_queue_high_water {
                    // As `settle` does, which comes too late to see it.
                    slot.flags.set(Flags::WANTS_WRITABLE);
                }
                connection.handle_transmitted(count, &mut self.context);
                self.metrics.routes[usize::from(slot.route)].bytes_out.add(count as u64);
            }
            // It is tried again, and then waited for.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => slot.extra().write_error = Some(error.kind()),
        }
    }
}
