//! Reading from several connections, and writing to several, in one system call each, where the system can.
//!
//! Writes: most of the time nothing is left to write then when each is flushed. Reads: each into a part of a buffer. What was
//! read there lies in [`Parts`] until its connection's turn comes, a moment later; whatever happened to the connection
//! meanwhile, it gets it, unless it is gone.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{Flags, Phase, Slot, Worker, system};
use crate::poll::Ready;

/// What a worker needs for it.
pub(super) struct Together {
    /// Whether a ring is to be made as soon as there is a use for it. Not before: what the thread does first may be to take
    /// leave of the process's table of descriptors, where it would stay open.
    wanted: bool,
    ring: Option<system::Ring>,
    /// Which connections are written to.
    indices: Vec<u32>,
    /// What came of it.
    results: system::Results,
    /// So many groups are read one by one: there was more to read than a part takes.
    apart: u32,
}

impl Together {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, ring: None, indices: Vec::new(), results: Vec::new(), apart: 0 }
    }

    /// Whether there is a ring, or one will be tried.
    fn may_have_ring(&self) -> bool {
        self.wanted || self.ring.is_some()
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

    /// The ring has failed.
    fn give_up(&mut self, error: &io::Error) {
        tracing::warn!(?error, "io_uring failed: from now on one system call for each read and each write");
        self.ring = None;
    }
}

/// What was read for the connections of a group, each in its part. No memory before it is used.
#[derive(Default)]
pub(super) struct Parts {
    /// When it was read.
    at: Option<Instant>,
    buffer: Vec<u8>,
    /// By the place in the group.
    results: Vec<Option<io::Result<usize>>>,
}

/// What was read for one connection.
pub(super) struct Early<'b> {
    pub(super) at: Option<Instant>,
    pub(super) result: io::Result<usize>,
    pub(super) buffer: &'b mut [u8],
}

impl Parts {
    /// What was read for the connection at this place of the group.
    pub(super) fn take(&mut self, place: usize) -> Option<Early<'_>> {
        let result = self.results.get_mut(place)?.take()?;
        Some(Early { at: self.at, result, buffer: &mut self.buffer[place * PART_BYTES..][..PART_BYTES] })
    }
}

impl Worker {
    /// Reads what those have that are ready, in groups, and dispatches it.
    pub(super) fn handle_all(&mut self, ready: &[Ready], parts: &mut Parts, buffer: &mut [u8]) {
        let group_size = match ready.len() {
            MANY.. => MANY,
            _ if self.together.apart == 0 && self.together.may_have_ring() => SOME,
            _ => READS_PER_FLUSH,
        };
        ready.chunks(group_size).for_each(|group| self.handle_group(group, parts, buffer));
    }

    /// Reads what these connections have and dispatches it; what they answer goes out together.
    fn handle_group(&mut self, group: &[Ready], parts: &mut Parts, buffer: &mut [u8]) {
        let is_early = self.read_together(group, parts);
        let is_large = group.len() > READS_PER_FLUSH;
        parts.at = (is_early || is_large).then(Instant::now);
        let mut written = parts.at.unwrap_or(self.context.now);
        for (count, event) in (1..).zip(group) {
            self.handle_ready(*event, parts.take(count - 1), buffer);
            let may_flush = is_large && count % READS_PER_FLUSH == 0 && count < group.len();
            if may_flush && written.elapsed() >= ANSWERS_WAIT_MAX {
                self.flush_dirty();
                written = Instant::now();
            }
        }
        self.flush_dirty();
    }

    /// Reads what the connections of a group have, those with nothing special about them; whether that is done at all.
    fn read_together(&mut self, group: &[Ready], parts: &mut Parts) -> bool {
        parts.results.clear();
        if group.len() < FEW || !self.together.may_have_ring() {
            return false;
        }
        if self.together.apart > 0 {
            self.together.apart -= 1;
            return false;
        }
        let size = group.len() * PART_BYTES;
        if parts.buffer.len() < size {
            parts.buffer.resize(size, 0);
        }
        parts.results.resize_with(group.len(), || None);
        let places = (0..).zip(group).zip(parts.buffer.chunks_mut(PART_BYTES));
        let mut receives = Vec::with_capacity(group.len());
        receives.extend(places.filter_map(|((key, event), buffer)| {
            let Ready::Connection { slot, generation, readable: true, ended: false, .. } = *event else { return None };
            let slot = self.slots.get(slot as usize)?;
            let may = slot.generation == generation && reads_plainly(slot);
            may.then_some(system::Receive { key, socket: &slot.socket, buffer })
        }));
        if receives.len() < FEW || self.together.ring().is_none() {
            return false;
        }
        let Together { ring: Some(ring), results, .. } = &mut self.together else { return false };
        let outcome = ring.receive_all(&mut receives, results);
        for (place, result) in self.together.results.drain(..) {
            if matches!(result, Ok(PART_BYTES)) {
                self.together.apart = GROUPS_APART;
            }
            parts.results[place as usize] = Some(result);
        }
        if let Err(error) = outcome {
            self.together.give_up(&error);
        }
        true
    }

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
        for indices in indices.chunks(system::CALLS_MAX).filter(|indices| indices.len() > 1) {
            let mut sends = Vec::with_capacity(indices.len());
            sends.extend(indices.iter().filter_map(|index| {
                let slot = &self.slots[*index as usize];
                Some(system::Send { key: *index, socket: &slot.socket, bytes: slot.plain_output()? })
            }));
            if let Err(error) = ring.send_all(&sends, results) {
                return self.together.give_up(&error);
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

/// Whether what the socket has goes to the connection as it is, and now.
fn reads_plainly(slot: &Slot) -> bool {
    let plain = slot.extra.as_ref().is_none_or(|extra| extra.is_plain() && extra.kept.is_empty());
    slot.phase == Phase::Open && plain && slot.takes_input()
}

/// Connections are read in groups before what answers them is written: what the kernel does to read and what it does to write
/// push each other out of the cache. In such groups with 10,000 busy connections a message costs 4 % less CPU than with a
/// write after each read, with 64 of them 2 % less.
const READS_PER_FLUSH: usize = 8;
/// Groups are so large where they may be read in one system call, and what was read fits into parts.
const SOME: usize = 2 * READS_PER_FLUSH;
/// Groups are so large where so many connections are ready at once.
const MANY: usize = system::CALLS_MAX;
/// So many, at least, are read in one system call.
const FEW: usize = 4;
/// What is read for a connection together with others; where there is more, the rest is read when its turn comes.
const PART_BYTES: usize = 2 << 10;
/// Messages that do not fit into a part are better read in one: so many groups are, before it is tried again.
const GROUPS_APART: u32 = 64;
/// In a large group, answers wait no longer than this for the work that services have with those who come after.
const ANSWERS_WAIT_MAX: Duration = Duration::from_millis(1);
