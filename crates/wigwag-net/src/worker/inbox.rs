//! Commands of other threads, and the drain.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use wigwag_proto::CloseCode;

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
            Command::Accepted(..) if self.drain.is_some() => {
                self.inbox.load.fetch_sub(1, Relaxed);
            }
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
                let mut queued = 0;
                if let Some(index) = self.find(remote.id) {
                    self.send(index, message.as_message());
                    self.mark_dirty(index);
                    queued = self.queued_bytes(index);
                }
                remote.taken(message.as_bytes().len(), queued);
            }
            Command::Ping(id, payload) => {
                if let Some(index) = self.find(id) {
                    self.ping(index, &payload);
                    self.mark_dirty(index);
                }
            }
            Command::Pong(id, payload) => {
                if let Some(index) = self.find(id) {
                    self.pong(index, &payload);
                    self.mark_dirty(index);
                }
            }
            Command::Close(id, code, reason) => {
                if let Some(index) = self.find(id) {
                    self.start_close(index, Some(code), &reason);
                }
            }
            Command::Fail(id) => {
                if let Some(index) = self.find(id) {
                    self.metrics.panics.add(1);
                    self.end_with(index, CloseCode::INTERNAL_ERROR, "the service failed", CloseCause::Panic);
                }
            }
            Command::Resume(remote) => {
                remote.resumed();
                if let Some(index) = self.find(remote.id) {
                    self.resume(index);
                }
            }
            Command::Publish(topic, message) => self.publish(topic, &message),
            Command::Every(period, tick) => {
                let first = self.context.now + period;
                // The place of one that has ended is free: its timer is gone.
                let free = self.ticks.iter().position(Option::is_none);
                let number = free.unwrap_or(self.ticks.len());
                self.ticks.resize_with(self.ticks.len().max(number + 1), || None);
                self.ticks[number] = Some((period, first, tick));
                self.wheel.insert(first, Due { slot: 0, generation: 0, what: What::Tick(number as u32) });
            }
            Command::Pace(pacer) => self.pacer = Some((self.context.now, pacer)),
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
                Some(Phase::Held) => self.drain_hold(index),
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
            self.remove_for(index, CloseCause::Drained);
        }
        self.inbox.close().into_iter().for_each(Command::refuse);
        report
    }
}
