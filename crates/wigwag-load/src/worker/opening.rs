//! Opening, retiring and closing connections, and what their ends mean.

use std::{cmp::Reverse, io, time::Instant};

use wigwag_net::{CloseCause, CloseCode, Closed, Connect, OpenError, OpenErrorKind, Socket, Turn};

use super::{Core, Shared, State, member::Member};
use crate::{
    ledger::End,
    shape::{nanos, share},
    snapshot::Phase,
};

impl Core {
    /// Opens what is wanted now and not there, within the rate and the number that may be under way.
    pub(super) fn open_wanted(&mut self, turn: &mut Turn<'_>, shared: &Shared, now: u64) {
        let (index, workers) = (self.index, self.job.plan.workers as u32);
        let asked = self.job.plan.plan();
        let opening_max = u64::from((OPENING_MAX / workers).max(1));
        let allowed = asked.connect_rate.map_or(u64::MAX, |rate| {
            // Workers take turns: the n-th connection of all is due at n / rate.
            (now as f64 / 1e9 * rate / f64::from(workers) + 1.0 - f64::from(index) / f64::from(workers)) as u64
        });
        let wanted = share(self.job.crowd.wanted(self.sending_time(now)), index, workers);
        while self.unborn_from < wanted && self.connections.opening < opening_max && self.attempts < allowed {
            let local = self.unborn_from;
            self.unborn_from += 1;
            if self.clients[local as usize].state == State::Unborn {
                self.attempts += 1;
                self.connect(local, turn, shared, now);
            }
        }
        while self.connections.opening < opening_max
            && let Some(Reverse((due, local))) = self.reopen.peek().copied()
            && due <= now
        {
            self.reopen.pop();
            self.connect(local, turn, shared, now);
        }
    }

    /// Ends clients that are not wanted any more, once their messages are answered.
    pub(super) fn retire(&mut self, turn: &mut Turn<'_>, now: u64) {
        if self.job.crowd.is_steady() {
            return;
        }
        let wanted = share(self.job.crowd.wanted(self.sending_time(now)), self.index, self.job.plan.workers as u32);
        for local in wanted..self.unborn_from {
            let client = &mut self.clients[local as usize];
            client.is_retiring = true;
            if client.state == State::Open && self.ledger.outstanding(local) == 0 {
                self.close(local, turn, now);
            }
        }
        // Whoever is below it again will be born anew.
        self.unborn_from = self.unborn_from.min(wanted.max(self.lowest_unborn()));
    }

    /// Sends Closes, a number per beat: thousands at once would keep the worker from reading.
    pub(super) fn close_some(&mut self, turn: &mut Turn<'_>, now: u64) {
        for _ in 0..CLOSES_PER_BEAT {
            let Some(local) = self.open.last().copied() else { break };
            self.close(local, turn, now);
        }
        while let Some(Reverse((_, local))) = self.reopen.pop() {
            self.forget(local, now);
        }
    }

    pub(super) fn connected(&mut self, local: u32, at: Instant) {
        let now = self.job.control.at(at);
        let client = &mut self.clients[local as usize];
        let took = now.saturating_sub(client.since);
        client.connect_micros = u32::try_from(took / 1000).unwrap_or(u32::MAX);
        self.ledger.tally.times.connect.record_nanos(took);
    }

    pub(super) fn opened(&mut self, local: u32, socket: &mut Socket<'_>) {
        let now = self.job.control.now();
        let client = &mut self.clients[local as usize];
        let took = now.saturating_sub(client.since);
        let handshake = took.saturating_sub(u64::from(client.connect_micros) * 1000);
        client.id = Some(socket.id());
        client.attempts = 0;
        client.place = self.open.len() as u32;
        client.has_thought = false;
        self.open.push(local);
        self.set_state(local, State::Open, now);
        self.connections.opening -= 1;
        self.connections.open += 1;
        self.connections.opened += 1;
        self.connections.open_max = self.connections.open_max.max(self.connections.open);
        let tally = &mut self.ledger.tally;
        tally.times.open.record_nanos(took);
        tally.times.handshake.record_nanos(handshake);
        tally.second.opened += 1;
        if let Some(died) = self.died.remove(&local) {
            self.connections.recovered += 1;
            tally.times.recovery.record_nanos(now.saturating_sub(died));
        }
        self.enter_script(local, now);
        self.enter_fan(local, socket, now);
        match self.job.control.phase() {
            Phase::Running if self.has_begun => self.start_client(local, socket, now),
            Phase::Closing | Phase::Done => {
                self.end(local, now);
                socket.close(CloseCode::NORMAL, "");
            }
            _ => {}
        }
    }

    pub(super) fn closed(&mut self, local: u32, closed: &Closed) {
        let now = self.job.control.now();
        if self.job.control.is_aborting() {
            return self.cut_off(local, now);
        }
        let was = self.clients[local as usize].state;
        match (was, &closed.cause) {
            (State::Opening, CloseCause::NotOpened(error)) => {
                self.connections.opening -= 1;
                self.connections.failed += 1;
                self.note_error(describe_failure(error));
                self.go_on(local, now);
            }
            (State::Open, cause) => {
                self.leave(local);
                self.connections.lost += 1;
                self.ledger.tally.second.lost += 1;
                self.first_death.get_or_insert(now);
                self.note_error(describe_death(cause, closed));
                self.ledger.end(local, End::Died);
                self.died.entry(local).or_insert(now);
                self.go_on(local, now);
            }
            (State::Ending, CloseCause::Local | CloseCause::Peer) => {
                self.connections.closed += 1;
                self.ledger.end(local, End::Closed);
                self.forget(local, now);
            }
            (State::Ending, cause) => {
                self.note_error(format!("after our Close: {}", describe_death(cause, closed)));
                self.ledger.end(local, End::Died);
                self.forget(local, now);
            }
            _ => self.forget(local, now),
        }
    }

    /// The run is ended at once by hand: that connections end is nobody's fault.
    fn cut_off(&mut self, local: u32, now: u64) {
        match self.clients[local as usize].state {
            State::Opening => self.connections.opening -= 1,
            State::Open => self.leave(local),
            _ => {}
        }
        self.connections.cut += 1;
        self.ledger.end(local, End::Died);
        self.forget(local, now);
    }

    /// Sends a Close; what comes up to the peer's Close still counts.
    fn close(&mut self, local: u32, turn: &mut Turn<'_>, now: u64) {
        self.end(local, now);
        if let Some(mut socket) = self.clients[local as usize].id.and_then(|id| turn.socket(id)) {
            socket.close(CloseCode::NORMAL, "");
        }
    }

    fn end(&mut self, local: u32, now: u64) {
        self.leave(local);
        self.set_state(local, State::Ending, now);
    }

    fn connect(&mut self, local: u32, turn: &mut Turn<'_>, shared: &Shared, now: u64) {
        let job = &self.job;
        let mut number = local as usize * job.plan.workers + self.index as usize;
        let mut addresses = job.addresses.clone();
        if job.are_servers {
            let first = number % addresses.len();
            // Each server is reached from each source.
            number /= addresses.len();
            addresses.rotate_left(first);
        }
        let source = (!job.sources.is_empty()).then(|| job.sources[number % job.sources.len()]);
        let connect = Connect { addresses, source, ..job.connect.clone() };
        self.set_state(local, State::Opening, now);
        self.connections.opening += 1;
        turn.net().connect(connect, Member { core: shared.clone(), local });
    }

    /// Takes a client out of the list of open ones.
    fn leave(&mut self, local: u32) {
        let place = self.clients[local as usize].place as usize;
        self.open.swap_remove(place);
        if let Some(moved) = self.open.get(place) {
            self.clients[*moved as usize].place = place as u32;
        }
        self.connections.open -= 1;
        self.leave_script(local);
    }

    /// After a death or a failure: again later, or never.
    fn go_on(&mut self, local: u32, now: u64) {
        let may = self.job.control.phase() <= Phase::Running && !self.clients[local as usize].is_retiring;
        let Some(backoff) = self.job.plan.plan().reconnect.filter(|_| may) else {
            return self.forget(local, now);
        };
        self.set_state(local, State::Waiting, now);
        let client = &mut self.clients[local as usize];
        client.id = None;
        let doubled = nanos(backoff.first).saturating_mul(1 << client.attempts.min(20));
        client.attempts = client.attempts.saturating_add(1);
        let pause = doubled.min(nanos(backoff.most)).max(1);
        // Jitter, lest thousands come back in one moment: half of the pause to all of it.
        let pause = pause - self.random.u64(..=pause / 2);
        self.reopen.push(Reverse((now + pause, local)));
    }

    fn forget(&mut self, local: u32, now: u64) {
        let retired = self.clients[local as usize].is_retiring && self.job.control.phase() <= Phase::Running;
        self.set_state(local, if retired { State::Unborn } else { State::Gone }, now);
        let client = &mut self.clients[local as usize];
        client.id = None;
        client.is_retiring = false;
        self.died.remove(&local);
        if retired {
            self.unborn_from = self.unborn_from.min(local);
        } else {
            self.abandon(local);
        }
    }

    /// The first client that was retired and is gone.
    fn lowest_unborn(&self) -> u32 {
        let unborn = self.clients[..self.unborn_from as usize].iter().position(|client| client.state == State::Unborn);
        unborn.map_or(self.unborn_from, |at| at as u32)
    }

    /// The time by which the crowd is shaped: from the start on, where everything starts at once.
    fn sending_time(&self, now: u64) -> u64 {
        now.saturating_sub(self.job.control.started().unwrap_or(now))
    }

    fn note_error(&mut self, what: String) {
        self.ledger.tally.second.errors += 1;
        let known = self.errors.contains_key(&what) || self.errors.len() < ERRORS_MAX;
        *self.errors.entry(if known { what } else { "other".to_owned() }).or_default() += 1;
    }
}

fn describe_failure(error: &OpenError) -> String {
    match error.kind {
        OpenErrorKind::Unreachable(_) if error.why.contains("os error 24") => TOO_MANY_FILES.to_owned(),
        OpenErrorKind::Unreachable(io::ErrorKind::AddrNotAvailable) => NO_PORT.to_owned(),
        OpenErrorKind::Unreachable(kind) => format!("connect: {kind}"),
        OpenErrorKind::Timeout => "connect: timed out".to_owned(),
        _ => format!("handshake: {}", error.why),
    }
}

fn describe_death(cause: &CloseCause, closed: &Closed) -> String {
    match cause {
        CloseCause::Peer => format!("closed by the server with {}", closed.code()),
        CloseCause::Eof => "ended by the server without a Close".to_owned(),
        CloseCause::Io(kind) => format!("failed: {kind}"),
        CloseCause::Protocol(error) => format!("the server broke the protocol: {error}"),
        other => other.to_string(),
    }
}

/// Connections under way at once in all: fewer than a listener's backlog usually holds.
const OPENING_MAX: u32 = 256;
const CLOSES_PER_BEAT: usize = 256;
/// Different errors that are told apart by each worker.
const ERRORS_MAX: usize = 64;
/// The generator's own limits, by which their saturation is recognised.
pub(crate) const TOO_MANY_FILES: &str = "connect: no file descriptor left";
pub(crate) const NO_PORT: &str = "connect: no local port left";
