//! The network, on a thread of its own: what happens on a connection goes into its [`Mail`], which the window empties when it
//! draws. A frame never waits; a server that sends faster than the window draws is slowed down.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use wigwag_net::{Closed, Connect, Limits, Message, Net, OwnedMessage, Remote, Service, Socket};

/// Called from any thread when there is something to draw.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Something that happened on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// With the subprotocol that the server chose.
    Opened(Remote, Option<String>),
    Message(OwnedMessage, Instant),
    Pong(Vec<u8>, Instant),
    /// Also where it could not be opened. Nothing follows.
    Closed(Closed),
}

/// One worker thread for all connections of the window.
pub(crate) struct Wire {
    net: Net,
    wake: Wake,
}

impl Wire {
    pub(crate) fn new(wake: Wake) -> io::Result<Self> {
        Ok(Self { net: Net::client(1, Limits::default())?, wake })
    }

    /// Begins to open a connection. It ends when its mail is dropped.
    pub(crate) fn open(&self, connect: Connect) -> Inbox {
        let mail = Arc::new(Mail::default());
        self.net.handle().connect(connect, Forward { mail: mail.clone(), wake: self.wake.clone() });
        Inbox { mail, remote: None }
    }

    pub(crate) fn wake(&self) -> Wake {
        self.wake.clone()
    }
}

/// The window's end of a connection.
pub(crate) struct Inbox {
    mail: Arc<Mail>,
    remote: Option<Remote>,
}

impl Inbox {
    /// What has happened since the last call, within the bounds of a frame.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        let events = self.mail.take();
        for event in &events {
            match event {
                Event::Opened(remote, _) => self.remote = Some(remote.clone()),
                Event::Closed(_) => self.remote = None,
                _ => {}
            }
        }
        events
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.mail.close();
        if let Some(remote) = &self.remote {
            remote.close(wigwag_proto::CloseCode::NORMAL, "");
        }
    }
}

/// From the worker to the window, bounded: the worker waits while it is full.
#[derive(Default)]
struct Mail {
    letters: Mutex<Letters>,
    room: Condvar,
}

#[derive(Default)]
struct Letters {
    events: VecDeque<Event>,
    bytes: usize,
    /// The window wants no more of it.
    closed: bool,
}

impl Mail {
    /// `false` once nobody listens any more.
    fn put(&self, event: Event, wake: &Wake) -> bool {
        let mut letters = self.lock();
        while !letters.closed && (letters.events.len() >= EVENTS_MAX || letters.bytes >= BYTES_MAX) {
            letters = self.room.wait(letters).unwrap_or_else(PoisonError::into_inner);
        }
        if letters.closed {
            return false;
        }
        letters.bytes += bytes(&event);
        letters.events.push_back(event);
        let first = letters.events.len() == 1;
        drop(letters);
        if first {
            wake();
        }
        true
    }

    fn take(&self) -> Vec<Event> {
        let mut letters = self.lock();
        letters.bytes = 0;
        let events = letters.events.drain(..).collect();
        self.room.notify_all();
        events
    }

    fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(event: &Event) -> usize {
    if let Event::Message(message, _) = event { message.as_bytes().len() } else { 0 }
}

/// Puts everything into the mail.
struct Forward {
    mail: Arc<Mail>,
    wake: Wake,
}

impl Forward {
    fn put(&self, event: Event) -> bool {
        self.mail.put(event, &self.wake)
    }
}

impl Service for Forward {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let protocol = socket.agreed().and_then(|agreed| agreed.protocol.clone());
        if !self.put(Event::Opened(socket.remote(), protocol)) {
            // Disconnected before it was open.
            socket.close(wigwag_proto::CloseCode::NORMAL, "");
        }
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        self.put(Event::Message(message.into(), socket.now()));
    }

    fn on_pong(&mut self, socket: &mut Socket<'_>, payload: &[u8]) {
        self.put(Event::Pong(payload.to_vec(), socket.now()));
    }

    fn on_close(&mut self, closed: &Closed) {
        self.put(Event::Closed(closed.clone()));
    }
}

/// Between two frames.
const EVENTS_MAX: usize = 20_000;
const BYTES_MAX: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Wake {
        Arc::new(|| {})
    }

    #[test]
    fn a_full_mail_holds_the_worker_up_until_the_window_has_drawn() {
        let mail = Arc::new(Mail::default());
        for _ in 0..EVENTS_MAX {
            assert!(mail.put(Event::Pong(Vec::new(), Instant::now()), &quiet()));
        }
        let worker = {
            let mail = mail.clone();
            std::thread::spawn(move || mail.put(Event::Pong(vec![1], Instant::now()), &quiet()))
        };
        assert_eq!(mail.take().len(), EVENTS_MAX);
        assert!(worker.join().expect("no panic"));
        assert_eq!(mail.take().len(), 1);
    }

    #[test]
    fn nobody_waits_for_a_window_that_has_closed_the_connection() {
        let mail = Mail::default();
        mail.close();
        assert!(!mail.put(Event::Pong(Vec::new(), Instant::now()), &quiet()));
    }
}
