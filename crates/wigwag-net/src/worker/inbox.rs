//! Commands of other threads, and the drain.

use std::time::Instant;

use super::{
    Draining, Flags, Phase, Worker,
    timers::{Due, What},
};
use crate::{
    net::{Command, DrainReport},
    service::CloseCause,
};

impl Worker {
    /// Carries out what other threads asked for.
    pub(super) fn take_commands(&mut self, commands: &mut Vec<Command>) {
        self.inbox.take(commands);
        for command in commands.drain(..) {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Accepted(socket, peer, tls) => self.add_accepted(socket, *peer, tls),
            Command::Adopt(job) => {
                let (transport, accept, negotiated) = *job;
                self.adopt(transport, accept, negotiated);
            }
            Command::Readmit(job) => {
                let (transport, peer) = *job;
                self.readmit(transport, peer);
            }
            Command::Connect(job) => self.start_connect(job),
            Command::Send(remote, message) => {
                remote.taken(message.bytes());
                if let Some(index) = self.find(remote.id) {
                    self.send(index, message.as_message());
                    self.mark_dirty(index);
                }
            }
            Command::Close(id, code, reason) => {
                if let Some(index) = self.find(id) {
                    self.start_close(index, Some(code), &reason);
                }
            }
            Command::Resume(id) => {
                if let Some(index) = self.find(id) {
                    self.resume(index);
                }
            }
            Command::Publish(topic, message) => self.publish(topic, &message),
            Command::Every(period, tick) => {
                let number = self.ticks.len() as u32;
                let first = self.context.now + period;
                self.ticks.push(Some((period, first, tick)));
                self.wheel.insert(first, Due { slot: 0, generation: 0, what: What::Tick(number) });
            }
            Command::Drain(deadline) => self.start_drain(deadline),
        }
    }

    fn start_drain(&mut self, deadline: Instant) {
        if let Some(drain) = &mut self.drain {
            drain.deadline = drain.deadline.min(deadline);
            return;
        }
        self.acceptance.stop();
        self.drain = Some(Draining { deadline, report: DrainReport::default() });
        let open: Vec<usize> = self.slots.iter().map(|(index, _)| index).collect();
        for index in open {
            match self.slots.get(index).map(|slot| slot.phase) {
                Some(Phase::Open) => {
                    self.call(index, |service, socket| service.on_drain(socket));
                    self.settle(index);
                }
                Some(Phase::Accepting | Phase::Connecting | Phase::Requesting) => {
                    self.remove(index, CloseCause::Drained);
                }
                _ => {}
            }
        }
        // The wheel wakes the worker at the deadline.
        self.wheel.insert(deadline, Due { slot: u32::MAX, generation: 0, what: What::Life });
    }

    /// Whether a drain is over: nothing is left, or no time is.
    pub(super) fn is_drained(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| self.slots.is_empty() || self.context.now >= drain.deadline)
    }

    /// Cuts off what is left and reports.
    pub(super) fn finish(&mut self) -> DrainReport {
        let mut report = self.drain.take().map(|drain| drain.report).unwrap_or_default();
        let left: Vec<usize> = self.slots.iter().map(|(index, _)| index).collect();
        for index in left {
            let slot = &self.slots[index];
            if slot.phase == Phase::Lingering && !slot.flags.has(Flags::STALLED) {
                // Its closing handshake is done: only the peer's end is missing.
                report.closed += 1;
            } else {
                report.cut += 1;
                report.cut_bytes += slot.queued_bytes();
            }
            self.remove(index, CloseCause::Drained);
        }
        report
    }
}
