//! Whole messages of one connection that came in one read, handed over one by one: [`Messages`].

use wigwag_proto::{Event, Input, Message};

use crate::{service::Service, socket::Socket, worker::Worker};

/// The whole messages that a read brought, up to what is none; see [`Service::on_messages`].
///
/// Not an iterator: a message is lent until the next one is asked for.
pub struct Messages<'a, 'b> {
    worker: &'a mut Worker,
    slot: usize,
    input: &'a mut Input<'b>,
    /// What comes next, or is lent.
    event: Option<Event<'b>>,
    is_lent: bool,
    taken: u64,
}

impl<'a, 'b> Messages<'a, 'b> {
    /// Begins with `first`, and goes on with what lies in `input`.
    #[inline]
    pub(crate) fn new(worker: &'a mut Worker, slot: usize, input: &'a mut Input<'b>, first: Event<'b>) -> Self {
        Self { worker, slot, input, event: Some(first), is_lent: false, taken: 0 }
    }

    /// The next message and its connection; `None` once no further one is there, or may be dispatched now.
    #[inline]
    pub fn take_next(&mut self) -> Option<(Socket<'_>, Message<'_>)> {
        if self.is_lent {
            self.take_back();
            self.event = self.worker.next_event(self.slot, self.input);
        }
        let message = match &self.event {
            Some(Event::Text(text)) => Message::Text(text),
            Some(Event::Binary(bytes)) => Message::Binary(bytes),
            _ => return None,
        };
        self.is_lent = true;
        self.taken += 1;
        Some((Socket { worker: self.worker, slot: self.slot }, message))
    }

    /// The connection whose messages these are.
    pub fn socket(&mut self) -> Socket<'_> {
        Socket { worker: self.worker, slot: self.slot }
    }

    /// Hands all of them to `service`; how many they were, and the event that ended the run, if one did.
    #[inline]
    pub(crate) fn hand_to(mut self, service: Option<&mut (dyn Service + 'static)>) -> (u64, Option<Event<'b>>) {
        if let Some(service) = service {
            service.on_messages(&mut self);
            while let Some((mut socket, message)) = self.take_next() {
                service.on_message(&mut socket, message);
            }
        }
        while self.take_next().is_some() {}
        (self.taken, self.event)
    }

    #[inline]
    fn take_back(&mut self) {
        self.is_lent = false;
        if let Some(event) = self.event.take() {
            self.worker.recycle(event);
        }
    }
}
