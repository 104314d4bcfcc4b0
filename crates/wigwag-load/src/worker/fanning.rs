//! Fan-out: subscribers say so as soon as they are connected, and when all have, publishers publish at the plan's rate.

use wigwag_net::{Message, Socket, Turn};

use super::{Core, State, sending};
use crate::{
    plan::{Role, script::Heard},
    shape::{Schedule, nanos},
};

impl Core {
    pub(super) fn is_fan(&self) -> bool {
        self.job.rules.fan.is_some()
    }

    fn role(&self, local: u32) -> Option<Role> {
        let number = local * self.job.plan.workers as u32 + self.index;
        self.job.rules.fan.as_ref().map(|fan| fan.shape.role(number))
    }

    /// A connection is open.
    pub(super) fn enter_fan(&mut self, local: u32, socket: &mut Socket<'_>, now: u64) {
        match self.role(local) {
            Some(Role::Subscriber(topic, _)) => {
                self.ledger.subscribe(local, topic, now, |text, binary| send(socket, text, binary));
            }
            Some(Role::Publisher(_)) => self.publishers.push(local),
            None => {}
        }
    }

    /// A message came in.
    pub(super) fn deliver(&mut self, local: u32, message: Message<'_>, now: u64) {
        let heard = Heard { content: message.as_bytes(), is_binary: matches!(message, Message::Binary(_)) };
        self.ledger.deliver(local, heard, now);
    }

    /// Publishes what is due; gives when the next publication is.
    pub(super) fn drive_fan(&mut self, turn: &mut Turn<'_>, now: u64) -> Option<u64> {
        if self.schedule.is_none() {
            self.begin_publishing(now);
        }
        if self.tempo.paused {
            return None;
        }
        for _ in 0..PUBLICATIONS_PER_BEAT {
            let due = self.schedule.as_ref()?.due()?;
            let now = self.job.control.now();
            if due >= self.deadline {
                return None;
            }
            if due > now {
                return Some(due);
            }
            if !self.publish_next(turn, now, due) {
                self.held_back += u64::from(!self.publishers.is_empty());
                return Some(now + sending::BUSY_NANOS);
            }
            if let Some(schedule) = &mut self.schedule {
                schedule.advance();
            }
        }
        Some(now)
    }

    /// Makes the schedule once all subscriptions hold, or it is clear that some will not.
    fn begin_publishing(&mut self, now: u64) {
        let (Some(fan), Some(rate)) = (self.job.rules.fan.clone(), self.tempo.rate) else { return };
        let since = now.saturating_sub(self.job.control.started().unwrap_or(now));
        let is_ready = match fan.has_confirmations() {
            true => fan.is_ready() || since > nanos(self.job.plan.plan().timeout),
            false => since > UNCONFIRMED_NANOS,
        };
        if !is_ready {
            return;
        }
        // Publishers are dealt in turn, from the first worker on: where there are few, the last workers have none.
        let workers = (self.job.plan.workers as u32).min(fan.shape.topics * fan.shape.publishers);
        let messages = self.job.plan.plan().messages;
        self.schedule = Some(match self.index < workers {
            true => Schedule::new(rate, self.index, workers, messages, now),
            false => Schedule::new(rate, 0, 1, Some(0), now),
        });
    }

    /// Publishes on the next publisher's connection that takes it; `false` if none does.
    fn publish_next(&mut self, turn: &mut Turn<'_>, now: u64, due: u64) -> bool {
        for _ in 0..self.publishers.len().min(PUBLISHERS_TRIED_MAX) {
            self.turn_of = if self.turn_of + 1 >= self.publishers.len() { 0 } else { self.turn_of + 1 };
            let local = self.publishers[self.turn_of];
            let client = &self.clients[local as usize];
            let socket = client.id.filter(|_| client.state == State::Open).and_then(|id| turn.socket(id));
            if let (Some(mut socket), Some(Role::Publisher(topic))) = (socket, self.role(local))
                && socket.is_open()
                && socket.queued_bytes() <= sending::QUEUE_BYTES_MAX
            {
                self.ledger.publish(local, topic, now, due, |text, binary| send(&mut socket, text, binary));
                return true;
            }
        }
        false
    }
}

fn send(socket: &mut Socket<'_>, text: &str, binary: bool) {
    socket.send(if binary { Message::Binary(text.as_bytes()) } else { Message::Text(text) });
}

/// Where nothing confirms a subscription, it is given this long to hold.
const UNCONFIRMED_NANOS: u64 = 500_000_000;
const PUBLICATIONS_PER_BEAT: usize = 1024;
const PUBLISHERS_TRIED_MAX: usize = 64;
