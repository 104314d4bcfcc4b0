//! One connection's messages that are not settled: [`Window`]. 32 bytes each, in the order of sending.

use std::{collections::VecDeque, iter};

use crate::payload::{SEQUENCES, Token, last_with};

/// What is known of a message under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When it was sent, in nanoseconds since the run began.
    pub(crate) sent: u64,
    /// How much later that was than intended, in microseconds.
    pub(crate) lag_micros: u32,
    /// Answers that came of several; [`SETTLED`] once it is settled.
    state: u32,
}

/// A message under way, with what it begins with: to compose that anew costs more than to compare it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) entry: Entry,
    /// Zeros where it does not begin with a token.
    pub(crate) token: Token,
}

const SETTLED: u32 = u32::MAX;

impl Entry {
    pub(crate) fn new(sent: u64, intended: u64) -> Self {
        let lag = sent.saturating_sub(intended) / 1000;
        Self { sent, lag_micros: u32::try_from(lag).unwrap_or(u32::MAX), state: 0 }
    }

    #[inline]
    pub(crate) fn named(self, token: Token) -> Named {
        Named { entry: self, token }
    }

    /// Whether both were sent at the same time, and meant to be.
    #[inline]
    pub(crate) fn is_as_old_as(&self, other: &Self) -> bool {
        (self.sent, self.lag_micros) == (other.sent, other.lag_micros)
    }

    /// When it was to be sent.
    pub(crate) fn intended(&self) -> u64 {
        self.sent.saturating_sub(u64::from(self.lag_micros) * 1000)
    }

    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.state == SETTLED
    }
}

/// The messages of one connection that are not settled, and how its numbers stand.
///
/// Numbers are given in order, so a message's place is its distance from the first. Settled ones in the middle stay as
/// gaps; where those would be many, the unsettled ones before them move to a list of stragglers.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<Named>,
    /// The number of `entries`' first.
    base: u64,
    /// The next message's number.
    next: u64,
    /// One above the highest number that was answered.
    answered_upto: u64,
    outstanding: u32,
    /// Of those, how many are past the time-out.
    expired: u32,
    /// Answers that name no message and are taken for altered ones of these: never more than `outstanding`.
    unnamed: u32,
    /// Numbers below this have been looked at for the time-out.
    expired_upto: u64,
    #[expect(clippy::box_collection, reason = "hardly any window has some: it shall cost a pointer")]
    stragglers: Option<Box<VecDeque<(u64, Entry)>>>,
}

impl Window {
    /// The number that the next message will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number that a [`Name`](crate::payload::Name)'s digits mean: of the messages that were sent with them, the last one that
    /// is not settled, or else the last one.
    pub(crate) fn find_number(&self, digits: u64) -> u64 {
        let last = last_with(digits, self.next);
        let Some((oldest, _)) = self.oldest() else { return last };
        let earlier = iter::successors(Some(last), |number| number.checked_sub(SEQUENCES));
        earlier.take_while(|number| *number >= oldest).find(|number| self.holds(*number)).unwrap_or(last)
    }

    /// Whether this message was sent and is not settled.
    fn holds(&self, number: u64) -> bool {
        match number.checked_sub(self.base) {
            Some(place) => self.entries.get(place as usize).is_some_and(|named| !named.entry.is_settled()),
            None => self.stragglers.iter().any(|all| all.binary_search_by_key(&number, |(number, _)| *number).is_ok()),
        }
    }

    /// The messages whose answers come next where answers come in order, as they nearly always do, and the first one's number: the
    /// oldest ones, up to one that is settled. There are none where the first was overtaken, or where answers without a name
    /// wait for what it turns out to be. There may be more.
    #[inline]
    pub(crate) fn due(&self) -> (u64, &[Named]) {
        let is_plain = self.answered_upto <= self.base && self.unnamed == 0;
        (self.base, if is_plain { self.entries.as_slices().0 } else { &[] })
    }

    /// Settles the first `count` messages that [`Self::due`] gives, as answered.
    #[inline]
    pub(crate) fn take_due(&mut self, count: u32) {
        match count {
            1 => drop(self.entries.pop_front()),
            _ => drop(self.entries.drain(..count as usize)),
        }
        let upto = self.base + u64::from(count);
        self.outstanding -= count;
        self.expired -= self.expired_upto.min(upto).saturating_sub(self.base) as u32;
        self.base = upto;
        self.answered_upto = upto;
        self.trim();
    }

    /// Messages that are not settled.
    pub(crate) fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Messages that still hold a place in the closed loop's window: those within the time-out.
    pub(crate) fn live(&self) -> u32 {
        self.outstanding.saturating_sub(self.expired + self.unnamed)
    }

    /// Enters an answer that names no message; `false` if there is none that it could be the answer to, or too many such
    /// answers have come to be kept apart.
    pub(crate) fn push_unnamed(&mut self) -> bool {
        let fits = self.unnamed < self.outstanding.min(UNNAMED_MAX);
        self.unnamed += u32::from(fits);
        fits
    }

    /// After a message was settled: `true` if one of those answers turned out to answer none, for all are answered.
    pub(crate) fn pop_unfounded(&mut self) -> bool {
        let unfounded = self.unnamed > self.outstanding;
        self.unnamed -= u32::from(unfounded);
        unfounded
    }

    pub(crate) fn unnamed(&self) -> u32 {
        self.unnamed
    }

    /// Enters messages that were just sent.
    #[inline]
    pub(crate) fn push(&mut self, entries: impl ExactSizeIterator<Item = Named>) {
        if self.entries.is_empty() {
            self.base = self.next;
        }
        let count = entries.len() as u32;
        if self.entries.capacity() == 0 {
            // Many have one message under way and never more, where a deque that grows by itself has room for four.
            self.entries.reserve_exact(entries.len());
        }
        self.entries.extend(entries);
        self.next += u64::from(count);
        self.outstanding += count;
    }

    /// Settles the message of this number; `None` if it was settled or never sent.
    #[inline]
    pub(crate) fn take(&mut self, sequence: u64) -> Option<Entry> {
        let entry = if sequence == self.base {
            // The first one is never settled.
            let Named { entry, .. } = self.entries.pop_front()?;
            self.base += 1;
            self.trim();
            entry
        } else if sequence > self.base {
            let Named { entry: place, .. } = self.entries.get_mut((sequence - self.base) as usize)?;
            let entry = Some(*place).filter(|entry| !entry.is_settled())?;
            place.state = SETTLED;
            self.trim();
            entry
        } else {
            let stragglers = self.stragglers.as_mut()?;
            let at = stragglers.binary_search_by_key(&sequence, |(number, _)| *number).ok()?;
            let (_, entry) = stragglers.remove(at)?;
            if stragglers.is_empty() {
                self.stragglers = None;
            }
            entry
        };
        self.outstanding -= 1;
        if sequence < self.expired_upto {
            self.expired -= 1;
        }
        Some(entry)
    }

    /// The oldest unsettled message.
    pub(crate) fn oldest(&self) -> Option<(u64, Entry)> {
        self.iter().next()
    }

    /// All unsettled messages, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Entry)> {
        let stragglers = self.stragglers.iter().flat_map(|stragglers| stragglers.iter().copied());
        let entries = self.entries.iter().zip(self.base..).map(|(named, number)| (number, named.entry));
        stragglers.chain(entries.filter(|(_, entry)| !entry.is_settled()))
    }

    /// Counts one more answer of several for a message; gives how many there are now.
    pub(crate) fn count_part(&mut self, sequence: u64) -> u32 {
        let entry = if sequence >= self.base {
            self.entries.get_mut((sequence - self.base) as usize).map(|named| &mut named.entry)
        } else {
            let find = |stragglers: &mut Box<VecDeque<(u64, Entry)>>| {
                stragglers.binary_search_by_key(&sequence, |(number, _)| *number).ok()
            };
            let at = self.stragglers.as_mut().and_then(find);
            at.and_then(|at| self.stragglers.as_mut()?.get_mut(at).map(|(_, entry)| entry))
        };
        let Some(entry) = entry else { return 0 };
        entry.state = (entry.state + 1).min(SETTLED - 1);
        entry.state
    }

    /// Notes that a message was answered; `true` if one with a higher number was answered before.
    #[inline]
    pub(crate) fn note_answered(&mut self, sequence: u64) -> bool {
        let overtaken = sequence < self.answered_upto;
        self.answered_upto = self.answered_upto.max(sequence + 1);
        overtaken
    }

    /// One above the highest number that was answered.
    pub(crate) fn answered_upto(&self) -> u64 {
        self.answered_upto
    }

    /// Frees the places of messages that were sent before `deadline`; gives how many.
    pub(crate) fn expire(&mut self, deadline: u64) -> u32 {
        let mut freed = 0;
        let first = self.expired_upto.max(self.base);
        for Named { entry, .. } in self.entries.iter().skip((first - self.base) as usize) {
            if !entry.is_settled() && entry.sent >= deadline {
                break;
            }
            freed += u32::from(!entry.is_settled());
            self.expired_upto = self.expired_upto.max(first) + 1;
        }
        self.expired += freed;
        freed
    }

    /// Settles everything that is left, the oldest first.
    pub(crate) fn drain(&mut self) -> Vec<(u64, Entry)> {
        let left: Vec<_> = self.iter().collect();
        self.entries = VecDeque::new();
        self.stragglers = None;
        self.base = self.next;
        self.outstanding = 0;
        self.unnamed = 0;
        self.expired = 0;
        self.expired_upto = self.next;
        left
    }

    /// Tidies up where there is need: nearly never while answers come in order.
    #[inline]
    fn trim(&mut self) {
        let is_tidy = match self.entries.front() {
            Some(first) => !first.entry.is_settled() && self.entries.len() <= GAPS_MIN,
            None => self.entries.capacity() <= CAPACITY_KEPT,
        };
        if !is_tidy {
            self.tidy();
        }
    }

    /// Drops settled messages at the front. Where one that nobody answers keeps many settled ones in the window, it goes to
    /// the stragglers.
    #[inline(never)]
    fn tidy(&mut self) {
        while self.entries.front().is_some_and(|first| first.entry.is_settled()) {
            self.entries.pop_front();
            self.base += 1;
        }
        if self.entries.len() > GAPS_MIN && self.entries.len() as u32 > 4 * self.outstanding {
            self.put_aside();
        }
        if self.entries.is_empty() && self.entries.capacity() > CAPACITY_KEPT {
            self.entries = VecDeque::new();
        }
    }

    #[cold]
    fn put_aside(&mut self) {
        let half = self.entries.len() / 2;
        let stragglers = self.stragglers.get_or_insert_default();
        for Named { entry, .. } in self.entries.drain(..half) {
            if !entry.is_settled() {
                stragglers.push_back((self.base, entry));
            }
            self.base += 1;
        }
        // Those numbers are no longer looked at one by one.
        let passed = self.base.max(self.expired_upto);
        let unseen = stragglers.iter().filter(|(number, _)| *number >= self.expired_upto).count() as u32;
        self.expired += unseen;
        self.expired_upto = passed;
        if stragglers.is_empty() {
            self.stragglers = None;
        }
        self.trim();
    }
}

/// Answers of one connection that name no message, kept apart from what they may answer at most.
const UNNAMED_MAX: u32 = 1024;
/// Fewer entries than this are never put aside.
const GAPS_MIN: usize = 256;
/// An empty window keeps room for this many.
const CAPACITY_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn sent(nanos: u64) -> Entry {
        Entry::new(nanos, nanos)
    }

    impl Window {
        /// As if it had gone on for so long.
        pub(crate) fn starting_at(number: u64) -> Self {
            Self { base: number, next: number, answered_upto: number, expired_upto: number, ..Self::default() }
        }

        fn push_one(&mut self, entry: Entry) {
            self.push([entry.named([0; 16])].into_iter());
        }
    }

    #[test]
    fn a_window_takes_at_most_88_bytes_and_a_message_32() {
        assert!(size_of::<Window>() <= 88, "{}", size_of::<Window>());
        assert_eq!((size_of::<Named>(), size_of::<Entry>()), (32, 16));
    }

    #[test]
    fn a_message_is_settled_once() {
        let mut window = Window::default();
        (0..3).for_each(|nanos| window.push_one(sent(nanos)));
        assert_eq!(window.take(1), Some(sent(1)));
        assert_eq!(window.take(1), None);
        assert_eq!(window.take(3), None);
        assert_eq!(window.oldest(), Some((0, sent(0))));
        assert_eq!(window.drain(), [(0, sent(0)), (2, sent(2))]);
        assert_eq!((window.outstanding(), window.next()), (0, 3));
    }

    #[test]
    fn one_that_is_never_answered_does_not_keep_the_others() {
        let mut window = Window::default();
        window.push_one(sent(0));
        for nanos in 1..100_000 {
            window.push_one(sent(nanos));
            assert_eq!(window.take(nanos), Some(sent(nanos)));
            assert!(window.entries.len() <= GAPS_MIN + 1);
        }
        assert_eq!(window.oldest(), Some((0, sent(0))));
        assert_eq!(window.take(0), Some(sent(0)));
        assert_eq!(window.outstanding(), 0);
    }

    #[test]
    fn the_time_out_frees_places_once() {
        let mut window = Window::default();
        (0..10).for_each(|nanos| window.push_one(sent(nanos)));
        window.take(2);
        assert_eq!((window.expire(5), window.live()), (4, 5));
        assert_eq!((window.expire(5), window.live()), (0, 5));
        // A late answer takes none of the places that are free already.
        window.take(0);
        assert_eq!((window.live(), window.outstanding()), (5, 8));
        window.drain();
        window.push_one(sent(20));
        assert_eq!((window.live(), window.expire(20), window.expire(21)), (1, 0, 1));
    }

    #[test]
    fn digits_mean_the_last_message_sent_with_them_that_is_not_settled() {
        let mut window = Window::starting_at(SEQUENCES + 3);
        assert_eq!([3, 2].map(|digits| window.find_number(digits)), [3, SEQUENCES + 2]);
        assert_eq!(Window::starting_at(5).find_number(7), 7, "none was sent");
        // One that is not answered before a whole round is over.
        window.push_one(sent(0));
        window.stragglers = Some(Box::new([(SEQUENCES + 3, sent(0))].into()));
        window.entries.clear();
        window.next = 2 * SEQUENCES + 3;
        window.push_one(sent(1));
        assert_eq!(window.find_number(3), 2 * SEQUENCES + 3);
        assert_eq!(window.take(2 * SEQUENCES + 3), Some(sent(1)));
        assert_eq!(window.find_number(3), SEQUENCES + 3);
        assert_eq!(window.take(SEQUENCES + 3), Some(sent(0)));
        assert_eq!(window.find_number(3), 2 * SEQUENCES + 3);
    }

    proptest! {
        /// Whatever is sent, answered, looked at and timed out in whatever order: the window agrees with a plain map.
        #[test]
        fn agrees_with_a_map(
            first in prop_oneof![Just(0), Just(SEQUENCES - 20), Just((1 << 32) - 20)],
            steps in prop::collection::vec((0u8..5, any::<u16>()), 0..2000),
        ) {
            let (mut window, mut map) = (Window::starting_at(first), BTreeMap::new());
            for (step, number) in steps {
                let next = window.next();
                match step {
                    0 | 1 => {
                        let count = number % 3;
                        map.extend((next..next + u64::from(count)).map(|number| (number, sent(next))));
                        window.push((0..count).map(|_| sent(next).named([0; 16])));
                    }
                    2 => {
                        let number = first + u64::from(number) % (next + 2 - first);
                        if number < next {
                            prop_assert_eq!(window.find_number(number % SEQUENCES), number);
                        }
                        prop_assert_eq!(window.take(number), map.remove(&number));
                    }
                    3 => {
                        let (oldest, due) = window.due();
                        let due = due.iter().map(|named| named.entry).take_while(|entry| !entry.is_settled());
                        let due: Vec<_> = (oldest..).zip(due.take(usize::from(number) % 4)).collect();
                        if let Some((last, _)) = due.last() {
                            window.take_due(due.len() as u32);
                            prop_assert_eq!(window.answered_upto(), last + 1);
                        }
                        for (number, entry) in due {
                            prop_assert_eq!(map.remove(&number), Some(entry));
                        }
                    }
                    _ => drop(window.expire(first + u64::from(number) % (next + 1 - first))),
                }
                prop_assert_eq!(window.outstanding() as usize, map.len());
                prop_assert!(window.live() <= window.outstanding());
            }
            prop_assert_eq!(window.drain(), map.into_iter().collect::<Vec<_>>());
        }
    }
}
