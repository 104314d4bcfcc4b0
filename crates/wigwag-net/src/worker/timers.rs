//! Timers: the life of a connection (handshake time-out, Ping, idle time-out), the ends of waits, services' own timers.

use std::time::{Duration, Instant};

use wigwag_proto::CloseCode;

use super::{Flags, Phase, Worker, guard, slot::Opening};
use crate::service::{CloseCause, OpenError, OpenErrorKind, Timer};

/// A timer of one connection, or of the worker itself.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub(super) slot: u32,
    pub(super) generation: u32,
    pub(super) what: What,
}

/// What a timer is for.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// Each connection has exactly one: first its handshake's, then its life clock.
    Life,
    /// A handshake waits for its service's decision no longer. Only where the life clock would look too late.
    Hold,
    /// The closing handshake lasts too long.
    Close,
    /// Input was discarded for long enough.
    Linger,
    /// The peer takes nothing.
    Write,
    Service(Timer),
    /// A listener may accept again.
    Accept(u16),
    /// A periodic task.
    Tick(u32),
}

impl Worker {
    pub(super) fn expire_timers(&mut self, due: &mut Vec<Due>) {
        self.wheel.expire(self.context.now, due);
        for timer in due.drain(..) {
            self.fire(timer);
        }
    }

    /// Starts the life clock anew: the connection was not read from for reasons of ours.
    pub(super) fn revive(&mut self, index: usize) {
        self.slots[index].life = self.life_now;
    }

    fn fire(&mut self, due: Due) {
        match due.what {
            What::Accept(listener) => return self.acceptance.wake(listener),
            What::Tick(number) => return self.tick(number),
            _ => {}
        }
        let index = due.slot as usize;
        let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.generation == due.generation) else { return };
        match due.what {
            What::Life => self.check_life(index),
            What::Hold if slot.phase == Phase::Held => self.expire_hold(index),
            What::Hold => {}
            What::Close => {
                if let Some(connection) = &mut slot.connection {
                    connection.handle_timeout(self.context.now);
                }
                if matches!(slot.phase, Phase::Open) {
                    self.remove_for(index, CloseCause::CloseTimeout);
                }
            }
            What::Linger => self.end_linger(index),
            What::Write => self.check_stall(index),
            What::Service(timer) => {
                self.call(index, |service, socket| service.on_timer(socket, timer));
                self.settle(index);
            }
            What::Accept(_) | What::Tick(_) => {}
        }
    }

    fn check_life(&mut self, index: usize) {
        let now = self.context.now;
        let slot = &mut self.slots[index];
        match (slot.phase, slot.extra.as_ref().and_then(|extra| extra.opening.as_ref())) {
            (_, Some(Opening::Server { deadline, .. })) if *deadline > now => {
                let left = *deadline - now;
                return self.arm(index, left, What::Life);
            }
            (_, Some(Opening::Held(held))) if held.deadline > now => {
                let left = held.deadline - now;
                return self.arm(index, left, What::Life);
            }
            (_, Some(Opening::Client { job, .. })) if job.deadline.is_some_and(|deadline| deadline > now) => {
                let left = job.deadline.map_or(Duration::ZERO, |deadline| deadline - now);
                return self.arm(index, left, What::Life);
            }
            _ => {}
        }
        match slot.phase {
            Phase::Accepting => {
                self.metrics.handshake_timeouts.add(1);
                return self.remove(index, CloseCause::IdleTimeout);
            }
            Phase::Held => return self.expire_hold(index),
            Phase::Connecting | Phase::Requesting => {
                if let Some(Opening::Client { job, .. }) = &mut slot.extra().opening {
                    let why = format!("no answer within {:?}", job.connect.timeout);
                    job.failure.get_or_insert_with(|| OpenError::new(OpenErrorKind::Timeout, why));
                }
                return self.remove(index, CloseCause::IdleTimeout);
            }
            Phase::Lingering | Phase::Gone => return,
            Phase::Open => {}
        }
        // While we ourselves do not read, the peer cannot show any life.
        let silence = if slot.takes_input() { self.life_now.wrapping_sub(slot.life) } else { 0 };
        let silence = Duration::from_millis(u64::from(silence));
        let idle = self.limits.idle_timeout;
        let ping = self.limits.ping_interval.min(idle);
        let next = if silence >= idle {
            self.end_with(index, CloseCode::GOING_AWAY, "no sign of life", CloseCause::IdleTimeout);
            return self.settle(index);
        } else if silence < ping {
            ping - silence
        } else {
            if slot.flags.raise(Flags::PINGED) {
                self.ping(index, b"");
                self.settle(index);
            }
            // An answer starts the silence anew: look again before the next Ping is due.
            ping.min(idle - silence)
        };
        self.arm(index, next, What::Life);
    }

    /// The write time-out: since when has the peer taken nothing?
    fn check_stall(&mut self, index: usize) {
        let now = self.context.now;
        let slot = &mut self.slots[index];
        let Some(since) = slot.extra.as_ref().and_then(|extra| extra.stalled_since) else {
            slot.extra().write_timer = false;
            return self.trim(index);
        };
        let waited = now.duration_since(since);
        if waited >= self.limits.write_timeout {
            return self.remove_for(index, CloseCause::WriteTimeout);
        }
        self.arm(index, self.limits.write_timeout - waited, What::Write);
    }

    fn end_linger(&mut self, index: usize) {
        let slot = &self.slots[index];
        if slot.flags.has(Flags::STALLED) {
            // The last words are not out yet: the write time-out decides.
            return self.arm(index, self.limits.linger_timeout, What::Linger);
        }
        self.remove(index, CloseCause::Local);
    }

    fn tick(&mut self, number: u32) {
        let Some(entry) = self.ticks.get_mut(number as usize) else { return };
        let Some((period, at, mut tick)) = entry.take() else { return };
        let handle = self.handle.clone();
        if self.drain.is_some() || guard("a periodic task", || tick(&handle)) != Some(true) {
            return;
        }
        // Paced by the intended time; what a long stop missed is left out.
        let mut next = at + period;
        if next < self.context.now {
            next = self.context.now + period;
        }
        self.ticks[number as usize] = Some((period, next, tick));
        self.wheel.insert(next, Due { slot: 0, generation: 0, what: What::Tick(number) });
    }

    /// As `remove`, but `cause` stands even where another was known.
    pub(super) fn remove_for(&mut self, index: usize, cause: CloseCause) {
        let extra = self.slots[index].extra();
        if matches!(extra.cause, None | Some(CloseCause::Local)) {
            extra.cause = Some(cause.clone());
        }
        self.remove(index, cause);
    }

    fn arm(&mut self, index: usize, after: Duration, what: What) {
        let generation = self.slots.get(index).map(|slot| slot.generation);
        if let Some(generation) = generation {
            let at: Instant = self.context.now + after;
            self.wheel.insert(at, Due { slot: index as u32, generation, what });
        }
    }
}
