//! The ledger's part of a fan-out: each subscriber is to get each publication of its topic once and in order. The tables are shared
//! by all workers, one lock per topic, for a publication comes from one worker and goes to all. No sockets, no clock.
//!
//! The unit of account is the delivery: a publication to a hundred subscribers has a hundred. A delivery enters the account when it
//! comes, and those that never came when the run is over.

mod table;

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use self::table::Table;
use super::{End, Entry, Ledger};
use crate::{
    account::Class,
    control::lock,
    outcome::FanReport,
    payload::{Id, NO_SEQUENCE, Name},
    plan::{Broadcast, FanOut, Template, Told, script::Heard},
};

/// What all workers know of a fan-out.
#[derive(Debug)]
pub(crate) struct Fan {
    pub(crate) shape: FanOut,
    broadcast: Broadcast,
    names: Vec<String>,
    subscribe: Vec<Template>,
    publish: Vec<Template>,
    tables: Vec<Mutex<Table>>,
    subscribed: AtomicU64,
    publications: AtomicU64,
    delivered: AtomicU64,
}

impl Fan {
    /// For a plan that was checked.
    pub(crate) fn new(shape: FanOut, broadcast: Broadcast) -> Self {
        let given = broadcast.topics.iter().take(shape.topics as usize).cloned();
        let names: Vec<String> = match broadcast.topics.is_empty() {
            true => (0..shape.topics).map(|topic| format!("topic-{topic}")).collect(),
            false => given.collect(),
        };
        let templates = |message: &Option<crate::plan::TopicMessage>| -> Vec<Template> {
            let Some(message) = message else { return Vec::new() };
            names.iter().filter_map(|name| message.template(name).ok()).collect()
        };
        Self {
            subscribe: templates(&broadcast.subscribe),
            publish: templates(&broadcast.publish),
            tables: names.iter().map(|_| Mutex::new(Table::new(shape.subscribers))).collect(),
            names,
            shape,
            broadcast,
            subscribed: AtomicU64::new(0),
            publications: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
        }
    }

    /// Whether somebody says when a subscription holds.
    pub(crate) fn has_confirmations(&self) -> bool {
        self.broadcast.confirm.is_some()
    }

    /// Whether every subscription was confirmed.
    pub(crate) fn is_ready(&self) -> bool {
        self.subscribed.load(Relaxed) >= u64::from(self.shape.topics) * u64::from(self.shape.subscribers)
    }

    /// Whether every publication has come to every subscriber.
    pub(crate) fn is_complete(&self) -> bool {
        self.delivered.load(Relaxed) >= self.publications.load(Relaxed) * u64::from(self.shape.subscribers)
    }

    pub(crate) fn report(&self) -> FanReport {
        let mut report = FanReport { publications: self.publications.load(Relaxed), ..FanReport::new(self.shape) };
        for table in &self.tables {
            let table = lock(table);
            report.complete += table.complete;
            report.skew.add(&table.skew);
        }
        report
    }

    fn topic_of_publisher(&self, connection: u32) -> Option<u32> {
        (connection < self.shape.topics * self.shape.publishers).then(|| connection % self.shape.topics)
    }

    /// The publication that a delivery names.
    fn publication(&self, named: Option<Name>, told: &Told, topic: u32) -> Option<Id> {
        if !self.broadcast.delivery.has_sequence() {
            return named.map(|name| lock(&self.tables[topic as usize]).find(name));
        }
        let only = (self.shape.publishers == 1).then_some(topic);
        Some(Id { connection: told.publisher.or(only)?, sequence: told.sequence?.into() })
    }
}

impl Ledger {
    /// What a subscriber says at first, given to `send` (`true`: as binary).
    pub(crate) fn subscribe(&mut self, local: u32, topic: u32, now: u64, send: impl FnOnce(&str, bool)) {
        let rules = self.rules.clone();
        let Some(fan) = rules.fan.as_deref() else { return };
        if let (Some(message), Some(template)) = (&fan.broadcast.subscribe, fan.subscribe.get(topic as usize)) {
            self.scratch.text.clear();
            rules.payloads.fill(
                template,
                Id { connection: self.global(local), sequence: 0 },
                now,
                &mut self.scratch.text,
            );
            send(&self.scratch.text, message.binary);
        }
        if !fan.has_confirmations() {
            fan.subscribed.fetch_add(1, Relaxed);
        }
    }

    /// The next publication of a publisher, entered before it is given to `send`.
    pub(crate) fn publish(&mut self, local: u32, topic: u32, now: u64, intended: u64, send: impl FnOnce(&str, bool)) {
        let (rules, connection) = (self.rules.clone(), self.global(local));
        let Some(fan) = rules.fan.as_deref() else { return };
        let (Some(message), Some(template)) = (&fan.broadcast.publish, fan.publish.get(topic as usize)) else { return };
        let sequence = lock(&fan.tables[topic as usize]).publish(connection, Entry::new(now, intended));
        fan.publications.fetch_add(1, Relaxed);
        self.scratch.text.clear();
        rules.payloads.fill(template, Id { connection, sequence }, now, &mut self.scratch.text);
        send(&self.scratch.text, message.binary);
        self.tally.second.sent += 1;
        self.tally.lag(now.saturating_sub(intended));
    }

    /// A message came in.
    pub(crate) fn deliver(&mut self, local: u32, heard: Heard<'_>, now: u64) {
        self.tally.account.arrivals += 1;
        let (rules, connection) = (self.rules.clone(), self.global(local));
        let Some(fan) = rules.fan.as_deref() else { return };
        let crate::plan::Role::Subscriber(topic, listener) = fan.shape.role(connection) else {
            // What a publisher hears is between it and the server.
            self.tally.account.parts += 1;
            return;
        };
        if self.confirms(fan, topic, listener, connection, heard, now) {
            self.tally.account.parts += 1;
            return;
        }
        let nameless = Id { connection, sequence: NO_SEQUENCE };
        let Some(told) = fan.broadcast.delivery.read(heard.content) else {
            return self.surplus(Class::Unsolicited, nameless, heard.content, now);
        };
        let strange = told.topic.as_ref().filter(|told| **told != fan.names[topic as usize]);
        if let Some(other) = strange {
            let note = format!("a subscriber of {} got a delivery of {other}", fan.names[topic as usize]);
            return self.misdeliver(connection, note, now);
        }
        if fan.shape.publishers == 0 {
            let Some(value) = told.value else {
                return self.surplus(Class::Unsolicited, nameless, heard.content, now);
            };
            let (number, class) = lock(&fan.tables[topic as usize]).update(listener, value, now);
            return self.enter_untimed(Id { connection, sequence: number }, class, now, String::new);
        }
        let named = rules.payloads.identify(heard.content).map(|(name, _)| name);
        let Some(publication) = fan.publication(named, &told, topic) else {
            return self.surplus(Class::Unsolicited, nameless, heard.content, now);
        };
        if fan.topic_of_publisher(publication.connection).is_some_and(|meant| meant != topic) {
            let note = format!(
                "a subscriber of {} got what connection {} publishes",
                fan.names[topic as usize], publication.connection
            );
            return self.misdeliver(connection, note, now);
        }
        let came = lock(&fan.tables[topic as usize]).deliver(listener, publication, now);
        let note = || format!("publication {} of connection {}", publication.sequence, publication.connection);
        match came {
            None => self.surplus(Class::Unsolicited, nameless, heard.content, now),
            Some((_, _, Class::Duplicate)) => {
                self.tally.surplus(Class::Duplicate);
                self.record(nameless, Class::Duplicate, None, Some(now));
                self.offend(Class::Duplicate, connection, None, now, note, None);
            }
            Some((number, entry, class)) => {
                fan.delivered.fetch_add(1, Relaxed);
                let is_late = now.saturating_sub(entry.sent) > rules.timeout_nanos;
                let class = if is_late { Class::Late } else { class };
                self.enter(Id { connection, sequence: number }, entry, class, Some(now), note);
            }
        }
    }

    /// Notes how a connection ended, for what it has not got.
    pub(super) fn end_fan(&mut self, local: u32, end: End) {
        let (rules, connection) = (self.rules.clone(), self.global(local));
        let Some(fan) = rules.fan.as_deref() else { return };
        if let crate::plan::Role::Subscriber(topic, listener) = fan.shape.role(connection) {
            lock(&fan.tables[topic as usize]).end(listener, end);
        }
    }

    /// The run is over: what has not come is lost, or where the connection died, in doubt.
    pub(super) fn finish_fan(&mut self) {
        let rules = self.rules.clone();
        let Some(fan) = rules.fan.as_deref().filter(|fan| fan.shape.publishers > 0) else { return };
        for local in 0..self.windows.len() as u32 {
            let connection = self.global(local);
            let crate::plan::Role::Subscriber(topic, listener) = fan.shape.role(connection) else { continue };
            let (mut number, class, missing) = lock(&fan.tables[topic as usize]).missing(listener);
            for (publication, entry) in missing {
                let note = || format!("publication {} of connection {}", publication.sequence, publication.connection);
                self.enter(Id { connection, sequence: number }, entry, class, None, note);
                number += 1;
            }
        }
    }

    /// Whether this confirms a subscription that was not confirmed yet.
    fn confirms(&mut self, fan: &Fan, topic: u32, listener: u32, connection: u32, heard: Heard<'_>, now: u64) -> bool {
        let Some(confirm) = &fan.broadcast.confirm else { return false };
        let mut table = lock(&fan.tables[topic as usize]);
        let id = Id { connection, sequence: 0 };
        let confirms = !table.is_confirmed(listener)
            && confirm.fits(heard, |template, out| self.rules.payloads.fill(template, id, now, out));
        if confirms {
            table.confirm(listener);
            fan.subscribed.fetch_add(1, Relaxed);
        }
        confirms
    }

    fn misdeliver(&mut self, connection: u32, note: String, now: u64) {
        let id = Id { connection, sequence: NO_SEQUENCE };
        self.enter_untimed(id, Class::Misrouted, now, || note);
    }

    /// As [`Self::enter`], for a delivery of which nobody knows when it was sent.
    fn enter_untimed(&mut self, id: Id, class: Class, now: u64, note: impl FnOnce() -> String) {
        self.tally.account.sent += 1;
        self.tally.account.outstanding += 1;
        self.tally.account.answers += 1;
        self.tally.settle(class);
        self.tally.last_answer = self.tally.last_answer.max(now);
        if self.rules.records_all || class != Class::Ok {
            self.record(id, class, None, Some(now));
        }
        if class != Class::Ok {
            self.offend(class, id.connection, None, now, note, None);
        }
    }

    /// A delivery enters the account as what it is.
    fn enter(&mut self, id: Id, entry: Entry, class: Class, came: Option<u64>, note: impl FnOnce() -> String) {
        self.tally.account.sent += 1;
        self.tally.account.outstanding += 1;
        self.tally.account.answers += u64::from(came.is_some());
        self.settle(id, &entry, class, came);
        if class != Class::Ok {
            let sequence = (id.sequence != NO_SEQUENCE).then_some(id.sequence);
            self.offend(class, id.connection, sequence, came.unwrap_or(entry.sent), note, None);
        }
    }
}
