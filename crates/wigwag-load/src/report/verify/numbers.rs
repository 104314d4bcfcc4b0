//! Which numbers each connection has used: a bit per message, in memory bounded by the file's length.

use std::collections::{HashMap, HashSet};

/// The numbers seen, per connection.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    seen: HashMap<u32, Bits>,
    words: u64,
    /// Numbers so far from the others that a bit for each would take too much, by connection.
    far: HashSet<(u32, u64)>,
}

#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
    count: u64,
    most: u64,
}

impl Numbers {
    /// Notes a number; `false` if it was there before. `lines` is how much of the file was read: a number that would need much
    /// more memory than that is noted by itself, and nobody knows then which are missing.
    pub(super) fn insert(&mut self, connection: u32, number: u64, lines: u64) -> bool {
        if !self.far.is_empty() && self.far.contains(&(connection, number)) {
            return false;
        }
        let bits = self.seen.entry(connection).or_default();
        let (word, bit) = ((number / 64) as usize, 1u64 << (number % 64));
        if word >= bits.words.len() {
            let more = (word + 1 - bits.words.len()) as u64;
            if self.words + more > WORDS_FREE + lines {
                return self.far.insert((connection, number));
            }
            self.words += more;
            bits.words.resize(word + 1, 0);
        }
        let is_new = bits.words[word] & bit == 0;
        bits.words[word] |= bit;
        bits.count += u64::from(is_new);
        bits.most = bits.most.max(number);
        is_new
    }

    /// How many numbers below each connection's highest are missing; `None` where that cannot be known.
    pub(super) fn gaps(&self) -> Option<u64> {
        let gaps = self.seen.values().map(|bits| bits.most + 1 - bits.count).sum();
        self.far.is_empty().then_some(gaps)
    }

    /// How many connections have a number.
    pub(super) fn connections(&self) -> u64 {
        self.seen.len() as u64
    }
}

/// 8 MiB of bits, whatever the file's length.
const WORDS_FREE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_doubles_are_found() {
        let mut numbers = Numbers::default();
        for number in [0, 1, 3, 200] {
            assert!(numbers.insert(7, number, 10));
        }
        assert!(!numbers.insert(7, 3, 10));
        assert!(numbers.insert(8, 0, 10));
        assert_eq!(numbers.gaps(), Some(197));
        assert_eq!(numbers.connections(), 2);
    }

    #[test]
    fn doubles_are_found_however_far_apart_the_numbers_are() {
        let mut numbers = Numbers::default();
        for number in [5, 1 << 40, u64::MAX] {
            assert!(numbers.insert(7, number, 10));
            assert!(!numbers.insert(7, number, 10));
        }
        assert!(numbers.insert(8, 1 << 40, 10));
        assert_eq!(numbers.gaps(), None);
    }

    #[test]
    fn a_file_cannot_make_us_take_more_memory_than_it_is_long() {
        let mut numbers = Numbers::default();
        for connection in 0..1_000 {
            numbers.insert(connection, u64::MAX, u64::from(connection));
        }
        assert_eq!(numbers.gaps(), None);
        assert!(numbers.words <= WORDS_FREE + 1_000);
    }
}
