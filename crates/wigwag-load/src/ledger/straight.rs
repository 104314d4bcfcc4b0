//! What nearly always happens, at the least cost: some messages are sent on a connection, and their right answers come back in
//! order, in one read. What they have in common is looked up once. Anything else is left to the ledger's other ways.

use wigwag_net::MessageKind;

use super::{Entry, Ledger, Rules, Window};
use crate::{
    account::Class,
    payload::{Id, Payloads, Sent, Stem, TOKEN_BYTES, Token},
    plan::Expect,
};

/// Judges messages that came in on a connection as the answers that are due there, one after the other.
pub(crate) struct Answers<'l> {
    rules: &'l Rules,
    /// What was sent and is not answered, the oldest first.
    due: &'l [Entry],
    /// The first one's name.
    first: Id,
    /// Nothing sent earlier is answered in time.
    oldest: u64,
    /// An answer is a token and nothing else.
    are_tokens: bool,
    stem: &'l mut Stem,
    scratch: &'l mut String,
    /// How many answers have come.
    count: usize,
}

impl Answers<'_> {
    /// Whether a message is the right answer, in time, to the message whose answer is due next; the one after that is due then.
    /// To compare with the one message that is expected costs less than to find out which it is. `kind_fits`: it is text or
    /// binary as ours are.
    #[inline]
    pub(crate) fn is_next(&mut self, kind_fits: bool, content: &[u8]) -> bool {
        let Some(entry) = self.due.get(self.count) else { return false };
        let id = Id { sequence: self.first.sequence + self.count as u32, ..self.first };
        let may_be = kind_fits && entry.sent >= self.oldest && !entry.is_settled();
        if !may_be || content.first_chunk() != Some(&self.rules.payloads.compose_token(id, self.stem)) {
            return false;
        }
        let is_next = match self.are_tokens {
            true => content.len() == TOKEN_BYTES,
            false => self.rules.fits(content, Sent { id, nanos: entry.sent, is_named: true }, self.scratch),
        };
        self.count += usize::from(is_next);
        is_next
    }
}

/// A connection's next messages where they are nothing but their tokens. Each is entered in the window as it is taken.
pub(crate) struct Tokens<'l> {
    payloads: &'l Payloads,
    window: &'l mut Window,
    connection: u32,
    stem: &'l mut Stem,
    now: u64,
    left: u64,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    #[inline(always)]
    fn next(&mut self) -> Option<Token> {
        self.left = self.left.checked_sub(1)?;
        let id = Id { connection: self.connection, sequence: self.window.next() };
        self.window.push(Entry::new(self.now, self.now));
        Some(self.payloads.compose_token(id, self.stem))
    }
}

impl Ledger {
    /// Enters those of the messages that came in on this connection at `now` which [`Answers`] finds right while `judge` shows them
    /// to it; how many they were. What is none is for [`Self::arrive_any`].
    #[inline]
    pub(crate) fn arrive_due(&mut self, local: u32, now: u64, judge: impl FnOnce(&mut Answers<'_>)) -> u32 {
        let rules = &*self.rules;
        let (sequence, due) = self.windows[local as usize].due();
        let mut answers = Answers {
            rules,
            due: if rules.names_answers() { due } else { &[] },
            first: Id { connection: self.global(local), sequence },
            oldest: now.saturating_sub(rules.timeout_nanos),
            are_tokens: rules.payloads.is_token_alone() && matches!(rules.expect, Expect::Echo),
            stem: &mut self.stem_due,
            scratch: &mut self.scratch,
            count: 0,
        };
        judge(&mut answers);
        let count = answers.count as u32;
        if count > 0 {
            self.enter_answers(local, count, now);
        }
        count
    }

    /// Enters the answers to the first `count` messages that are due.
    fn enter_answers(&mut self, local: u32, count: u32, now: u64) {
        let (sequence, due) = self.windows[local as usize].due();
        let answered = &due[..count as usize];
        // Most were sent together.
        for alike in answered.chunk_by(|one, other| one == other) {
            let (intended, sent) = (now.saturating_sub(alike[0].intended()), now.saturating_sub(alike[0].sent));
            self.tally.time(intended, sent, alike.len() as u32, self.rules.open_loop);
        }
        self.tally.settle_ok(count.into(), now);
        if self.rules.records_all {
            let connection = self.global(local);
            for (sequence, entry) in (sequence..).zip(answered.to_vec()) {
                self.record(Id { connection, sequence }, Class::Ok, Some(&entry), Some(now));
            }
        }
        self.windows[local as usize].take_due(count);
    }

    /// Enters the next messages of this connection as sent at `now`, as many as `send` takes of at most `most`; it gives how many.
    /// `None` where messages are to be entered one by one, by [`Self::enter_sent`].
    #[inline]
    pub(crate) fn enter_tokens(
        &mut self,
        local: u32,
        now: u64,
        most: u64,
        send: impl FnOnce(MessageKind, Tokens<'_>) -> u64,
    ) -> Option<u64> {
        let connection = self.global(local);
        let Rules { payloads, expect, open_loop, .. } = &*self.rules;
        if !payloads.is_token_alone() || *open_loop || matches!(expect, Expect::Nothing) {
            return None;
        }
        let window = &mut self.windows[local as usize];
        let tokens = Tokens { payloads, window, connection, stem: &mut self.stem_sent, now, left: most };
        let sent = send(payloads.kind(), tokens);
        self.tally.account.sent += sent;
        self.tally.account.outstanding += sent;
        self.tally.second.sent += sent;
        Some(sent)
    }
}
