//! Reading: from a socket into the worker's buffer, and on to whoever the connection's phase says.

use std::io;

use super::{Flags, Phase, Slot, Worker, client::failed_handshake, system, together::Early};
use crate::service::CloseCause;

/// Reads per connection and turn: what is left waits for the next turn, so that one busy peer starves none.
const READS_PER_TURN: usize = 4;

enum Outcome {
    Bytes(usize),
    Drained,
    End,
    Failed(io::Error),
}

impl Worker {
    /// Reads what the connection has, within the bounds of a turn.
    pub(super) fn read(&mut self, index: usize, buffer: &mut [u8]) {
        for round in 0..READS_PER_TURN {
            if round > 0 && !self.settle_before_read(index) {
                return;
            }
            let Some(slot) = self.slots.get_mut(index) else { return };
            if !slot.flags.has(Flags::READABLE) || !slot.takes_input() || slot.phase == Phase::Gone {
                return;
            }
            if slot.has_kept() {
                return self.queue_run(index);
            }
            let outcome = read_once(slot, buffer);
            if !self.handle_outcome(index, outcome, buffer) {
                return;
            }
        }
        if self.slots.get(index).is_some_and(|slot| slot.flags.has(Flags::READABLE) && slot.takes_input()) {
            self.queue_run(index);
        }
    }

    /// As [`Self::read`], where some of it has been read already. If the connection is to wait since, that is kept for it.
    pub(super) fn read_on(&mut self, index: usize, early: Early<'_>, buffer: &mut [u8]) {
        let Early { at, result, buffer: part } = early;
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            return self.read(index, buffer);
        }
        self.read_at = at;
        let goes_on = self.handle_outcome(index, Outcome::of(result), part);
        self.read_at = None;
        if goes_on && self.settle_before_read(index) {
            self.read(index, buffer);
        }
    }

    /// What came before is answered before more is read, which may be the end. `false` if there is nothing to read.
    fn settle_before_read(&mut self, index: usize) -> bool {
        let is_readable = self.slots.get(index).is_some_and(|slot| slot.flags.has(Flags::READABLE));
        if is_readable {
            self.settle(index);
        }
        is_readable
    }

    /// Draws the consequences of a read into `buffer`; whether there may be more.
    fn handle_outcome(&mut self, index: usize, outcome: Outcome, buffer: &mut [u8]) -> bool {
        let slot = &mut self.slots[index];
        match outcome {
            Outcome::Bytes(count) => {
                slot.life = self.life_now;
                slot.flags.clear(Flags::PINGED);
                // A short read means drained, unless the end is known to follow: its event is past already. TLS
                // holds bytes of its own, there only the session can say.
                if count < buffer.len() && !slot.flags.has(Flags::ENDED) && !slot.flags.has(Flags::TLS) {
                    slot.flags.clear(Flags::READABLE);
                }
                self.handle_input(index, &mut buffer[..count]);
                return true;
            }
            Outcome::Drained => {
                slot.flags.clear(Flags::READABLE);
                let waits = slot.flags.has(Flags::TLS) && !slot.flags.has(Flags::STALLED);
                if waits
                    && slot.extra.as_ref().and_then(|extra| extra.tls.as_ref()).is_some_and(|tls| tls.wants_write())
                {
                    // The session's own messages (handshake, key update) did not fit into the socket.
                    self.settle(index);
                }
            }
            Outcome::End => {
                slot.flags.clear(Flags::READABLE);
                self.handle_end(index);
            }
            Outcome::Failed(error) if slot.phase == Phase::Requesting => {
                // A certificate that cannot be verified, say: who connects should know.
                self.fail_opening(index, failed_handshake(&error));
            }
            Outcome::Failed(error) => self.remove(index, CloseCause::Io(error.kind())),
        }
        false
    }

    fn handle_input(&mut self, index: usize, bytes: &mut [u8]) {
        match self.slots[index].phase {
            Phase::Open => self.dispatch_grouped(index, bytes),
            Phase::Accepting => self.handle_request(index, bytes),
            Phase::Requesting => self.handle_response(index, bytes),
            Phase::Lingering => self.discard(index, bytes.len()),
            Phase::Connecting | Phase::Held | Phase::Gone => {}
        }
    }

    /// Throws input away that comes after our end, within bounds.
    fn discard(&mut self, index: usize, bytes: usize) {
        let limit = self.limits.linger_bytes_max;
        let extra = self.slots[index].extra();
        extra.lingered_bytes = extra.lingered_bytes.saturating_add(bytes);
        if extra.lingered_bytes > limit {
            self.remove(index, CloseCause::Local);
        }
    }
}

impl Outcome {
    fn of(result: io::Result<usize>) -> Self {
        match result {
            Ok(0) => Self::End,
            Ok(count) => Self::Bytes(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Drained,
            Err(error) => Self::Failed(error),
        }
    }
}

fn read_once(slot: &mut Slot, buffer: &mut [u8]) -> Outcome {
    loop {
        let result = if slot.flags.has(Flags::TLS) {
            let tls = slot.extra.as_mut().and_then(|extra| extra.tls.as_mut()).expect("the flag says so");
            tls.read(&slot.socket, buffer)
        } else {
            system::read(&slot.socket, buffer)
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return Outcome::of(result),
        }
    }
}
