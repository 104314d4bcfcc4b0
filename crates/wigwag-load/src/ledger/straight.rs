//! What nearly always happens, at the least cost: some messages are sent on a connection, and their right answers come back in
//! order, in one read. What they have in common is looked up once. Anything else is left to the ledger's other ways.

use super::{Entry, Ledger, Rules};
use crate::{
    account::Class,
    payload::{Id, Sent, Stem, Token},
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
    stem: &'l mut Stem,
    scratch: &'l mut String,
    count: u32,
}

impl Answers<'_> {
    /// Whether a message is the right answer, in time, to the message whose answer is due next; the one after that is due then.
    /// To compare with the one message that is expected costs less than to find out which it is. `kind_fits`: it is text or
    /// binary as ours are.
    #[inline]
    pub(crate) fn is_next(&mut self, kind_fits: bool, content: &[u8]) -> bool {
        let Some(entry) = self.due.get(self.count as usize) else { return false };
        let id = Id { sequence: self.first.sequence + self.count, ..self.first };
        let may_be = kind_fits && entry.sent >= self.oldest && !entry.is_settled();
        if !may_be || content.first_chunk() != Some(&self.rules.payloads.token(id, self.stem)) {
            return false;
        }
        let is_next = self.rules.fits(content, Sent { id, nanos: entry.sent, is_named: true }, self.scratch);
        self.count += u32::from(is_next);
        is_next
    }

    /// How many have come, for [`Ledger::enter_answers`].
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

impl Ledger {
    /// The next messages of this connection, without end, where [`Rules::sends_tokens`]. How many were sent is for
    /// [`Self::enter_tokens`].
    #[inline]
    pub(crate) fn next_tokens(&mut self, local: u32) -> impl Iterator<Item = Token> {
        let first = Id { connection: self.global(local), sequence: self.windows[local as usize].next() };
        self.rules.payloads.tokens(first, &mut self.stem_sent)
    }

    /// Enters the first `count` of [`Self::next_tokens`] as sent.
    #[inline]
    pub(crate) fn enter_tokens(&mut self, local: u32, count: u32, now: u64) {
        self.enter_alike(local, Entry::new(now, now), count);
    }

    /// The answers that are due on this connection, where [`Rules::expects_tokens`]. How many have come, in this order, is for
    /// [`Self::enter_answers`].
    #[inline]
    pub(crate) fn due_tokens(&mut self, local: u32, now: u64) -> impl Iterator<Item = Token> {
        let (sequence, due) = self.windows[local as usize].due();
        let first = Id { connection: self.global(local), sequence };
        let oldest = now.saturating_sub(self.rules.timeout_nanos);
        let due = due.iter().take_while(move |entry| entry.sent >= oldest && !entry.is_settled());
        due.zip(self.rules.payloads.tokens(first, &mut self.stem_due)).map(|(_, token)| token)
    }

    /// The answers that are due on this connection, whatever they are.
    #[inline]
    pub(crate) fn due_answers(&mut self, local: u32, now: u64) -> Answers<'_> {
        let (sequence, due) = self.windows[local as usize].due();
        Answers {
            due: if self.rules.names_answers() { due } else { &[] },
            first: Id { connection: self.global(local), sequence },
            oldest: now.saturating_sub(self.rules.timeout_nanos),
            rules: &self.rules,
            stem: &mut self.stem_due,
            scratch: &mut self.scratch,
            count: 0,
        }
    }

    /// Enters the answers to the first `count` messages that are due, as right ones that came at `now`.
    pub(crate) fn enter_answers(&mut self, local: u32, count: u32, now: u64) {
        if count == 0 {
            return;
        }
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
}
