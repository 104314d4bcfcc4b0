//! What nearly always happens, at the least cost: some messages are sent on a connection, and their right answers come back in
//! order, in one read. What they have in common is looked up once. Anything else is left to the ledger's other ways.

use super::{Entry, Ledger, Named, Rules};
use crate::{
    account::Class,
    payload::{Id, Joined, Scratch, Sent, Token},
};

/// Judges messages that came in on a connection as the answers that are due there, one after the other.
pub(crate) struct Answers<'l> {
    rules: &'l Rules,
    /// What was sent and is not answered, the oldest first.
    due: &'l [Named],
    /// The first one's name.
    first: Id,
    /// Nothing sent earlier is answered in time.
    oldest: u64,
    scratch: &'l mut Scratch,
    count: u32,
}

impl Answers<'_> {
    /// Whether a message is the right answer, in time, to the message whose answer is due next; the one after that is due then.
    /// To compare with the one message that is expected costs less than to find out which it is. `kind_fits`: it is text or
    /// binary as ours are.
    #[inline]
    pub(crate) fn is_next(&mut self, kind_fits: bool, content: &[u8]) -> bool {
        let Some(Named { entry, token }) = self.due.get(self.count as usize) else { return false };
        let id = Id { sequence: self.first.sequence + u64::from(self.count), ..self.first };
        let may_be = kind_fits && entry.sent >= self.oldest && !entry.is_settled();
        if !may_be || content.first_chunk() != Some(token) {
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
    /// The next messages of this connection, where [`Rules::sends_together`] and they are nothing but their token. Once they are
    /// sent they are to be entered, by [`Self::enter_composed`].
    #[inline]
    pub(crate) fn compose_tokens(&mut self, local: u32, count: u32) -> &[Token] {
        let first = self.next_id(local);
        self.tokens.clear();
        self.rules.payloads.push_tokens(first, count, &mut self.scratch.stem, &mut self.tokens);
        &self.tokens
    }

    /// As [`Self::compose_tokens`], for those that are longer.
    pub(crate) fn compose_joined(&mut self, local: u32, count: u32) -> &Joined {
        self.compose_tokens(local, count);
        let first = self.next_id(local);
        self.rules.payloads.join(first, &self.tokens, &mut self.scratch, &mut self.joined);
        &self.joined
    }

    /// Enters what was composed last, by one of these two, as sent.
    #[inline]
    pub(crate) fn enter_composed(&mut self, local: u32, now: u64) {
        let entry = Entry::new(now, now);
        self.windows[local as usize].push(self.tokens.iter().map(|token| entry.named(*token)));
        self.count_sent(self.tokens.len() as u64);
    }

    #[inline]
    fn next_id(&self, local: u32) -> Id {
        Id { connection: self.global(local), sequence: self.windows[local as usize].next() }
    }

    /// The answers that are due on this connection, where [`Rules::expects_tokens`]. How many have come, in this order, is for
    /// [`Self::enter_answers`].
    #[inline]
    pub(crate) fn due_tokens(&self, local: u32, now: u64) -> impl Iterator<Item = Token> {
        let oldest = now.saturating_sub(self.rules.timeout_nanos);
        let (_, due) = self.windows[local as usize].due();
        due.iter()
            .take_while(move |Named { entry, .. }| entry.sent >= oldest && !entry.is_settled())
            .map(|Named { token, .. }| *token)
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
        let mut left = answered;
        while let (Some(Named { entry: first, .. }), Some(Named { entry: last, .. })) = (left.first(), left.last()) {
            // Most were sent together. If the last one was sent with the first, so were those between them.
            let alike = match first.is_as_old_as(last) {
                true => left.len(),
                false => left.iter().take_while(|named| named.entry.is_as_old_as(first)).count(),
            };
            let (intended, sent) = (now.saturating_sub(first.intended()), now.saturating_sub(first.sent));
            self.tally.time(intended, sent, alike as u32, self.rules.open_loop);
            left = &left[alike..];
        }
        self.tally.settle_ok(count.into(), now);
        if self.rules.records_all {
            let connection = self.global(local);
            for (sequence, Named { entry, .. }) in (sequence..).zip(answered.to_vec()) {
                self.record(Id { connection, sequence }, Class::Ok, Some(&entry), Some(now));
            }
        }
        self.windows[local as usize].take_due(count);
    }
}
