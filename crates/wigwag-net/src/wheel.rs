//! A coarse timer wheel: deadlines are sorted into slots of [`TICK_MILLIS`]; nothing is cancelled, a fired entry is
//! checked against its connection's present state instead. Knows nothing of connections.

use std::time::{Duration, Instant};

/// Granularity: a timer fires at its deadline or up to this much later.
pub(crate) const TICK_MILLIS: u64 = 4;
const SLOTS: usize = 4096;

/// Timers with a payload.
pub(crate) struct Wheel<T> {
    start: Instant,
    /// All ticks before this one have been fired.
    tick: u64,
    slots: Vec<Vec<Entry<T>>>,
    /// One bit per slot that is not empty; 64 words of 64.
    occupied: [u64; SLOTS / 64],
    len: usize,
}

struct Entry<T> {
    tick: u64,
    payload: T,
}

impl<T> Wheel<T> {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            tick: 0,
            slots: std::iter::repeat_with(Vec::new).take(SLOTS).collect(),
            occupied: [0; SLOTS / 64],
            len: 0,
        }
    }

    /// Adds a timer; one that is due already fires with the next [`Self::expire`].
    pub(crate) fn insert(&mut self, deadline: Instant, payload: T) {
        let millis = deadline.saturating_duration_since(self.start).as_micros().div_ceil(1000) as u64;
        let tick = millis.div_ceil(TICK_MILLIS).max(self.tick);
        let slot = tick as usize % SLOTS;
        self.slots[slot].push(Entry { tick, payload });
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.len += 1;
    }

    /// Moves what is due at `now` into `due`, earlier ticks first.
    pub(crate) fn expire(&mut self, now: Instant, due: &mut Vec<T>) {
        let now_tick = now.saturating_duration_since(self.start).as_millis() as u64 / TICK_MILLIS;
        if now_tick < self.tick {
            return;
        }
        // After a long sleep every slot is visited once, not once per lost rotation.
        let first = self.tick.max(now_tick.saturating_sub(SLOTS as u64 - 1));
        let mut tick = first;
        while tick <= now_tick {
            let slot = tick as usize % SLOTS;
            if self.occupied[slot / 64] == 0 {
                // Nothing in this word: go on at the next.
                tick += 64 - (slot as u64 % 64);
                continue;
            }
            self.expire_slot(slot, now_tick, due);
            tick += 1;
        }
        self.tick = now_tick + 1;
    }

    /// When the next slot with entries comes round: what is in it may be for a later rotation.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.len == 0 {
            return None;
        }
        let at = self.tick as usize % SLOTS;
        let (word, bit) = (at / 64, at % 64);
        let here = self.occupied[word] >> bit;
        let ahead = if here != 0 {
            here.trailing_zeros() as usize
        } else {
            let words = self.occupied.len();
            let step = (1..=words).find(|step| self.occupied[(word + step) % words] != 0)?;
            step * 64 - bit + self.occupied[(word + step) % words].trailing_zeros() as usize
        };
        Some(self.start + Duration::from_millis((self.tick + ahead as u64) * TICK_MILLIS))
    }

    fn expire_slot(&mut self, slot: usize, now_tick: u64, due: &mut Vec<T>) {
        let entries = &mut self.slots[slot];
        let before = due.len();
        due.extend(entries.extract_if(.., |entry| entry.tick <= now_tick).map(|entry| entry.payload));
        self.len -= due.len() - before;
        if entries.is_empty() {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
            if entries.capacity() > 64 {
                *entries = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(wheel: &mut Wheel<u32>, at: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.expire(at, &mut due);
        due
    }

    #[test]
    fn fires_at_the_deadline_and_never_before() {
        let start = Instant::now();
        for millis in [0, 1, 3, 4, 5, 99, 100, 16_383, 16_384, 16_385, 40_000, 100_000] {
            let mut wheel = Wheel::new(start);
            let deadline = start + Duration::from_millis(millis);
            wheel.insert(deadline, 7);
            let mut at = start;
            loop {
                let due = fired(&mut wheel, at);
                if !due.is_empty() {
                    assert!(at >= deadline, "{millis} ms: early");
                    assert!(at < deadline + Duration::from_millis(2 * TICK_MILLIS), "{millis} ms: late");
                    break;
                }
                let next = wheel.next_deadline().expect("an entry is left");
                assert!(next > at || next == start, "no progress");
                at = next.max(at + Duration::from_millis(1));
            }
            assert_eq!(wheel.next_deadline(), None);
        }
    }

    #[test]
    fn a_long_sleep_loses_nothing() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        for n in 0..1000 {
            wheel.insert(start + Duration::from_millis(u64::from(n) * 77), n);
        }
        let mut due = fired(&mut wheel, start + Duration::from_secs(3600));
        due.sort_unstable();
        assert_eq!(due, (0..1000).collect::<Vec<_>>());
        assert_eq!(wheel.len, 0);
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_once() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        assert!(fired(&mut wheel, start + Duration::from_secs(5)).is_empty());
        wheel.insert(start, 1);
        assert_eq!(fired(&mut wheel, start + Duration::from_secs(5) + Duration::from_millis(TICK_MILLIS)), [1]);
    }
}
