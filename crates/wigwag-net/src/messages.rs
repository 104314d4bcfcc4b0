//! Whole messages of one connection that came in one read, handed over one by one: [`Messages`].

use std::time::Instant;

use wigwag_proto::{Event, Input, Message, MessageKind};

use crate::{service::Service, socket::Socket, worker::Worker};

/// The whole messages that a read brought, up to what is none; see [`Service::on_messages`].
///
/// Not an iterator: a message is lent until the next one is asked for.
pub struct Messages<'a, 'b> {
    worker: &'a mut Worker,
    slot: usize,
    input: &'a mut Input<'b>,
    /// What comes next, or is lent.
    next: Next<'b>,
    is_lent: bool,
    taken: u64,
}

/// What lies in front of the input.
enum Next<'b> {
    /// A whole message that is still in the input: how it is taken shows when somebody wants it.
    Whole,
    Event(Event<'b>),
    /// Nothing that may be dispatched now; or what is lent from where it lies.
    Nothing,
}

impl<'a, 'b> Messages<'a, 'b> {
    /// What lies in `input`.
    #[inline]
    pub(crate) fn new(worker: &'a mut Worker, slot: usize, input: &'a mut Input<'b>) -> Self {
        let next = match worker.has_whole_message(slot, input) {
            true => Next::Whole,
            false => worker.next_event(slot, input).map_or(Next::Nothing, Next::Event),
        };
        Self { worker, slot, input, next, is_lent: false, taken: 0 }
    }

    /// The next message and its connection; `None` once no further one is there, or may be dispatched now.
    #[inline]
    pub fn take_next(&mut self) -> Option<(Socket<'_>, Message<'_>)> {
        if self.wants_next() {
            self.advance();
        }
        let message = match &self.next {
            Next::Event(Event::Text(text)) => Message::Text(text),
            Next::Event(Event::Binary(bytes)) => Message::Binary(bytes),
            _ => return None,
        };
        self.is_lent = true;
        self.taken += 1;
        Some((Socket { worker: self.worker, slot: self.slot }, message))
    }

    /// As [`Self::take_next`], for who wants bytes: text is valid all the same, but short text is spared what makes a `str` of
    /// it, a fifth of what it costs altogether.
    #[inline]
    pub fn take_next_bytes(&mut self) -> Option<(Socket<'_>, MessageKind, &[u8])> {
        if self.wants_next() {
            if let Some((kind, bytes)) = self.worker.next_short(self.slot, self.input) {
                self.next = Next::Nothing;
                self.is_lent = true;
                self.taken += 1;
                return Some((Socket { worker: self.worker, slot: self.slot }, kind, bytes));
            }
            self.advance();
        }
        let (kind, bytes) = match &self.next {
            Next::Event(Event::Text(text)) => (MessageKind::Text, text.as_bytes()),
            Next::Event(Event::Binary(bytes)) => (MessageKind::Binary, &**bytes),
            _ => return None,
        };
        self.is_lent = true;
        self.taken += 1;
        Some((Socket { worker: self.worker, slot: self.slot }, kind, bytes))
    }

    /// Takes messages as bytes, one after the other, as long as `judge` wants them; the first one that it does not want comes next.
    /// Costs less than [`Self::take_next_bytes`] for each: without a [`Socket`] nothing can happen in between. How many were
    /// taken, which may be none although there are some: those in fragments, or compressed, say.
    #[inline]
    pub fn take_while(&mut self, judge: impl FnMut(MessageKind, &[u8]) -> bool) -> u64 {
        self.take_some(|worker, slot, input| worker.take_while(slot, input, judge))
    }

    /// Takes messages that are still in the input, and need not be lent.
    #[inline]
    fn take_some(&mut self, take: impl FnOnce(&mut Worker, usize, &mut Input<'b>) -> u64) -> u64 {
        if !self.wants_next() {
            return 0;
        }
        let taken = take(self.worker, self.slot, self.input);
        self.taken += taken;
        // What comes next is still in the input.
        self.next = Next::Nothing;
        self.is_lent = true;
        taken
    }

    /// Takes messages as long as each is the next one of `expected`, which are of one length of at most 125 bytes (more does not
    /// compile) and, if text, UTF-8; the first one that is not comes next. How many were taken. Costs a comparison for each.
    /// Only for clients, to whom messages come without a mask: a server gets none.
    #[inline]
    pub fn take_equal<const BYTES: usize>(
        &mut self,
        kind: MessageKind,
        expected: impl IntoIterator<Item = [u8; BYTES]>,
    ) -> u64 {
        self.take_some(|worker, slot, input| worker.take_equal(slot, input, kind, expected))
    }

    /// When these messages were read. Those of connections that were read in one system call share it, else it is a look at
    /// the clock.
    pub fn read_at(&self) -> Instant {
        self.worker.read_at.unwrap_or_else(Instant::now)
    }

    /// The connection whose messages these are.
    pub fn socket(&mut self) -> Socket<'_> {
        Socket { worker: self.worker, slot: self.slot }
    }

    /// Hands all of them to `service`, if there are any; how many they were, and the event that comes after them.
    #[inline]
    pub(crate) fn hand_to(mut self, service: Option<&mut (dyn Service + 'static)>) -> (u64, Option<Event<'b>>) {
        if let Some(service) = service
            && self.has_message()
        {
            service.on_messages(&mut self);
            while let Some((mut socket, message)) = self.take_next() {
                service.on_message(&mut socket, message);
            }
        }
        while self.take_next().is_some() {}
        match self.next {
            Next::Event(event) => (self.taken, Some(event)),
            Next::Whole | Next::Nothing => (self.taken, None),
        }
    }

    fn has_message(&self) -> bool {
        matches!(self.next, Next::Whole | Next::Event(Event::Text(_) | Event::Binary(_)))
    }

    /// Takes back what is lent; whether what comes next is still to be taken from the input.
    #[inline]
    fn wants_next(&mut self) -> bool {
        if !self.is_lent {
            return matches!(self.next, Next::Whole);
        }
        self.is_lent = false;
        if let Next::Event(event) = std::mem::replace(&mut self.next, Next::Nothing) {
            self.worker.recycle(event);
        }
        true
    }

    #[inline]
    fn advance(&mut self) {
        self.next = self.worker.next_event(self.slot, self.input).map_or(Next::Nothing, Next::Event);
    }
}
