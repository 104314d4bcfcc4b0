//! Messages as bytes: composed from run, connection and sequence number, and told apart when they come back.
//!
//! The ledger's own payload begins with a token of 16 digits and small letters: run (3), connection (4), sequence number
//! (5), all base 36, and checksum (4, base 32). From 54 bytes on a sentence says the same for people. What is left is filled
//! with a part of one long block, which the seed makes: a message is a function of seed, connection and sequence number,
//! so it need not be kept to be compared byte for byte. A connection that sends more than 60,466,176 messages, which may take
//! seconds, begins anew with its tokens' numbers: the ledger counts on, and takes one for the last that was sent and not settled.

mod scratch;

use std::{fmt::Write as _, ops::Range};

use wigwag_net::MessageKind;

use self::scratch::Lead;
pub(crate) use self::scratch::{Joined, Scratch};
use crate::plan::{Part, Payload, Sizes, Template};

/// A message of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) connection: u32,
    pub(crate) sequence: u64,
}

/// What a token says: whose message this is, and of its number as many digits as a token has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) connection: u32,
    /// Below [`SEQUENCES`]; who knows how many were sent knows the others ([`last_with`]).
    pub(crate) digits: u64,
}

/// A message, and when it was sent, in nanoseconds since the run began: all that it is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) id: Id,
    pub(crate) nanos: u64,
    /// What is compared with it is known to begin with its token, as the message does.
    pub(crate) is_named: bool,
}

/// Composes messages, and recognises them.
#[derive(Debug)]
pub(crate) struct Payloads {
    source: Payload,
    sizes: Sizes,
    seed: u64,
    /// The token's first characters, the others 0, as a number that begins with its lowest byte.
    run: u128,
    kind: MessageKind,
    /// What messages are filled up with; where they are text, ASCII.
    filler: Vec<u8>,
    /// When the run began, in Unix milliseconds: what `{time}` counts from.
    began_millis: u64,
}

/// What the tokens of messages that follow one another on a connection have in common, kept from one to the next: all but
/// the sequence number's last digit and the checksum.
#[derive(Debug)]
pub(crate) struct Stem {
    /// Of the sequence number, what a token has room for, without its last digit.
    of: Name,
    text: u128,
    /// What the checksums are made of, with the last digit.
    random: u64,
}

impl Default for Stem {
    /// Nobody's.
    fn default() -> Self {
        Self { of: Name { connection: u32::MAX, digits: u64::MAX }, text: 0, random: 0 }
    }
}

impl Stem {
    /// The token whose sequence number ends with this digit.
    #[inline]
    fn token(&self, last: u64) -> Token {
        let digit = DIGITS[last as usize];
        (self.text | at(SEQUENCE.end - 1, digit.into()) | at(CHECKSUM.start, self.checksum(last))).to_le_bytes()
    }

    /// Four digits, base 32, that the whole name decides.
    #[inline]
    fn checksum(&self, last: u64) -> u32 {
        let mixed = (self.random ^ last.wrapping_mul(SCATTER)).wrapping_mul(SPREAD);
        random_digits((mixed >> 32) as u32)
    }
}

/// A message in its pieces: what follows the token is borrowed, and not copied before it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Composed<'a> {
    kind: MessageKind,
    /// Absent where a template says what the message is.
    token: Option<Token>,
    text: &'a [u8],
    filler: &'a [u8],
}

impl Composed<'_> {
    /// Calls `take` with the kind and the pieces, in order.
    pub(crate) fn with_parts<T>(&self, take: impl FnOnce(MessageKind, &[&[u8]]) -> T) -> T {
        match &self.token {
            Some(token) => take(self.kind, &[token, self.text, self.filler]),
            None => take(self.kind, &[self.text]),
        }
    }

    /// What follows the message in `content`; `None` if it does not begin with it.
    #[inline]
    fn strip_from<'c>(&self, content: &'c [u8]) -> Option<&'c [u8]> {
        self.with_parts(|_, parts| parts.iter().try_fold(content, |content, part| content.strip_prefix(*part)))
    }

    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.with_parts(|_, parts| parts.concat())
    }
}

impl Payloads {
    pub(crate) fn new(source: Payload, sizes: Sizes, binary: bool, seed: u64, began_millis: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(mix(seed, 1, 2));
        let length = match source {
            Payload::Ledger => sizes.most as usize + FILLER_OFFSETS,
            Payload::Template(_) | Payload::Lines(_) => 0,
        };
        let filler = match binary {
            true => (0..length).map(|_| random.u8(..)).collect(),
            false => (0..length).map(|_| random.alphanumeric() as u8).collect(),
        };
        let run = u128::from(four_digits(mix(seed, 0, 0) as u32) >> 8);
        let kind = if binary { MessageKind::Binary } else { MessageKind::Text };
        Self { source, sizes, seed, run, kind, filler, began_millis }
    }

    /// Whether an answer names the message that it answers.
    pub(crate) fn names_messages(&self) -> bool {
        match &self.source {
            Payload::Ledger => true,
            Payload::Template(template) => template.has_ledger(),
            Payload::Lines(lines) => lines.iter().all(Template::has_ledger),
        }
    }

    /// Whether messages begin with their token.
    pub(crate) fn begin_with_name(&self) -> bool {
        matches!(self.source, Payload::Ledger)
    }

    /// Text or binary.
    pub(crate) fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The message, what text it has in `scratch`. `nanos` is when it was sent, since the run began.
    pub(crate) fn compose<'a>(&'a self, id: Id, nanos: u64, scratch: &'a mut Scratch) -> Composed<'a> {
        let Scratch { stem, lead, sentence, text } = scratch;
        let random = self.random(id);
        let template = match &self.source {
            Payload::Ledger => {
                sentence.clear();
                let filler = if self.is_token_alone() { &[] } else { self.push_rest(id, random, lead, sentence) };
                return Composed { kind: self.kind, token: Some(self.token(id, stem)), text: sentence, filler };
            }
            Payload::Template(template) => template,
            Payload::Lines(lines) => &lines[(id.connection as usize + id.sequence as usize) % lines.len()],
        };
        text.clear();
        self.push_filled(template, id, random, nanos, text);
        Composed { kind: MessageKind::Text, token: None, text: text.as_bytes(), filler: &[] }
    }

    /// Appends a template with its values. `nanos` is when it is sent, since the run began.
    pub(crate) fn fill(&self, template: &Template, id: Id, nanos: u64, out: &mut String) {
        self.push_filled(template, id, self.random(id), nanos, out);
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
                Part::Ledger => scratch
                    .write_str(str::from_utf8(&self.token(id, &mut Stem::default())).expect("digits and letters")),
            };
        }
    }

    /// What follows the token of our own payload: appends the sentence; gives the filler.
    #[inline]
    fn push_rest(&self, id: Id, random: u64, lead: &mut Lead, out: &mut Vec<u8>) -> &[u8] {
        let mut left = self.size(random) - TOKEN_BYTES;
        if left >= SENTENCE_BYTES_MIN {
            let before = out.len();
            out.extend_from_slice(lead.of(id.connection));
            out.extend_from_slice(itoa::Buffer::new().format(id.sequence).as_bytes());
            out.push(b' ');
            // Not all digits of a very long number may find room.
            out.truncate(before + left);
            left -= out.len() - before;
        }
        let offset = (random >> 20) as usize % FILLER_OFFSETS;
        &self.filler[offset..offset + left]
    }

    /// Composes the messages of these tokens, the first one being `first`, in our own payload.
    pub(crate) fn join(&self, first: Id, tokens: &[Token], scratch: &mut Scratch, joined: &mut Joined) {
        joined.clear();
        for (sequence, token) in (first.sequence..).zip(tokens) {
            let id = Id { sequence, ..first };
            joined.push_with(|out| {
                out.extend_from_slice(token);
                let filler = self.push_rest(id, self.random(id), &mut scratch.lead, out);
                out.extend_from_slice(filler);
            });
        }
    }

    /// What follows the message in `content`; `None` if it does not begin with the message, byte for byte.
    #[inline]
    pub(crate) fn strip<'c>(&self, message: Sent, content: &'c [u8], scratch: &mut Scratch) -> Option<&'c [u8]> {
        if !message.is_named {
            return self.compose(message.id, message.nanos, scratch).strip_from(content);
        }
        let rest = &content[TOKEN_BYTES..];
        if self.is_token_alone() {
            return Some(rest);
        }
        let Scratch { lead, sentence, .. } = scratch;
        sentence.clear();
        let filler = self.push_rest(message.id, self.random(message.id), lead, sentence);
        rest.strip_prefix(&sentence[..])?.strip_prefix(filler)
    }

    /// The message that `content` names, if it is one of this run, and whether both begin with the name.
    #[inline]
    pub(crate) fn identify(&self, content: &[u8]) -> Option<(Name, bool)> {
        if let Some(name) = content.first_chunk().and_then(|token| self.read_token(token)) {
            return Some((name, matches!(self.source, Payload::Ledger)));
        }
        self.search(content).map(|name| (name, false))
    }

    /// A token further inside: within a template, or behind what a server put in front.
    fn search(&self, content: &[u8]) -> Option<Name> {
        let content = &content[..content.len().min(SEARCHED_BYTES)];
        let run = &self.run.to_le_bytes()[RUN];
        let starts = content.windows(TOKEN_BYTES).filter(|window| window.starts_with(run));
        starts.filter_map(|window| window.first_chunk()).find_map(|token| self.read_token(token))
    }

    /// Whether messages are our own, and so short that they are best composed together.
    pub(crate) fn are_short(&self) -> bool {
        matches!(self.source, Payload::Ledger) && self.sizes.most <= JOINED_BYTES_MAX
    }

    /// Whether messages are our own, and so short that they have room for nothing but the token.
    #[inline]
    pub(crate) fn is_token_alone(&self) -> bool {
        matches!(self.source, Payload::Ledger) && self.sizes.most as usize <= TOKEN_BYTES
    }

    /// What is by chance about a message.
    #[inline]
    fn random(&self, id: Id) -> u64 {
        mix(self.seed, id.connection, id.sequence as u32)
    }

    fn size(&self, random: u64) -> usize {
        let Sizes { least, most } = self.sizes;
        if least == most {
            return least as usize;
        }
        (u64::from(least) + (random >> 8) % (u64::from(most - least) + 1)) as usize
    }

    /// The token of a message, on the stem of the one before if they share it.
    #[inline]
    pub(crate) fn token(&self, id: Id, stem: &mut Stem) -> Token {
        self.grow(stem, id);
        stem.token(id.sequence % BASE)
    }

    /// Appends the tokens of a message and those that follow it on its connection: so many in all.
    #[inline]
    pub(crate) fn push_tokens(&self, first: Id, count: u32, stem: &mut Stem, tokens: &mut Vec<Token>) {
        let (mut id, mut left) = (first, u64::from(count));
        while left > 0 {
            self.grow(stem, id);
            let last = id.sequence % BASE;
            let some = left.min(BASE - last);
            tokens.extend((last..last + some).map(|last| stem.token(last)));
            id.sequence += some;
            left -= some;
        }
    }

    /// Makes `stem` the one of this message.
    #[inline]
    fn grow(&self, stem: &mut Stem, id: Id) {
        let of = Name { connection: id.connection, digits: id.sequence % SEQUENCES / BASE };
        if stem.of != of {
            let digits = of.digits as u32;
            let numbers = at(CONNECTION.start, four_digits(of.connection)) | at(SEQUENCE.start, four_digits(digits));
            *stem = Stem { of, text: self.run | numbers, random: mix(self.seed, of.connection, digits) };
        }
    }

    fn read_token(&self, token: &Token) -> Option<Name> {
        if token[RUN] != self.run.to_le_bytes()[RUN] {
            return None;
        }
        let connection = u32::try_from(read_digits(&token[CONNECTION])?).ok()?;
        let digits = read_digits(&token[SEQUENCE])?;
        let is_whole = *token == self.token(Id { connection, sequence: digits }, &mut Stem::default());
        is_whole.then_some(Name { connection, digits })
    }
}

/// A number that looks random and is a function of its arguments.
#[inline]
pub(crate) fn mix(seed: u64, one: u32, other: u32) -> u64 {
    let mut mixed = seed ^ (u64::from(one) << 32 | u64::from(other)).wrapping_mul(SCATTER);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The last four digits of `number`, base 36, the first one in the lowest byte; two at a time, for divisions are what this
/// costs.
#[inline]
fn four_digits(number: u32) -> u32 {
    const PAIR: u32 = PAIRS.len() as u32;
    let pair = |number: u32| u32::from(u16::from_le_bytes(PAIRS[(number % PAIR) as usize]));
    pair(number / PAIR) | pair(number) << 16
}

/// Digits or letters as a part of a token that begins there.
#[inline]
fn at(place: usize, digits: u32) -> u128 {
    u128::from(digits) << (8 * place)
}

/// Four digits of a random number, base 32: five bits of each of four bytes, all at once. A table would be looked up at random,
/// and hardly ever lie in the cache.
#[inline]
fn random_digits(random: u32) -> u32 {
    let each = |byte: u8| u32::from_ne_bytes([byte; 4]);
    let digits = random & each(31);
    // What is 10 or more carries into the highest bit of its byte.
    let is_letter = (digits + each(128 - 10)) >> 7 & each(1);
    digits + each(b'0') + is_letter * u32::from(b'a' - b'0' - 10)
}

/// All digits are read before any is judged, for a branch at each would cost more than the few that hardly ever come.
#[inline]
fn read_digits(digits: &[u8]) -> Option<u64> {
    let (number, seen) = digits.iter().fold((0, 0), |(number, seen), digit| {
        let value = VALUES[usize::from(*digit)];
        (number * 36 + u64::from(value), seen | value)
    });
    (seen & NO_DIGIT_BIT == 0).then_some(number)
}

pub(crate) const TOKEN_BYTES: usize = 16;
pub(crate) type Token = [u8; TOKEN_BYTES];
const RUN: Range<usize> = 0..3;
const CONNECTION: Range<usize> = 3..7;
const SEQUENCE: Range<usize> = 7..12;
const CHECKSUM: Range<usize> = 12..16;
/// So many numbers fit into a token.
pub(crate) const SEQUENCES: u64 = BASE.pow((SEQUENCE.end - SEQUENCE.start) as u32);
/// The number of the last message that was sent with these digits, where `next` were sent; if none was, the first one that can be.
pub(crate) fn last_with(digits: u64, next: u64) -> u64 {
    next.saturating_sub(digits + 1) / SEQUENCES * SEQUENCES + digits
}

/// The number of what has none.
pub(crate) const NO_SEQUENCE: u64 = u64::MAX;
/// With so much room behind the token there is a sentence: " connection 999999 message 9999999999 ".
const SENTENCE_BYTES_MIN: usize = 38;
/// Longer ones are sent from where their parts lie: to copy them once more costs more than what is saved.
const JOINED_BYTES_MAX: u32 = 1024;
/// Messages differ in where their filler begins.
const FILLER_OFFSETS: usize = 4096;
/// How far into a message a token is looked for.
const SEARCHED_BYTES: usize = 64 << 10;

/// Odd numbers without a pattern in their bits.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
const SPREAD: u64 = 0xd6e8_feb8_6659_fd93;

/// Of the numbers in a token, and of its checksum up to the 32nd digit.
const BASE: u64 = DIGITS.len() as u64;
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
/// Set in [`NO_DIGIT`], and in no digit's value.
const NO_DIGIT_BIT: u8 = 128;
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::SIZE_MIN;

    fn own(least: u32, most: u32, binary: bool) -> Payloads {
        Payloads::new(Payload::Ledger, Sizes { least, most }, binary, 42, 1_000_000)
    }

    fn bytes(payloads: &Payloads, connection: u32, sequence: u64) -> Vec<u8> {
        payloads.compose(Id { connection, sequence }, 5_000_000, &mut Scratch::default()).to_vec()
    }

    #[test]
    fn every_size_from_16_bytes_on_is_kept_and_recognised() {
        for size in (SIZE_MIN..200).chain([1000, 70_000]) {
            for binary in [false, true] {
                let payloads = own(size, size, binary);
                for (connection, sequence) in [(0, 0), (1, 2), (999_999, 60_466_175), (999_999, 999_999_999_999)] {
                    let message = bytes(&payloads, connection, sequence);
                    assert_eq!(message.len(), size as usize);
                    assert_eq!(
                        payloads.identify(&message),
                        Some((Name { connection, digits: sequence % SEQUENCES }, true))
                    );
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
    fn a_checksum_is_of_digits_and_small_letters_up_to_v_and_has_all_of_them() {
        let digits: BTreeSet<u8> =
            (0..1000).flat_map(|number| random_digits(mix(1, 2, number) as u32).to_le_bytes()).collect();
        assert_eq!(digits.into_iter().collect::<Vec<_>>(), DIGITS[..32]);
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
        assert_eq!(payloads.identify(&message), Some((Name { connection: 5, digits: 6 }, false)));
        let text = String::from_utf8(message).unwrap();
        assert!(text.contains(r#""n":6,"t":1000005,"r":"#), "{text}");
        let prefixed = [b"server says: ", text.as_bytes()].concat();
        assert_eq!(payloads.identify(&prefixed), Some((Name { connection: 5, digits: 6 }, false)));
    }

    #[test]
    fn lines_are_sent_in_turn() {
        let lines: Vec<Template> = ["a {connection}", "b {sequence}"].map(|line| line.parse().unwrap()).into();
        let payloads = Payloads::new(Payload::Lines(lines.into()), Sizes::exactly(64), false, 1, 0);
        assert!(!payloads.names_messages());
        assert_eq!([bytes(&payloads, 0, 0), bytes(&payloads, 0, 1)], [b"a 0".to_vec(), b"b 1".to_vec()]);
    }
}
