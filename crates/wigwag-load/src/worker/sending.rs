//! When messages are sent: the closed loop (an answer makes room for the next), the open loop (the schedule says when),
//! pauses for thought; and what an arrival sets off.

use std::cmp::Reverse;

use wigwag_net::{Messages, Socket, Turn};

use super::{Core, Quota, State};
use crate::{ledger::Arrived, plan::Expect, shape::Schedule, snapshot::Phase};

impl Core {
    /// The first beat in which messages may be sent.
    pub(super) fn begin(&mut self, now: u64) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let job = &self.job;
        let (asked, workers) = (job.plan.plan(), job.plan.workers as u32);
        let sending = job.plan.duration.map(crate::shape::nanos);
        self.deadline = job.control.started().unwrap_or(now).saturating_add(sending.unwrap_or(u64::MAX));
        self.tempo = job.control.tempo();
        self.tempo_changes = job.control.tempo_changes();
        if job.rules.fan.is_some() {
            return;
        }
        let each = asked.per_connection.map(|each| each * u64::from(asked.connections));
        self.schedule = self
            .tempo
            .rate
            .map(|rate| Schedule::new(rate, self.index, workers, asked.messages.or(each), self.tempo.since.min(now)));
    }

    /// Sends what is due; gives when the next message is.
    pub(super) fn drive(&mut self, turn: &mut Turn<'_>, now: u64) -> Option<u64> {
        self.follow_tempo();
        if !self.players.is_empty() {
            return self.drive_scripts(turn, now);
        }
        if self.is_fan() {
            return self.drive_fan(turn, now);
        }
        if self.tempo.paused {
            return None;
        }
        if self.schedule.is_some() {
            return self.drive_open_loop(turn, now);
        }
        self.start_some(turn, now);
        let blocked = std::mem::take(&mut self.blocked);
        let is_blocked = !blocked.is_empty();
        for local in blocked {
            self.clients[local as usize].is_blocked = false;
            self.refill(local, turn, now);
        }
        let thought = self.end_thoughts(turn, now);
        let busy = is_blocked || (self.started_upto as usize) < self.clients.len();
        if busy { Some(now + BUSY_NANOS) } else { thought }
    }

    /// A connection is there, and messages may be sent.
    pub(super) fn start_client(&mut self, local: u32, socket: &mut Socket<'_>, now: u64) {
        if !self.players.is_empty() {
            return self.start_player(local, socket, now);
        }
        if self.schedule.is_some() || self.is_fan() {
            return;
        }
        let Some(think) = self.job.plan.plan().think else {
            self.fill(local, socket, now, u64::MAX);
            return;
        };
        if std::mem::replace(&mut self.clients[local as usize].has_thought, true) {
            return;
        }
        for _ in self.ledger.window(local).live()..self.job.plan.in_flight {
            // Not all at once: the first thought may be cut short.
            let pause = self.draw(think);
            let pause = self.random.u64(..=pause);
            self.think(local, now + pause);
        }
    }

    fn think(&mut self, local: u32, until: u64) {
        let opening = self.clients[local as usize].opening();
        self.thinking.push(Reverse((until, local, opening)));
    }

    pub(super) fn received(&mut self, local: u32, messages: &mut Messages<'_, '_>) {
        let read_at = messages.read_at();
        if self.read_at.0 != read_at {
            // Most are read together with others.
            self.read_at = (read_at, self.job.control.at(read_at));
        }
        let (_, now) = self.read_at;
        if !self.players.is_empty() {
            while let Some((mut socket, message)) = messages.take_next() {
                self.hear(local, &mut socket, message, now);
            }
        } else if self.is_fan() {
            while let Some((_, message)) = messages.take_next() {
                self.deliver(local, message, now);
            }
        } else {
            self.check(local, messages, now);
        }
    }

    /// Answers came in.
    fn check(&mut self, local: u32, messages: &mut Messages<'_, '_>, now: u64) {
        let wanted = self.job.rules.payloads.kind();
        let mut freed = 0;
        loop {
            // Nearly all, one after the other; what is left came in parts, or is not as it should be.
            let rules = &self.job.rules;
            let due = if rules.expects_tokens() {
                messages.take_equal(wanted, self.ledger.due_tokens(local, now)) as u32
            } else if !rules.names_answers() {
                // None would be found, after each was looked at.
                0
            } else {
                let mut answers = self.ledger.due_answers(local, now);
                messages.take_while(|kind, content| answers.is_next(kind == wanted, content));
                answers.count()
            };
            self.ledger.enter_answers(local, due, now);
            freed += due;
            let Some((mut socket, kind, content)) = messages.take_next_bytes() else { break };
            if self.ledger.due_answers(local, now).is_next(kind == wanted, content) {
                self.ledger.enter_answers(local, 1, now);
                freed += 1;
                continue;
            }
            let arrived = self.ledger.arrive_any(local, kind == wanted, content, now);
            if let Some((worker, note)) = arrived.note {
                self.job.control.send_note(worker, note);
            }
            match arrived.freed {
                Some(own) if own == local => freed += 1,
                Some(other) => {
                    let id = self.clients[other as usize].id;
                    if let Some(mut socket) = id.and_then(|id| socket.other(id)) {
                        self.make_room(other, &mut socket, now, 1);
                    }
                }
                None => {}
            }
        }
        if freed > 0 {
            self.make_room(local, &mut messages.socket(), now, freed);
        }
    }

    /// Draws the consequences of an answer that came elsewhere.
    pub(super) fn follow(&mut self, arrived: Arrived, turn: &mut Turn<'_>, now: u64) {
        if let Some(local) = arrived.freed {
            self.refill(local, turn, now);
        }
    }

    /// Looks for messages past the time-out, at a part of the clients per beat.
    pub(super) fn sweep(&mut self, turn: &mut Turn<'_>, now: u64) {
        let clients = self.clients.len() as u32;
        for _ in 0..clients.div_ceil(SWEEP_BEATS) {
            self.swept_upto = if self.swept_upto + 1 >= clients { 0 } else { self.swept_upto + 1 };
            let local = self.swept_upto;
            if self.ledger.expire(local, now) > 0 {
                self.refill(local, turn, now);
            }
        }
    }

    /// How many messages this client sends in the closed loop; `None` where that has no end.
    pub(super) fn quota(&self, local: u32) -> Option<u64> {
        let Quota { each, more } = self.quota?;
        let number = u64::from(local) * self.job.plan.workers as u64 + u64::from(self.index);
        Some(each + u64::from(number < more))
    }

    /// What this client has not sent will not be sent.
    pub(super) fn abandon(&mut self, local: u32) {
        let left = self.quota(local).map(|quota| quota - self.ledger.window(local).next().min(quota));
        if let (Some(pending), Some(left)) = (&mut self.pending, left) {
            *pending = pending.saturating_sub(left);
            self.abandoned += left;
        }
    }

    /// Pauses, goes on, changes the rate.
    fn follow_tempo(&mut self) {
        let changes = self.job.control.tempo_changes();
        if changes == self.tempo_changes {
            return;
        }
        self.tempo_changes = changes;
        self.tempo = self.job.control.tempo();
        if let (Some(schedule), Some(rate)) = (&mut self.schedule, self.tempo.rate) {
            schedule.set_rate(rate, self.index, self.job.plan.workers as u32, self.tempo.since);
        }
        if !self.tempo.paused {
            // Whoever was answered meanwhile has room.
            self.started_upto = 0;
        }
    }

    /// Starts clients that were opened before anything could be sent.
    pub(super) fn start_some(&mut self, turn: &mut Turn<'_>, now: u64) {
        let upto = (self.started_upto as usize + STARTS_PER_BEAT).min(self.clients.len()) as u32;
        for local in self.started_upto..upto {
            let client = &self.clients[local as usize];
            if client.state == State::Open
                && let Some(mut socket) = client.id.and_then(|id| turn.socket(id))
            {
                self.start_client(local, &mut socket, now);
            }
        }
        self.started_upto = upto;
    }

    /// Answers came, or messages are past the time-out: as many are sent, at once or after a thought each.
    fn make_room(&mut self, local: u32, socket: &mut Socket<'_>, now: u64, freed: u32) {
        if self.schedule.is_some() {
            return;
        }
        match self.job.plan.plan().think {
            None => drop(self.fill(local, socket, now, u64::MAX)),
            Some(think) => {
                for _ in 0..freed {
                    let pause = self.draw(think);
                    self.think(local, now + pause);
                }
            }
        }
    }

    fn refill(&mut self, local: u32, turn: &mut Turn<'_>, now: u64) {
        if let Some(mut socket) = self.clients[local as usize].id.and_then(|id| turn.socket(id)) {
            self.make_room(local, &mut socket, now, 1);
        }
    }

    /// The closed loop: sends until the window, the quota or the queue is full, and at most so many messages. Gives how many.
    fn fill(&mut self, local: u32, socket: &mut Socket<'_>, now: u64, most: u64) -> u64 {
        if !self.may_send_closed(local, socket, now) {
            return 0;
        }
        let in_flight = self.job.plan.in_flight;
        let next = self.ledger.window(local).next();
        let most = self.quota(local).map_or(most, |quota| quota.saturating_sub(next).min(most));
        // What nobody is to answer takes none.
        let room = in_flight.saturating_sub(self.ledger.window(local).live());
        let most = if matches!(self.job.rules.expect, Expect::Nothing) { most } else { most.min(room.into()) };
        let mut sent = 0;
        while sent < most {
            if socket.queued_bytes() > QUEUE_BYTES_MAX {
                if !std::mem::replace(&mut self.clients[local as usize].is_blocked, true) {
                    self.blocked.push(local);
                }
                break;
            }
            match self.send_some(local, socket, now, SENDS_PER_LOOK.min(most - sent)) {
                0 => break,
                some => sent += some,
            }
        }
        if let Some(pending) = &mut self.pending {
            *pending -= sent;
        }
        sent
    }

    /// Whether messages of the closed loop may be sent on this connection now.
    fn may_send_closed(&self, local: u32, socket: &Socket<'_>, now: u64) -> bool {
        let client = &self.clients[local as usize];
        self.has_begun
            && !self.tempo.paused
            && !client.is_retiring
            && now < self.deadline
            && client.state == State::Open
            && self.job.control.phase() == Phase::Running
            && socket.is_open()
    }

    /// Sends a message, or as many as `most` where that costs less; how many.
    #[inline]
    fn send_some(&mut self, local: u32, socket: &mut Socket<'_>, now: u64, most: u64) -> u64 {
        let rules = &self.job.rules;
        if most == 1 || !rules.sends_together() {
            self.send(local, socket, now, now);
            return 1;
        }
        let (kind, count) = (rules.payloads.kind(), most as u32);
        let is_sent = if rules.payloads.is_token_alone() {
            socket.send_each(kind, self.ledger.compose_tokens(local, count).iter().map(|token| &token[..]))
        } else {
            socket.send_each(kind, self.ledger.compose_joined(local, count).iter())
        };
        if !is_sent {
            return 0;
        }
        self.ledger.enter_composed(local, now);
        most
    }

    fn send(&mut self, local: u32, socket: &mut Socket<'_>, now: u64, intended: u64) {
        let (id, token) = self.ledger.enter_sent(local, now, intended);
        let payloads = &self.job.rules.payloads;
        if payloads.is_token_alone() {
            socket.send_each(payloads.kind(), [&token[..]].into_iter());
        } else {
            self.ledger.compose(id, now).with_parts(|kind, parts| socket.send_parts(kind, parts));
        }
    }

    /// The open loop: everything whose time has come, each on the next connection in turn.
    fn drive_open_loop(&mut self, turn: &mut Turn<'_>, now: u64) -> Option<u64> {
        for _ in 0..SENDS_PER_BEAT {
            let due = self.schedule.as_ref()?.due()?;
            // Read anew for each: composing thousands takes its time.
            let now = self.job.control.now();
            if due >= self.deadline {
                return None;
            }
            if due > now {
                return Some(due.max(now + GRAIN_NANOS));
            }
            if self.ledger.tally.account.outstanding >= OUTSTANDING_MAX || !self.send_to_next(turn, now, due) {
                match self.open.is_empty() {
                    true => self.absence.wait(due, now),
                    false => self.held_back += 1,
                }
                return Some(now + BUSY_NANOS);
            }
            if self.absence.covers(due) {
                self.absence.note_sent(due, now);
            }
            if let Some(schedule) = &mut self.schedule {
                schedule.advance();
            }
        }
        Some(now)
    }

    /// Sends a message on the next connection that takes one; `false` if none does.
    fn send_to_next(&mut self, turn: &mut Turn<'_>, now: u64, due: u64) -> bool {
        for _ in 0..self.open.len().min(CONNECTIONS_TRIED_MAX) {
            self.turn_of = if self.turn_of + 1 >= self.open.len() { 0 } else { self.turn_of + 1 };
            let local = self.open[self.turn_of];
            let client = &self.clients[local as usize];
            let Some(mut socket) = client.id.filter(|_| !client.is_retiring).and_then(|id| turn.socket(id)) else {
                continue;
            };
            if socket.is_open() && socket.queued_bytes() <= QUEUE_BYTES_MAX {
                self.send(local, &mut socket, now, due);
                return true;
            }
        }
        false
    }

    /// Sends for whoever has thought long enough; gives when the next one has.
    fn end_thoughts(&mut self, turn: &mut Turn<'_>, now: u64) -> Option<u64> {
        while let Some(Reverse((until, local, opening))) = self.thinking.peek().copied() {
            if until > now {
                return Some(until);
            }
            self.thinking.pop();
            let client = &self.clients[local as usize];
            // A connection that was opened anew has thoughts of its own.
            let id = client.id.filter(|_| client.opening() == opening);
            if let Some(mut socket) = id.and_then(|id| turn.socket(id))
                && self.fill(local, &mut socket, now, 1) > 0
                && self.ledger.window(local).live() == 0
            {
                // No answer is expected, so none will make room.
                self.make_room(local, &mut socket, now, 1);
            }
        }
        None
    }
}

/// Above this many queued bytes a connection gets no further message: the server does not keep up.
pub(super) const QUEUE_BYTES_MAX: usize = 256 << 10;
/// Messages under way per worker in the open loop, whatever the rate: 32 bytes each. Above it nothing is sent, and the lag
/// shows it.
const OUTSTANDING_MAX: u64 = 4 << 20;
/// At high rates messages go out in groups this far apart: a wake for each would cost more than it is worth.
const GRAIN_NANOS: u64 = 100_000;
/// So many messages are sent before the queue is looked at again.
const SENDS_PER_LOOK: u64 = 64;
const STARTS_PER_BEAT: usize = 512;
const SENDS_PER_BEAT: usize = 2048;
const CONNECTIONS_TRIED_MAX: usize = 64;
/// All clients are looked at for time-outs within so many beats.
const SWEEP_BEATS: u32 = 50;
/// While there is more to do, the next beat comes so soon, in nanoseconds.
pub(super) const BUSY_NANOS: u64 = 500_000;
