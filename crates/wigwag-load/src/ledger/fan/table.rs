//! One topic: what was published to it, and what each subscriber has got of that.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::super::{End, Entry};
use crate::{
    account::Class,
    latency::Latency,
    payload::{Id, Name, last_with},
};

/// One topic.
#[derive(Debug)]
pub(super) struct Table {
    /// When each publication was sent, by publisher: their numbers are their places.
    published: BTreeMap<u32, Vec<Entry>>,
    listeners: Vec<Listener>,
    /// Publications that have come to some subscribers.
    under_way: HashMap<Id, Spread>,
    /// What the server publishes by itself: the last values, in order, and how far each has come.
    values: VecDeque<(String, Spread)>,
    /// The number of the first of `values`.
    values_from: u64,
    /// Publications that have come to all subscribers.
    pub(super) complete: u64,
    /// From the first subscriber to the last.
    pub(super) skew: Latency,
}

/// One subscriber.
#[derive(Clone, Debug, Default)]
struct Listener {
    confirmed: bool,
    from: BTreeMap<u32, Reception>,
    /// The number of the value that is to come next.
    next_value: Option<u64>,
    /// Values that others got and this one not, the last ones.
    passed_over: VecDeque<String>,
    /// Deliveries so far.
    count: u64,
    end: Option<End>,
}

/// What a subscriber has got of one publisher.
#[derive(Clone, Debug, Default)]
struct Reception {
    /// One above the highest number.
    upto: u32,
    /// Below it, what has not come.
    missing: BTreeSet<u32>,
}

/// How far a publication has come.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    first: u64,
    count: u32,
}

impl Table {
    pub(super) fn new(subscribers: u32) -> Self {
        Self {
            published: BTreeMap::new(),
            listeners: vec![Listener::default(); subscribers as usize],
            under_way: HashMap::new(),
            values: VecDeque::new(),
            values_from: 0,
            complete: 0,
            skew: Latency::default(),
        }
    }

    /// Enters a publication; gives its number.
    pub(super) fn publish(&mut self, publisher: u32, entry: Entry) -> u64 {
        let published = self.published.entry(publisher).or_default();
        published.push(entry);
        published.len() as u64 - 1
    }

    /// The publication that a name means: the last one with its digits.
    pub(super) fn find(&self, Name { connection, digits }: Name) -> Id {
        let published = self.published.get(&connection).map_or(0, Vec::len);
        Id { connection, sequence: last_with(digits, published as u64) }
    }

    pub(super) fn is_confirmed(&self, listener: u32) -> bool {
        self.listeners[listener as usize].confirmed
    }

    pub(super) fn confirm(&mut self, listener: u32) {
        self.listeners[listener as usize].confirmed = true;
    }

    /// A publication came to a subscriber: the delivery's number, when it was sent, and whether it is ok, reordered or a duplicate.
    /// `None` if nobody has published it.
    pub(super) fn deliver(&mut self, listener: u32, publication: Id, now: u64) -> Option<(u64, Entry, Class)> {
        let Id { connection, sequence } = publication;
        let entry = *self.published.get(&connection)?.get(sequence as usize)?;
        let sequence = u32::try_from(sequence).ok()?;
        let listener = &mut self.listeners[listener as usize];
        let reception = listener.from.entry(connection).or_default();
        let class = if sequence >= reception.upto {
            reception.missing.extend(reception.upto..sequence);
            reception.upto = sequence + 1;
            Class::Ok
        } else if reception.missing.remove(&sequence) {
            Class::Reordered
        } else {
            return Some((listener.count, entry, Class::Duplicate));
        };
        let number = listener.count;
        listener.count += 1;
        self.spread(publication, now);
        Some((number, entry, class))
    }

    /// A value came that the server published by itself: the delivery's number, and whether it is ok or reordered. Subscribers may
    /// begin anywhere, and a slow one may be given only the newest: what one has not got is no fault, what comes after a later one is.
    pub(super) fn update(&mut self, listener: u32, value: String, now: u64) -> (u64, Class) {
        let subscribers = self.listeners.len() as u32;
        let listener = &mut self.listeners[listener as usize];
        let number = listener.count;
        listener.count += 1;
        if let Some(at) = listener.passed_over.iter().position(|one| *one == value) {
            listener.passed_over.remove(at);
            return (number, Class::Reordered);
        }
        let known = self.values_from + self.values.len() as u64;
        let next = listener.next_value.unwrap_or(known.saturating_sub(1)).max(self.values_from);
        let from = (next - self.values_from) as usize;
        let found = self.values.iter().skip(from).position(|(one, _)| *one == value);
        let at = found.map_or(self.values.len(), |ahead| from + ahead);
        if found.is_none() {
            self.values.push_back((value, Spread::default()));
        }
        if listener.next_value.is_some() {
            for (passed, _) in self.values.range(from.min(at)..at) {
                listener.passed_over.push_back(passed.clone());
            }
            while listener.passed_over.len() > PASSED_OVER_MAX {
                listener.passed_over.pop_front();
            }
        }
        listener.next_value = Some(self.values_from + at as u64 + 1);
        let (_, spread) = &mut self.values[at];
        if spread.step(now) == subscribers {
            self.complete += 1;
            self.skew.record_nanos(now.saturating_sub(spread.first));
        }
        if self.values.len() > VALUES_MAX {
            self.values.pop_front();
            self.values_from += 1;
        }
        (number, Class::Ok)
    }

    /// Notes how a subscriber's connection ended; the first end counts.
    pub(super) fn end(&mut self, listener: u32, end: End) {
        self.listeners[listener as usize].end.get_or_insert(end);
    }

    /// What a subscriber has not got: the next delivery's number, what that is, and each of them.
    pub(super) fn missing(&self, listener: u32) -> (u64, Class, Vec<(Id, Entry)>) {
        let listener = &self.listeners[listener as usize];
        let class = if listener.end == Some(End::Closed) { Class::Lost } else { Class::InDoubt };
        let mut missing = Vec::new();
        for (publisher, entries) in &self.published {
            let reception = listener.from.get(publisher);
            let upto = reception.map_or(0, |reception| reception.upto);
            let gaps = reception.into_iter().flat_map(|reception| reception.missing.iter().copied());
            for sequence in gaps.chain(upto..entries.len() as u32) {
                missing.push((Id { connection: *publisher, sequence: sequence.into() }, entries[sequence as usize]));
            }
        }
        (listener.count, class, missing)
    }

    fn spread(&mut self, publication: Id, now: u64) {
        let subscribers = self.listeners.len() as u32;
        let spread = self.under_way.entry(publication).or_default();
        if spread.step(now) == subscribers {
            let first = spread.first;
            self.under_way.remove(&publication);
            self.complete += 1;
            self.skew.record_nanos(now.saturating_sub(first));
        }
    }
}

impl Spread {
    /// One more subscriber has it; gives how many have.
    fn step(&mut self, now: u64) -> u32 {
        if self.count == 0 {
            self.first = now;
        }
        self.count += 1;
        self.count
    }
}

/// Values that are remembered: those of the last minutes, at the pace of a person's eye.
const VALUES_MAX: usize = 4096;
const PASSED_OVER_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const P: u32 = 0;

    /// Two subscribers and so many publications, each sent at its number.
    fn table(publications: u64) -> Table {
        let mut table = Table::new(2);
        for number in 0..publications {
            assert_eq!(table.publish(P, Entry::new(number, number)), number);
        }
        table
    }

    fn deliver(table: &mut Table, listener: u32, sequences: &[u64]) -> Vec<Option<Class>> {
        let deliver = |sequence: &u64| {
            let publication = Id { connection: P, sequence: *sequence };
            table.deliver(listener, publication, 1_000_000).map(|(_, _, class)| class)
        };
        sequences.iter().map(deliver).collect()
    }

    #[test]
    fn each_subscriber_is_to_get_each_publication_once_and_in_order() {
        use Class::{Duplicate, Ok, Reordered};
        let mut table = table(6);
        assert_eq!(deliver(&mut table, 0, &[0, 1, 2, 3, 4, 5]), [Some(Ok); 6]);
        assert_eq!(
            deliver(&mut table, 1, &[0, 0, 3, 1, 1, 9]),
            [Some(Ok), Some(Duplicate), Some(Ok), Some(Reordered), Some(Duplicate), None]
        );
        table.end(0, End::Closed);
        table.end(1, End::Died);
        assert_eq!(table.missing(0).2.len(), 0);
        let (number, class, missing) = table.missing(1);
        assert_eq!((number, class), (3, Class::InDoubt));
        assert_eq!(missing.iter().map(|(id, _)| id.sequence).collect::<Vec<_>>(), [2, 4, 5]);
    }

    #[test]
    fn the_skew_is_from_the_first_subscriber_to_the_last() {
        let mut table = table(1);
        let publication = Id { connection: P, sequence: 0 };
        table.deliver(0, publication, 1_000_000);
        assert_eq!(table.complete, 0);
        table.deliver(1, publication, 5_000_000);
        assert_eq!((table.complete, table.skew.max().as_millis()), (1, 4));
    }

    fn update(table: &mut Table, listener: u32, values: &[&str]) -> Vec<Class> {
        values.iter().map(|value| table.update(listener, (*value).to_owned(), 1_000_000).1).collect()
    }

    #[test]
    fn values_are_compared_with_what_the_others_saw() {
        use Class::{Ok, Reordered};
        let mut table = Table::new(2);
        assert_eq!(update(&mut table, 0, &["a", "b", "c"]), [Ok; 3]);
        assert_eq!(update(&mut table, 1, &["c", "d", "e"]), [Ok; 3], "one may begin later than others");
        assert_eq!(update(&mut table, 0, &["e", "d"]), [Ok, Reordered]);
        assert_eq!(update(&mut table, 0, &["f"]), [Ok]);
        assert_eq!(update(&mut table, 1, &["f"]), [Ok]);
        assert_eq!(table.complete, 3, "c, e and f");
    }

    #[test]
    fn the_same_value_twice_in_a_row_is_an_update_like_any_other() {
        let mut table = Table::new(2);
        assert_eq!(update(&mut table, 0, &["a", "a", "b"]), [Class::Ok; 3]);
        assert_eq!(table.values.len(), 3);
    }
}
