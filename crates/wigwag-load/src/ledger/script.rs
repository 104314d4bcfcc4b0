//! The ledger's part of a scenario: which answers its steps expect, and what every arrival is to them. No sockets, no clock.
//!
//! A message opens the `expect` steps that follow it, up to the next message, in order. The unit of account is the answer that
//! is expected: a step that waits for 46 messages has 46. An arrival is, in this order: what the first open step expects;
//! what an earlier one expected (late, or reordered where a later step was answered first); an update or something to ignore;
//! what a later open step expects, whose predecessors have then been passed over; once more what the last answer was; or else
//! it stands in for the answer that is awaited, altered. If that one comes after all, what stood in for it was unsolicited.

use std::{collections::VecDeque, iter};

use super::{End, Entry, Ledger, Rules};
use crate::{
    account::Class,
    outcome::Difference,
    payload::{Id, NO_SEQUENCE},
    plan::script::{Heard, Script, Step},
};

/// What one connection's script waits for.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// Steps whose answers may come, in order.
    open: VecDeque<Open>,
    /// Answers that did not come when they should have, the oldest first; at most [`OWED_MAX`].
    owed: VecDeque<Owed>,
    /// What the last answer was an answer to.
    last: Option<Asked>,
    /// Steps that have subscribed to something.
    subscribed: Vec<u32>,
    /// Messages sent.
    messages: u64,
    /// Answers expected so far: each has a number.
    numbers: u64,
}

/// A step, and the message whose values fill its templates.
#[derive(Clone, Copy, Debug)]
struct Asked {
    step: u32,
    message: u64,
    sent: u64,
}

/// A step whose answers may come.
#[derive(Clone, Copy, Debug)]
struct Open {
    asked: Asked,
    left: u32,
    /// The number of its next answer.
    number: u64,
    /// Since when that is waited for.
    since: u64,
    /// Until when all must have come; nothing before the script has come to the step.
    deadline: u64,
}

/// An answer that did not come when it should have.
#[derive(Clone, Copy, Debug)]
struct Owed {
    asked: Asked,
    number: u64,
    since: u64,
    deadline: u64,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The step's time was over.
    Missed,
    /// A later step was answered first.
    Overtaken,
    /// Something else came instead, and was counted as this answer, altered.
    Doubted,
}

/// What an arrival is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Open(usize),
    Owed(usize),
    Welcome,
    Again,
    Instead,
    Nobody,
}

impl Asking {
    fn outstanding(&self) -> u32 {
        let owed = self.owed.iter().filter(|owed| owed.why != Why::Doubted).count() as u32;
        self.open.iter().map(|open| open.left).sum::<u32>() + owed
    }

    fn place(&self, script: &Script, heard: Heard<'_>, filler: Filler<'_>) -> Place {
        let fits = |asked: Asked| {
            let wanted = script.wanted(asked.step as usize);
            wanted.is_some_and(|wanted| filler.fits(&wanted.matcher, asked, heard))
        };
        let now = Asked { step: 0, message: self.messages.saturating_sub(1), sent: 0 };
        let is_welcome = || {
            let updates = self.subscribed.iter().filter_map(|step| match script.steps.get(*step as usize) {
                Some(Step::Subscribe(_, updates)) => Some(updates),
                _ => None,
            });
            updates.chain(&script.ignore).any(|matcher| filler.fits(matcher, now, heard))
        };
        if self.open.front().is_some_and(|open| fits(open.asked)) {
            return Place::Open(0);
        }
        if let Some(at) = self.owed.iter().position(|owed| fits(owed.asked)) {
            return Place::Owed(at);
        }
        if is_welcome() {
            return Place::Welcome;
        }
        if let Some(at) = self.open.iter().position(|open| fits(open.asked)) {
            return Place::Open(at);
        }
        match self.last {
            Some(last) if fits(last) => Place::Again,
            _ if self.open.is_empty() => Place::Nobody,
            _ => Place::Instead,
        }
    }

    /// Takes a step's answers off the open ones.
    fn give_up(&mut self, why: Why) -> Vec<Owed> {
        let Some(open) = self.open.pop_front() else { return Vec::new() };
        let Open { asked, left, number, since, deadline } = open;
        (number..number + u64::from(left)).map(|number| Owed { asked, number, since, deadline, why }).collect()
    }
}

/// Fills templates with a connection's values.
#[derive(Clone, Copy)]
struct Filler<'a> {
    rules: &'a Rules,
    connection: u32,
}

impl Filler<'_> {
    fn fits(self, matcher: &crate::plan::script::Matcher, asked: Asked, heard: Heard<'_>) -> bool {
        let id = Id { connection: self.connection, sequence: asked.message };
        matcher.fits(heard, |template, out| self.rules.payloads.fill(template, id, asked.sent, out))
    }

    /// The text that was expected, where the step gives one.
    fn text(self, script: &Script, asked: Asked) -> Option<String> {
        let mut text = String::new();
        let id = Id { connection: self.connection, sequence: asked.message };
        let template = script.wanted(asked.step as usize)?.matcher.text.as_ref()?;
        self.rules.payloads.fill(template, id, asked.sent, &mut text);
        Some(text)
    }
}

impl Ledger {
    pub(super) fn askings(rules: &Rules, connections: u32) -> Vec<Asking> {
        let connections = if rules.script.is_some() { connections } else { 0 };
        iter::repeat_with(Asking::default).take(connections as usize).collect()
    }

    /// Messages, or answers that a script expects, that are not settled.
    pub(crate) fn outstanding(&self, local: u32) -> u32 {
        self.windows[local as usize].outstanding() + self.askings.get(local as usize).map_or(0, Asking::outstanding)
    }

    /// A pass begins: what is expected before the first message may come.
    pub(crate) fn begin_pass(&mut self, local: u32, now: u64) {
        self.open_steps(local, None, now);
    }

    /// Step `step` sends: the message is composed, given to `send`, and what follows it is expected.
    pub(crate) fn say(&mut self, local: u32, step: usize, now: u64, send: impl FnOnce(&str)) {
        let (rules, connection) = (self.rules.clone(), self.global(local));
        let Some(script) = rules.script.as_deref() else { return };
        let Some(message) = script.steps.get(step).and_then(Step::message) else { return };
        let asking = &mut self.askings[local as usize];
        let id = Id { connection, sequence: asking.messages };
        asking.messages += 1;
        if matches!(script.steps[step], Step::Subscribe(..)) && !asking.subscribed.contains(&(step as u32)) {
            asking.subscribed.push(step as u32);
        }
        self.scratch.text.clear();
        rules.payloads.fill(&message.template, id, now, &mut self.scratch.text);
        send(&self.scratch.text);
        self.tally.second.sent += 1;
        if !self.open_steps(local, Some(step), now) {
            // Nothing is expected: as a message that wants no answer, it is ok once it is sent.
            let asking = &mut self.askings[local as usize];
            let id = Id { connection, sequence: asking.numbers };
            asking.numbers += 1;
            self.tally.account.sent += 1;
            self.tally.account.outstanding += 1;
            self.tally.account.silent += 1;
            self.settle(id, &Entry::new(now, now), Class::Ok, None);
        }
    }

    /// The script has come to an `expect` step. Until when it waits there; `None` if all answers have come.
    pub(crate) fn await_step(&mut self, local: u32, step: usize, now: u64) -> Option<u64> {
        let rules = self.rules.clone();
        let open = self.askings[local as usize].open.front_mut().filter(|open| open.asked.step as usize == step)?;
        if open.deadline == u64::MAX {
            let within = rules.script.as_ref()?.wanted(step)?.within.map_or(rules.timeout_nanos, crate::shape::nanos);
            open.deadline = now.saturating_add(within);
        }
        Some(open.deadline)
    }

    /// The step's time is over: its answers are owed, and the script goes on.
    pub(crate) fn miss(&mut self, local: u32, step: usize) {
        let asking = &mut self.askings[local as usize];
        if asking.open.front().is_some_and(|open| open.asked.step as usize == step) {
            let missing = asking.give_up(Why::Missed);
            self.owe(local, missing);
        }
    }

    /// A message came in. `true` if the script may be able to go on.
    pub(crate) fn hear(&mut self, local: u32, heard: Heard<'_>, now: u64) -> bool {
        self.tally.account.arrivals += 1;
        let (rules, connection) = (self.rules.clone(), self.global(local));
        let Some(script) = rules.script.as_deref() else { return false };
        let filler = Filler { rules: &rules, connection };
        let nameless = Id { connection, sequence: NO_SEQUENCE };
        match self.askings[local as usize].place(script, heard, filler) {
            Place::Open(at) => {
                for _ in 0..at {
                    let passed = self.askings[local as usize].give_up(Why::Overtaken);
                    self.owe(local, passed);
                }
                self.answer(local, now) || at > 0
            }
            Place::Owed(at) => {
                self.answer_owed(local, at, now);
                false
            }
            Place::Welcome => {
                self.tally.account.parts += 1;
                false
            }
            Place::Again => {
                self.surplus(Class::Duplicate, nameless, heard.content, now);
                false
            }
            Place::Nobody => {
                self.surplus(Class::Unsolicited, nameless, heard.content, now);
                false
            }
            Place::Instead => self.doubt(local, script, filler, heard, now),
        }
    }

    /// The connection is gone: what is left is settled.
    pub(super) fn end_script(&mut self, local: u32, end: End) {
        let Some(asking) = self.askings.get_mut(local as usize) else { return };
        let mut left: Vec<Owed> = asking.owed.drain(..).collect();
        while !asking.open.is_empty() {
            left.extend(asking.give_up(Why::Missed));
        }
        (asking.last, asking.subscribed) = (None, Vec::new());
        let connection = self.global(local);
        let class = if end == End::Closed { Class::Lost } else { Class::InDoubt };
        for owed in left {
            let (id, entry) = (Id { connection, sequence: owed.number }, Entry::new(owed.since, owed.since));
            if owed.why == Why::Doubted {
                // Counted already.
                self.record(id, Class::Altered, Some(&entry), None);
                continue;
            }
            self.settle(id, &entry, class, None);
            let note = self.describe(owed.asked);
            self.offend(class, connection, Some(owed.number), owed.since, || note, None);
        }
    }

    /// Opens the steps that follow a message; `false` if there are none.
    fn open_steps(&mut self, local: u32, sent_by: Option<usize>, now: u64) -> bool {
        let rules = self.rules.clone();
        let Some(script) = rules.script.as_deref() else { return false };
        let asking = &mut self.askings[local as usize];
        let mut expected = 0;
        for (step, wanted) in script.opened_by(sent_by) {
            let asked = Asked { step: step as u32, message: asking.messages.saturating_sub(1), sent: now };
            let number = asking.numbers;
            asking.open.push_back(Open { asked, left: wanted.count, number, since: now, deadline: u64::MAX });
            asking.numbers = asking.numbers.saturating_add(wanted.count.into());
            expected += u64::from(wanted.count);
        }
        self.tally.account.sent += expected;
        self.tally.account.outstanding += expected;
        expected > 0
    }

    /// The first open step has an answer; `true` if it has all of them now.
    fn answer(&mut self, local: u32, now: u64) -> bool {
        let Some((open, is_done)) = self.take_first(local, now) else { return false };
        let id = Id { connection: self.global(local), sequence: open.number };
        let class = if now > open.deadline { Class::Late } else { Class::Ok };
        self.tally.account.answers += 1;
        self.settle(id, &Entry::new(open.since, open.since), class, Some(now));
        if class == Class::Late {
            let note = self.describe(open.asked);
            self.offend(class, id.connection, Some(open.number), now, || note, None);
        }
        is_done
    }

    /// Takes the place of the first open step's next answer.
    fn take_first(&mut self, local: u32, now: u64) -> Option<(Open, bool)> {
        let asking = &mut self.askings[local as usize];
        let front = asking.open.front_mut()?;
        let taken = *front;
        front.number += 1;
        front.left -= 1;
        let is_done = front.left == 0;
        if is_done {
            asking.open.pop_front();
        }
        asking.last = Some(taken.asked);
        if let Some(next) = asking.open.front_mut() {
            next.since = now;
        }
        Some((taken, is_done))
    }

    fn answer_owed(&mut self, local: u32, at: usize, now: u64) {
        let Some(owed) = self.askings[local as usize].owed.remove(at) else { return };
        let id = Id { connection: self.global(local), sequence: owed.number };
        let class = match owed.why {
            Why::Missed => Class::Late,
            Why::Overtaken => Class::Reordered,
            Why::Doubted if now > owed.deadline => Class::Late,
            Why::Doubted => Class::Ok,
        };
        if owed.why == Why::Doubted {
            self.reject_stand_in(id.connection, now);
        }
        self.tally.account.answers += 1;
        self.settle(id, &Entry::new(owed.since, owed.since), class, Some(now));
        if class != Class::Ok {
            let note = self.describe(owed.asked);
            self.offend(class, id.connection, Some(owed.number), now, || note, None);
        }
    }

    /// Something came that no step expects, while one waits: it stands in for the answer.
    fn doubt(&mut self, local: u32, script: &Script, filler: Filler<'_>, heard: Heard<'_>, now: u64) -> bool {
        let last = self.askings[local as usize].last;
        let Some((open, is_done)) = self.take_first(local, now) else { return false };
        // It was no answer: what was answered last is what it was.
        self.askings[local as usize].last = last;
        let connection = self.global(local);
        self.tally.account.answers += 1;
        self.tally.settle(Class::Altered);
        self.tally.last_answer = self.tally.last_answer.max(now);
        let expected = filler.text(script, open.asked).unwrap_or_default();
        let difference = Difference::between(expected.as_bytes(), heard.content);
        let note = format!("instead of what {} expects", self.describe(open.asked));
        self.offend(Class::Altered, connection, None, now, || note, Some(difference));
        let Open { asked, number, since, deadline, .. } = open;
        self.owe(local, vec![Owed { asked, number, since, deadline, why: Why::Doubted }]);
        is_done
    }

    /// What stood in for an answer was none: the answer came.
    fn reject_stand_in(&mut self, connection: u32, now: u64) {
        let account = &mut self.tally.account;
        account.outstanding += 1;
        account.altered -= 1;
        account.answers -= 1;
        account.unsolicited += 1;
        self.record(Id { connection, sequence: NO_SEQUENCE }, Class::Unsolicited, None, Some(now));
        let mut offenders = self.tally.offenders.iter_mut();
        let meant =
            offenders.find(|one| one.class == Class::Altered && one.connection == connection && one.sequence.is_none());
        if let Some(offender) = meant {
            offender.class = Class::Unsolicited;
        }
    }

    fn owe(&mut self, local: u32, owed: Vec<Owed>) {
        let connection = self.global(local);
        for one in owed {
            if self.askings[local as usize].owed.len() < OWED_MAX {
                self.askings[local as usize].owed.push_back(one);
                continue;
            }
            // Too many to wait for: what has not come by now is lost.
            let (id, entry) = (Id { connection, sequence: one.number }, Entry::new(one.since, one.since));
            match one.why {
                Why::Doubted => self.record(id, Class::Altered, Some(&entry), None),
                Why::Missed | Why::Overtaken => self.settle(id, &entry, Class::Lost, None),
            }
        }
    }

    fn describe(&self, asked: Asked) -> String {
        let wanted = self.rules.script.as_ref().and_then(|script| script.wanted(asked.step as usize));
        wanted.map_or(String::new(), |wanted| {
            format!("step {} (line {}, {})", asked.step + 1, wanted.line, wanted.matcher)
        })
    }
}

/// Answers that a connection still hopes for.
const OWED_MAX: usize = 1024;

#[cfg(test)]
mod tests;
