//! Messages as bytes: composed from run, connection and sequence number, and told apart when they come back.
//!
//! The ledger's own payload begins with a token of 16 characters, base 36: run (3), connection (4), sequence number (5),
//! checksum (4). From 54 bytes on a sentence says the same for people. What is left is filled with a part of one long
//! block, which the seed makes: a message is a function of seed, connection and sequence number, so it need not be kept
//! to be compared byte for byte.

use std::{fmt::Write as _, ops::Range};

use crate::plan::{Part, Payload, Sizes, Template};

/// A message of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) connection: u32,
    pub(crate) sequence: u32,
}

/// A message, and when it was sent, in nanoseconds since the run began: all that it is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) id: Id,
    pub(crate) nanos: u64,
    /// What is compared with it is known to begin with its token.
    pub(crate) is_named: bool,
}

/// UTF-8 is validated by words where it lies on their boundaries, else by bytes.
#[repr(align(16))]
struct Aligned([u8; TOKEN_BYTES]);

/// Composes messages, and recognises them.
#[derive(Debug)]
pub(crate) struct Payloads {
    source: Payload,
    sizes: Sizes,
    seed: u64,
    run: [u8; RUN_DIGITS],
    filler: Filler,
    /// When the run began, in Unix milliseconds: what `{time}` counts from.
    began_millis: u64,
}

/// What messages are filled up with.
#[derive(Debug)]
enum Filler {
    Text(String),
    Binary(Vec<u8>),
}

/// A message in its two pieces: the second is borrowed from the filler and never copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Composed<'a> {
    pub(crate) head: &'a str,
    pub(crate) tail: Tail<'a>,
}

/// The second piece of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tail<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl<'a> Composed<'a> {
    /// What follows the message in `content`; `None` if it does not begin with it.
    fn strip_from<'c>(&self, content: &'c [u8]) -> Option<&'c [u8]> {
        content.strip_prefix(self.head.as_bytes())?.strip_prefix(self.tail.as_bytes())
    }

    pub(crate) fn to_vec(self) -> Vec<u8> {
        [self.head.as_bytes(), self.tail.as_bytes()].concat()
    }
}

impl<'a> Tail<'a> {
    #[inline]
    pub(crate) fn as_bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl Payloads {
    pub(crate) fn new(source: Payload, sizes: Sizes, binary: bool, seed: u64, began_millis: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(mix(seed, 1, 2));
        let length = match source {
            Payload::Ledger => sizes.most as usize + FILLER_OFFSETS,
            Payload::Template(_) | Payload::Lines(_) => 0,
        };
        let filler = if binary {
            Filler::Binary((0..length).map(|_| random.u8(..)).collect())
        } else {
            Filler::Text((0..length).map(|_| random.alphanumeric()).collect())
        };
        let mut run = [0; RUN_DIGITS];
        write_digits(mix(seed, 0, 0) as u32, &mut run);
        Self { source, sizes, seed, run, filler, began_millis }
    }

    /// Whether an answer names the message that it answers.
    pub(crate) fn names_messages(&self) -> bool {
        match &self.source {
            Payload::Ledger => true,
            Payload::Template(template) => template.has_ledger(),
            Payload::Lines(lines) => lines.iter().all(Template::has_ledger),
        }
    }

    /// The message, its head in `scratch`. `nanos` is when it was sent, since the run began.
    #[inline]
    pub(crate) fn compose<'a>(&'a self, id: Id, nanos: u64, scratch: &'a mut String) -> Composed<'a> {
        scratch.clear();
        let random = mix(self.seed, id.connection, id.sequence);
        let template = match &self.source {
            Payload::Ledger => return self.compose_own(id, random, scratch),
            Payload::Template(template) => template,
            Payload::Lines(lines) => &lines[(id.connection as usize + id.sequence as usize) % lines.len()],
        };
        self.push_filled(template, id, random, nanos, scratch);
        Composed { head: scratch, tail: Tail::Text("") }
    }

    /// Appends a template with its values. `nanos` is when it is sent, since the run began.
    pub(crate) fn fill(&self, template: &Template, id: Id, nanos: u64, out: &mut String) {
        self.push_filled(template, id, mix(self.seed, id.connection, id.sequence), nanos, out);
    }

    fn push_filled(&self, template: &Template, id: Id, random: u64, nanos: u64, scratch: &mut String) {
        for part in &template.parts {
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Text(text) => scratch.write_str(text),
                Part::Connection => write!(scratch, "{}", id.connection),
                Part::Sequence => write!(scratch, "{}", id.sequence),
                Part::Time => write!(scratch, "{}", self.began_millis + nanos / 1_000_000),
                Part::Random => write!(scratch, "{}", random % 1_000_000),
                Part::Ledger => {
                    self.push_token(id, random, scratch);
                    Ok(())
                }
            };
        }
    }

    fn compose_own<'a>(&'a self, id: Id, random: u64, scratch: &'a mut String) -> Composed<'a> {
        self.push_token(id, random, scratch);
        let tail = self.compose_rest(id, random, scratch);
        Composed { head: scratch, tail }
    }

    /// What follows the token of our own payload: the sentence, appended to `scratch`, and the filler.
    #[inline]
    fn compose_rest(&self, id: Id, random: u64, scratch: &mut String) -> Tail<'_> {
        let size = self.size(random);
        let before = scratch.len();
        if size >= SENTENCE_FROM {
            scratch.push_str(" connection ");
            push_decimal(id.connection, scratch);
            scratch.push_str(" message ");
            push_decimal(id.sequence, scratch);
            scratch.push(' ');
        }
        let offset = (random >> 20) as usize % FILLER_OFFSETS;
        let part = offset..offset + size.saturating_sub(TOKEN_BYTES + scratch.len() - before);
        match &self.filler {
            Filler::Text(text) => Tail::Text(&text[part]),
            Filler::Binary(bytes) => Tail::Binary(&bytes[part]),
        }
    }

    /// What follows the message in `content`; `None` if it does not begin with the message, byte for byte.
    #[inline]
    pub(crate) fn strip<'c>(&self, message: Sent, content: &'c [u8], scratch: &mut String) -> Option<&'c [u8]> {
        if matches!(self.source, Payload::Ledger) {
            // The token is compared as numbers: with all of its digits the same, so is its text.
            let token = content.first_chunk()?;
            if !message.is_named && self.read_token(token)? != message.id {
                return None;
            }
            scratch.clear();
            let random = mix(self.seed, message.id.connection, message.id.sequence);
            let tail = self.compose_rest(message.id, random, scratch);
            return content[TOKEN_BYTES..].strip_prefix(scratch.as_bytes())?.strip_prefix(tail.as_bytes());
        }
        self.compose(message.id, message.nanos, scratch).strip_from(content)
    }

    /// The message that `content` names, if it is one of this run, and whether it begins with the name.
    #[inline]
    pub(crate) fn identify(&self, content: &[u8]) -> Option<(Id, bool)> {
        if let Some(id) = content.first_chunk().and_then(|token| self.read_token(token)) {
            return Some((id, true));
        }
        self.search(content).map(|id| (id, false))
    }

    /// A token further inside: within a template, or behind what a server put in front.
    fn search(&self, content: &[u8]) -> Option<Id> {
        let content = &content[..content.len().min(SEARCHED_BYTES)];
        let starts = content.windows(TOKEN_BYTES).filter(|window| window.starts_with(&self.run));
        starts.filter_map(|window| window.first_chunk()).find_map(|token| self.read_token(token))
    }

    fn size(&self, random: u64) -> usize {
        let Sizes { least, most } = self.sizes;
        if least == most {
            return least as usize;
        }
        (u64::from(least) + (random >> 8) % (u64::from(most - least) + 1)) as usize
    }

    fn push_token(&self, id: Id, random: u64, out: &mut String) {
        let mut token = Aligned([0; TOKEN_BYTES]);
        token.0[RUN].copy_from_slice(&self.run);
        write_digits(id.connection, &mut token.0[CONNECTION]);
        write_digits(id.sequence, &mut token.0[SEQUENCE]);
        write_digits((random % CHECKSUMS) as u32, &mut token.0[CHECKSUM]);
        out.push_str(std::str::from_utf8(&token.0).expect("digits and letters"));
    }

    #[inline]
    fn read_token(&self, token: &[u8; TOKEN_BYTES]) -> Option<Id> {
        if token[RUN] != self.run {
            return None;
        }
        let connection = u32::try_from(read_digits(&token[CONNECTION])?).ok()?;
        let sequence = u32::try_from(read_digits(&token[SEQUENCE])?).ok()?;
        let checksum = read_digits(&token[CHECKSUM])?;
        (mix(self.seed, connection, sequence) % CHECKSUMS == checksum).then_some(Id { connection, sequence })
    }
}

/// A number that looks random and is a function of its arguments.
#[inline]
pub(crate) fn mix(seed: u64, one: u32, other: u32) -> u64 {
    let mut mixed = seed ^ (u64::from(one) << 32 | u64::from(other)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The last digits of `number`, base 36; two at a time, for divisions are what this costs.
#[inline]
fn write_digits(mut number: u32, out: &mut [u8]) {
    for digits in out.rchunks_mut(2) {
        let pair = PAIRS[(number % PAIRS.len() as u32) as usize];
        digits.copy_from_slice(&pair[2 - digits.len()..]);
        number /= PAIRS.len() as u32;
    }
}

#[inline]
fn read_digits(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| match VALUES[usize::from(*digit)] {
        NO_DIGIT => None,
        value => Some(number * 36 + u64::from(value)),
    })
}

fn push_decimal(number: u32, out: &mut String) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits"));
}

const RUN_DIGITS: usize = 3;
pub(crate) const TOKEN_BYTES: usize = 16;
const RUN: Range<usize> = 0..RUN_DIGITS;
const CONNECTION: Range<usize> = 3..7;
const SEQUENCE: Range<usize> = 7..12;
const CHECKSUM: Range<usize> = 12..16;
const CHECKSUMS: u64 = 36 * 36 * 36 * 36;
/// Token, " connection 1000000 message 60466175 ".
const SENTENCE_FROM: usize = 54;
/// Messages differ in where their filler begins.
const FILLER_OFFSETS: usize = 4096;
/// How far into a message a token is looked for.
const SEARCHED_BYTES: usize = 64 << 10;

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const PAIRS: [[u8; 2]; 36 * 36] = {
    let mut pairs = [[0; 2]; 36 * 36];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [DIGITS[number / 36], DIGITS[number % 36]];
        number += 1;
    }
    pairs
};
const NO_DIGIT: u8 = 255;
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 36 {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::SIZE_MIN;

    fn own(least: u32, most: u32, binary: bool) -> Payloads {
        Payloads::new(Payload::Ledger, Sizes { least, most }, binary, 42, 1_000_000)
    }

    fn bytes(payloads: &Payloads, connection: u32, sequence: u32) -> Vec<u8> {
        payloads.compose(Id { connection, sequence }, 5_000_000, &mut String::new()).to_vec()
    }

    #[test]
    fn every_size_from_16_bytes_on_is_kept_and_recognised() {
        for size in (SIZE_MIN..200).chain([1000, 70_000]) {
            for binary in [false, true] {
                let payloads = own(size, size, binary);
                for (connection, sequence) in [(0, 0), (1, 2), (999_999, 60_466_175)] {
                    let message = bytes(&payloads, connection, sequence);
                    assert_eq!(message.len(), size as usize);
                    assert_eq!(payloads.identify(&message), Some((Id { connection, sequence }, true)));
                }
            }
        }
    }

    #[test]
    fn sizes_fill_their_range_and_repeat_with_the_seed() {
        let payloads = own(16, 20, false);
        let sizes: Vec<usize> = (0..500).map(|sequence| bytes(&payloads, 3, sequence).len()).collect();
        for size in 16..=20 {
            assert!(sizes.contains(&size), "{size}");
        }
        assert_eq!(sizes, (0..500).map(|sequence| bytes(&own(16, 20, false), 3, sequence).len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_person_can_read_whose_message_it_is() {
        let text = String::from_utf8(bytes(&own(64, 64, false), 12, 345)).unwrap();
        assert!(text[TOKEN_BYTES..].starts_with(" connection 12 message 345 "), "{text}");
    }

    #[test]
    fn a_token_with_one_character_changed_names_nothing() {
        let payloads = own(16, 16, false);
        let message = bytes(&payloads, 7, 8);
        for at in 0..message.len() {
            let mut changed = message.clone();
            changed[at] = if changed[at] == b'q' { b'x' } else { b'q' };
            assert_eq!(payloads.identify(&changed), None, "at {at}");
        }
        assert_eq!(payloads.identify(&message[..15]), None);
    }

    #[test]
    fn a_message_of_another_run_names_nothing() {
        let other = Payloads::new(Payload::Ledger, Sizes::exactly(32), false, 43, 0);
        assert_eq!(own(32, 32, false).identify(&bytes(&other, 1, 1)), None);
    }

    #[test]
    fn a_token_is_found_inside_a_template_and_behind_a_prefix() {
        let template: Template = r#"{"id":"{ledger}","n":{sequence},"t":{time},"r":{random}}"#.parse().unwrap();
        let payloads = Payloads::new(Payload::Template(template), Sizes::exactly(64), false, 42, 1_000_000);
        assert!(payloads.names_messages());
        let message = bytes(&payloads, 5, 6);
        assert_eq!(payloads.identify(&message), Some((Id { connection: 5, sequence: 6 }, false)));
        let text = String::from_utf8(message).unwrap();
        assert!(text.contains(r#""n":6,"t":1000005,"r":"#), "{text}");
        let prefixed = [b"server says: ", text.as_bytes()].concat();
        assert_eq!(payloads.identify(&prefixed), Some((Id { connection: 5, sequence: 6 }, false)));
    }

    #[test]
    fn lines_are_sent_in_turn() {
        let lines: Vec<Template> = ["a {connection}", "b {sequence}"].map(|line| line.parse().unwrap()).into();
        let payloads = Payloads::new(Payload::Lines(lines.into()), Sizes::exactly(64), false, 1, 0);
        assert!(!payloads.names_messages());
        assert_eq!([bytes(&payloads, 0, 0), bytes(&payloads, 0, 1)], [b"a 0".to_vec(), b"b 1".to_vec()]);
    }
}
