//! The ledger of one worker: what was sent on its connections, and what every arrival is. No sockets, no clock.
//!
//! An arrival that names its message settles that one, whatever the order. One that names another connection's message is
//! that connection's business: on another worker it goes there as a [`Note`]. One that names none is an altered answer to
//! a message under way; to which, the end shows: if all are answered after all, it answered nothing.

mod fan;
mod rules;
mod script;
mod straight;
mod tally;
mod window;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

pub(crate) use self::{
    fan::Fan,
    rules::Rules,
    tally::Tally,
    window::{Entry, Named, Window},
};
use crate::{
    account::Class,
    outcome::{Difference, Offender},
    payload::{Composed, Id, Joined, NO_SEQUENCE, Name, Scratch, Sent, Token},
    plan::{Expect, Record},
};

/// What one worker knows of its connections' messages.
#[derive(Debug)]
pub(crate) struct Ledger {
    rules: Arc<Rules>,
    worker: u32,
    /// By the connection's place in this worker.
    windows: Vec<Window>,
    pub(crate) tally: Tally,
    /// When answers came that name no message, by the connection's place: as many as its window has.
    unnamed: HashMap<u32, VecDeque<u64>>,
    /// Messages in doubt, the oldest first: an answer may still come, elsewhere or after the connection was opened again.
    doubtful: BTreeMap<Id, Entry>,
    /// When answers without a name came on connections that died since: as many of the connection's messages in doubt are
    /// altered ones in truth, and counted so.
    undecided: HashMap<u32, VecDeque<u64>>,
    /// What scripts wait for, by the connection's place; empty where there is no script.
    askings: Vec<script::Asking>,
    /// What a recorder has not heard of yet.
    pub(crate) records: Vec<Record>,
    scratch: Scratch,
    /// What was composed last to be sent in one go, and what that begins with.
    joined: Joined,
    tokens: Vec<Token>,
}

/// An answer that came on another worker's connection.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    name: Name,
    came_on: u32,
    at: u64,
}

/// How a connection ended, for the messages that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Properly: we read up to the peer's Close, so what has not come was lost.
    Closed,
    /// In any other way: nobody can know.
    Died,
}

/// What an arrival did.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// The connection (its place in this worker) that has a free place in its window.
    pub(crate) freed: Option<u32>,
    /// What another worker has to be told.
    pub(crate) note: Option<(u32, Note)>,
}

impl Ledger {
    pub(crate) fn new(rules: Arc<Rules>, worker: u32, connections: u32) -> Self {
        let windows = std::iter::repeat_with(Window::default).take(connections as usize).collect();
        Self {
            askings: Self::askings(&rules, connections),
            rules,
            worker,
            windows,
            tally: Tally::default(),
            unnamed: HashMap::new(),
            doubtful: BTreeMap::new(),
            undecided: HashMap::new(),
            records: Vec::new(),
            scratch: Scratch::default(),
            joined: Joined::default(),
            tokens: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn window(&self, local: u32) -> &Window {
        &self.windows[local as usize]
    }

    /// Enters the next message of this connection as sent; which one it is, and the token that it begins with, if it does.
    #[inline]
    pub(crate) fn enter_sent(&mut self, local: u32, now: u64, intended: u64) -> (Id, Token) {
        let id = Id { connection: self.global(local), sequence: self.windows[local as usize].next() };
        let (entry, payloads) = (Entry::new(now, intended), &self.rules.payloads);
        let token =
            if payloads.begin_with_name() { payloads.token(id, &mut self.scratch.stem) } else { Token::default() };
        self.windows[local as usize].push([entry.named(token)].into_iter());
        self.count_sent(1);
        if self.rules.open_loop {
            self.tally.lag(now.saturating_sub(intended));
        }
        if matches!(self.rules.expect, Expect::Nothing) {
            self.windows[local as usize].take(id.sequence);
            self.tally.account.silent += 1;
            self.settle(id, &entry, Class::Ok, None);
        }
        (id, token)
    }

    /// So many messages were entered as sent.
    #[inline]
    pub(crate) fn count_sent(&mut self, count: u64) {
        self.tally.account.sent += count;
        self.tally.account.outstanding += count;
        self.tally.second.sent += count;
    }

    /// The message as it is sent. `now` is what it was entered with.
    pub(crate) fn compose(&mut self, id: Id, now: u64) -> Composed<'_> {
        self.rules.payloads.compose(id, now, &mut self.scratch)
    }

    /// What a message that came in is. `kind_fits`: it is text or binary as ours are.
    pub(crate) fn arrive_any(&mut self, local: u32, kind_fits: bool, content: &[u8], now: u64) -> Arrived {
        self.tally.account.arrivals += 1;
        if self.rules.in_order {
            return self.arrive_in_order(local, kind_fits, content, now);
        }
        match self.rules.payloads.identify(content) {
            Some((name, is_named)) if name.connection == self.global(local) => {
                let id = self.find_id(local, name);
                self.arrive_own(local, id, is_named, kind_fits, content, now);
                Arrived { freed: Some(local), note: None }
            }
            Some((name, _)) => self.arrive_stray(local, name, content, now),
            None => {
                self.arrive_unnamed(local, content, now);
                Arrived { freed: Some(local), note: None }
            }
        }
    }

    /// An answer of this worker's connection that came on another worker's.
    pub(crate) fn resolve(&mut self, note: &Note) -> Arrived {
        self.misroute(note.name, note.came_on, note.at)
    }

    /// The connection is gone: what is left is settled. The numbers go on where it is opened again.
    pub(crate) fn end(&mut self, local: u32, end: End) {
        self.end_script(local, end);
        self.end_fan(local, end);
        let connection = self.global(local);
        let class = if end == End::Closed { Class::Lost } else { Class::InDoubt };
        let unnamed = self.windows[local as usize].unnamed() as usize;
        let came = self.unnamed.remove(&local).unwrap_or_default();
        let mut left = self.windows[local as usize].drain();
        let remembered = end == End::Died && self.doubtful.len() + left.len() <= DOUBTFUL_MAX;
        // Counted already: as many as answers without a name came. To which, a later answer elsewhere may still show.
        for ((sequence, entry), at) in left.drain(..unnamed).zip(&came) {
            let id = Id { connection, sequence };
            if remembered {
                self.doubtful.insert(id, entry);
            } else {
                self.record(id, Class::Altered, Some(&entry), Some(*at));
            }
        }
        if remembered && !came.is_empty() {
            self.undecided.entry(connection).or_default().extend(came);
        }
        for (sequence, entry) in left {
            let id = Id { connection, sequence };
            self.offend(class, connection, Some(sequence), entry.sent, String::new, None);
            if remembered {
                self.tally.settle(class);
                self.doubtful.insert(id, entry);
            } else {
                self.settle(id, &entry, class, None);
            }
        }
    }

    /// The run is over: what is in doubt stays so.
    pub(crate) fn finish(&mut self) {
        self.finish_fan();
        let mut undecided = std::mem::take(&mut self.undecided);
        for (id, entry) in std::mem::take(&mut self.doubtful) {
            match undecided.get_mut(&id.connection).and_then(VecDeque::pop_front) {
                Some(at) => self.record(id, Class::Altered, Some(&entry), Some(at)),
                None => self.record(id, Class::InDoubt, Some(&entry), None),
            }
        }
    }

    /// Which message of this worker's connection a name means.
    #[inline]
    fn find_id(&self, local: u32, name: Name) -> Id {
        Id { connection: name.connection, sequence: self.windows[local as usize].find_number(name.digits) }
    }

    /// The unsettled message of this name.
    #[inline]
    fn take(&mut self, local: u32, id: Id) -> Option<Entry> {
        let entry = self.windows[local as usize].take(id.sequence);
        if entry.is_some() || self.doubtful.is_empty() { entry } else { self.take_doubtful(id) }
    }

    /// A message in doubt that was answered after all.
    #[cold]
    fn take_doubtful(&mut self, id: Id) -> Option<Entry> {
        let entry = self.doubtful.remove(&id)?;
        if self.undecided.contains_key(&id.connection) && self.is_overdecided(id.connection) {
            // All that are left had an answer without a name: one of those answered nothing.
            let at = self.undecided.get_mut(&id.connection).and_then(VecDeque::pop_front);
            self.unfound(id.connection, at);
            return Some(entry);
        }
        self.tally.account.in_doubt -= 1;
        self.tally.account.outstanding += 1;
        let meant = |one: &Offender| (one.class, one.sequence) == (Class::InDoubt, Some(id.sequence));
        self.tally.offenders.retain(|one| one.connection != id.connection || !meant(one));
        Some(entry)
    }

    /// Whether more answers without a name came on this connection than it has messages in doubt.
    fn is_overdecided(&self, connection: u32) -> bool {
        let all = Id { connection, sequence: 0 }..=Id { connection, sequence: NO_SEQUENCE };
        self.undecided.get(&connection).is_some_and(|came| came.len() > self.doubtful.range(all).count())
    }

    /// Frees the places of messages that are past the time-out; gives how many.
    pub(crate) fn expire(&mut self, local: u32, now: u64) -> u32 {
        let window = &mut self.windows[local as usize];
        if window.live() == 0 {
            return 0;
        }
        window.expire(now.saturating_sub(self.rules.timeout_nanos))
    }

    fn arrive_own(&mut self, local: u32, id: Id, is_named: bool, kind_fits: bool, content: &[u8], now: u64) {
        let Some(entry) = self.take(local, id) else {
            let sent = id.sequence < self.windows[local as usize].next();
            return self.surplus(if sent { Class::Duplicate } else { Class::Unsolicited }, id, content, now);
        };
        let overtaken = self.windows[local as usize].note_answered(id.sequence);
        self.check_unnamed(local);
        let message = Sent { id, nanos: entry.sent, is_named };
        let fits = kind_fits && self.rules.fits(content, message, &mut self.scratch);
        self.tally.account.answers += 1;
        let waited = now.saturating_sub(entry.sent);
        if fits && waited <= self.rules.timeout_nanos && !overtaken {
            return self.settle(id, &entry, Class::Ok, Some(now));
        }
        self.settle_offending(local, message, entry, (kind_fits, fits), content, now);
    }

    /// An answer of this connection that is not as it should be: altered, late or overtaken.
    #[cold]
    fn settle_offending(
        &mut self,
        local: u32,
        message: Sent,
        entry: Entry,
        (kind_fits, fits): (bool, bool),
        content: &[u8],
        now: u64,
    ) {
        let id = message.id;
        let waited = now.saturating_sub(entry.sent);
        if !fits {
            let difference = self.difference(message, content);
            self.settle(id, &entry, Class::Altered, Some(now));
            let note = if kind_fits { "" } else { "text came as binary, or binary as text" };
            self.offend(Class::Altered, id.connection, Some(id.sequence), now, || note.to_owned(), Some(difference));
        } else if waited > self.rules.timeout_nanos {
            self.settle(id, &entry, Class::Late, Some(now));
            let note = || format!("after {:.3} s", waited as f64 / 1e9);
            self.offend(Class::Late, id.connection, Some(id.sequence), now, note, None);
        } else {
            let upto = self.windows[local as usize].answered_upto() - 1;
            self.settle(id, &entry, Class::Reordered, Some(now));
            self.offend(Class::Reordered, id.connection, Some(id.sequence), now, || format!("after {upto}"), None);
        }
    }

    /// An arrival that names another connection's message.
    fn arrive_stray(&mut self, local: u32, name: Name, content: &[u8], now: u64) -> Arrived {
        let came_on = self.global(local);
        if name.connection >= self.rules.connections {
            let id = Id { connection: came_on, sequence: name.digits };
            self.surplus(Class::Unsolicited, id, content, now);
            return Arrived::default();
        }
        let worker = name.connection % self.rules.workers;
        if worker == self.worker {
            return self.misroute(name, came_on, now);
        }
        Arrived { freed: None, note: Some((worker, Note { name, came_on, at: now })) }
    }

    fn misroute(&mut self, name: Name, came_on: u32, now: u64) -> Arrived {
        let local = name.connection / self.rules.workers;
        let id = self.find_id(local, name);
        let Some(entry) = self.take(local, id) else {
            let class =
                if id.sequence < self.windows[local as usize].next() { Class::Duplicate } else { Class::Unsolicited };
            self.tally.surplus(class);
            self.record(id, class, None, Some(now));
            let note = || format!("came on connection {came_on}");
            self.offend(class, id.connection, Some(id.sequence), now, note, None);
            return Arrived::default();
        };
        self.check_unnamed(local);
        self.tally.account.answers += 1;
        self.settle(id, &entry, Class::Misrouted, Some(now));
        let note = || format!("came on connection {came_on}");
        self.offend(Class::Misrouted, id.connection, Some(id.sequence), now, note, None);
        Arrived { freed: Some(local), note: None }
    }

    /// An arrival that names nothing: the altered answer to one of the messages under way, or nobody's.
    fn arrive_unnamed(&mut self, local: u32, content: &[u8], now: u64) {
        let connection = self.global(local);
        let Some((sequence, entry)) = self.windows[local as usize].oldest() else {
            return self.surplus(Class::Unsolicited, Id { connection, sequence: NO_SEQUENCE }, content, now);
        };
        if !self.windows[local as usize].push_unnamed() {
            return self.alter(local, Id { connection, sequence }, entry, content, now);
        }
        self.unnamed.entry(local).or_default().push_back(now);
        self.tally.account.answers += 1;
        self.tally.settle(Class::Altered);
        let difference =
            self.difference(Sent { id: Id { connection, sequence }, nanos: entry.sent, is_named: false }, content);
        let note = || "names no message; compared with the oldest under way".to_owned();
        self.offend(Class::Altered, connection, None, now, note, Some(difference));
    }

    /// A message was settled: an answer without a name may have lost the last one that it could belong to.
    #[inline]
    fn check_unnamed(&mut self, local: u32) {
        if self.windows[local as usize].pop_unfounded() {
            self.reject_unnamed(local);
        }
    }

    #[cold]
    fn reject_unnamed(&mut self, local: u32) {
        let at = self.unnamed.get_mut(&local).and_then(VecDeque::pop_front);
        self.unfound(self.global(local), at);
    }

    /// An answer without a name, which came on this connection, belongs to no message: one is outstanding again.
    fn unfound(&mut self, connection: u32, at: Option<u64>) {
        let account = &mut self.tally.account;
        account.outstanding += 1;
        account.altered -= 1;
        account.answers -= 1;
        account.unsolicited += 1;
        self.record(Id { connection, sequence: NO_SEQUENCE }, Class::Unsolicited, None, at);
        let mut offenders = self.tally.offenders.iter_mut();
        let meant =
            offenders.find(|one| one.class == Class::Altered && one.connection == connection && one.sequence.is_none());
        if let Some(offender) = meant {
            offender.class = Class::Unsolicited;
            offender.note = String::new();
        }
    }

    fn alter(&mut self, local: u32, id: Id, entry: Entry, content: &[u8], now: u64) {
        self.windows[local as usize].take(id.sequence);
        self.check_unnamed(local);
        let difference = self.difference(Sent { id, nanos: entry.sent, is_named: false }, content);
        self.tally.account.answers += 1;
        self.settle(id, &entry, Class::Altered, Some(now));
        let note = || "names no message: taken for the answer to the oldest".to_owned();
        self.offend(Class::Altered, id.connection, Some(id.sequence), now, note, Some(difference));
    }

    /// Messages that do not name themselves, or whose answers do not: matched in the order of sending.
    fn arrive_in_order(&mut self, local: u32, kind_fits: bool, content: &[u8], now: u64) -> Arrived {
        let connection = self.global(local);
        let fitting = if kind_fits { self.find_fitting(local, content) } else { None };
        let oldest = self.windows[local as usize].oldest();
        match (fitting, oldest) {
            (Some((sequence, _)), _) if self.wants_more(local, sequence) => {
                self.tally.account.parts += 1;
                return Arrived::default();
            }
            (Some((sequence, _)), _) => self.arrive_own(local, Id { connection, sequence }, false, true, content, now),
            (None, _) if kind_fits && self.repeats_last(local, content, now) => {
                let last = self.windows[local as usize].answered_upto() - 1;
                self.surplus(Class::Duplicate, Id { connection, sequence: last }, content, now);
            }
            (None, Some(_)) if self.rules.is_about_content() => self.arrive_unnamed(local, content, now),
            (None, Some((sequence, entry))) => self.alter(local, Id { connection, sequence }, entry, content, now),
            (None, None) => self.surplus(Class::Unsolicited, Id { connection, sequence: NO_SEQUENCE }, content, now),
        }
        Arrived { freed: Some(local), note: None }
    }

    /// The oldest message that this may be the answer to.
    fn find_fitting(&mut self, local: u32, content: &[u8]) -> Option<(u64, Entry)> {
        let connection = self.global(local);
        let Self { rules, windows, scratch, .. } = self;
        windows[local as usize].iter().take(LOOKED_THROUGH_MAX).find(|(sequence, entry)| {
            let id = Id { connection, sequence: *sequence };
            rules.fits(content, Sent { id, nanos: entry.sent, is_named: false }, scratch)
        })
    }

    /// Whether the message wants more answers than this one.
    fn wants_more(&mut self, local: u32, sequence: u64) -> bool {
        match self.rules.expect {
            Expect::Count(count) => self.windows[local as usize].count_part(sequence) < count,
            _ => false,
        }
    }

    /// Whether this is once more the answer to the message that was answered last.
    fn repeats_last(&mut self, local: u32, content: &[u8], now: u64) -> bool {
        let connection = self.global(local);
        let Some(sequence) = self.windows[local as usize].answered_upto().checked_sub(1) else { return false };
        let last = Sent { id: Id { connection, sequence }, nanos: now, is_named: false };
        self.rules.is_about_content() && self.rules.fits(content, last, &mut self.scratch)
    }

    /// How an answer differs from the message itself, which every form of answer begins with or contains.
    fn difference(&mut self, message: Sent, content: &[u8]) -> Difference {
        let expected = self.rules.payloads.compose(message.id, message.nanos, &mut self.scratch);
        Difference::between(&expected.to_vec(), content)
    }

    fn surplus(&mut self, class: Class, id: Id, content: &[u8], now: u64) {
        self.tally.surplus(class);
        let sequence = (id.sequence != NO_SEQUENCE).then_some(id.sequence);
        self.record(id, class, None, Some(now));
        let difference = (class == Class::Unsolicited).then(|| Difference::between(b"", content));
        if !matches!(self.rules.expect, Expect::Nothing) {
            self.offend(class, id.connection, sequence, now, String::new, difference);
        }
    }

    #[inline]
    fn settle(&mut self, id: Id, entry: &Entry, class: Class, answered: Option<u64>) {
        self.tally.settle(class);
        self.tally.last_answer = self.tally.last_answer.max(answered.unwrap_or(0));
        if let (Some(now), Class::Ok | Class::Reordered | Class::Late) = (answered, class) {
            let (intended, sent) = (now.saturating_sub(entry.intended()), now.saturating_sub(entry.sent));
            self.tally.time(intended, sent, 1, self.rules.open_loop);
        }
        if self.rules.records_all || class != Class::Ok {
            self.record(id, class, Some(entry), answered);
        }
    }

    fn record(&mut self, id: Id, class: Class, entry: Option<&Entry>, answered: Option<u64>) {
        if self.rules.records() {
            self.records.push(Record {
                connection: id.connection,
                sequence: (id.sequence != NO_SEQUENCE).then_some(id.sequence),
                class,
                intended_nanos: entry.map(Entry::intended),
                sent_nanos: entry.map(|entry| entry.sent),
                answered_nanos: answered,
            });
        }
    }

    fn offend(
        &mut self,
        class: Class,
        connection: u32,
        sequence: Option<u64>,
        at: u64,
        note: impl FnOnce() -> String,
        difference: Option<Difference>,
    ) {
        if self.tally.offenders.len() < self.rules.offenders_max {
            let at = at as f64 / 1e9;
            self.tally.offenders.push(Offender { class, connection, sequence, at, note: note(), difference });
        }
    }

    /// The connection's number in the run.
    #[inline]
    fn global(&self, local: u32) -> u32 {
        local * self.rules.workers + self.worker
    }
}

/// Messages in doubt that are remembered: about 60 MiB. Later answers to further ones count as duplicates.
const DOUBTFUL_MAX: usize = 1 << 20;
/// How many messages under way an answer that names none is compared with.
const LOOKED_THROUGH_MAX: usize = 256;

#[cfg(test)]
mod tests;
