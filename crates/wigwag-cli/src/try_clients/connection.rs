//! A client's connection as plain blocking code sees it: send, and wait for what comes.
//!
//! The socket is served by a worker of the reactor. What arrives crosses to this side through a bounded channel; while it
//! is full the worker waits, reads no more, and so slows the server down. It has no other connection to neglect.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use wigwag_net::{
    CloseCause, CloseCode, Closed, Connect, Message, Net, Remote, SendError, Service, Socket, url::WsUrl,
};
use wigwag_server::{async_client::start_client, tls::ClientTls};

use crate::client::hint;

/// An open connection.
pub(crate) struct Connection {
    // Dropped first: a worker that waits to hand something over must not keep its own end waiting.
    incoming: Receiver<Incoming>,
    remote: Remote,
    timeout: Duration,
    _net: Net,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(String),
    /// A binary message, of this many bytes.
    Binary(usize),
    /// Nothing came in time.
    Timeout,
    /// The connection is over; says why.
    Closed(String),
    /// A person pressed ctrl-c.
    Interrupted,
}

enum Incoming {
    Open(Remote),
    Text(String),
    Binary(usize),
    Closed(Closed),
    Interrupted,
}

impl Connection {
    /// Connects to `url`. `timeout` holds for the opening handshake and for each answer.
    pub(crate) fn open(url: &WsUrl, tls: &ClientTls, timeout: Duration) -> anyhow::Result<Self> {
        let tls = if url.tls { Some(tls.config()?) } else { None };
        let (sender, incoming) = sync_channel(INCOMING_MAX);
        let on_interrupt = sender.clone();
        ctrlc::set_handler(move || {
            // Nobody listens any more: there is nothing left to interrupt but the process itself.
            if on_interrupt.send(Incoming::Interrupted).is_err() {
                std::process::exit(EXIT_INTERRUPTED);
            }
        })
        .context("cannot watch for ctrl-c")?;
        let net = start_client(1).context("cannot start a worker")?;
        let connect = Connect { timeout, tls, ..url.connect_plain() };
        net.handle().connect(connect, Forward(sender));
        match incoming.recv() {
            Ok(Incoming::Open(remote)) => Ok(Self { incoming, remote, timeout, _net: net }),
            Ok(Incoming::Closed(Closed { cause: CloseCause::NotOpened(error), .. })) => {
                bail!("no connection to {url}: {error}{}", hint(url, &error))
            }
            Ok(Incoming::Interrupted) => bail!("interrupted before {url} answered"),
            Ok(_) | Err(_) => bail!("no connection to {url}"),
        }
    }

    /// Queues a text. `false` if the queue is full or the connection is gone: what comes next will tell.
    pub(crate) fn send(&self, text: &str) -> bool {
        match self.remote.send(Message::Text(text)) {
            Ok(()) => true,
            Err(SendError::Full | SendError::Closed | _) => false,
        }
    }

    /// What has come already.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        match self.incoming.try_recv() {
            Ok(incoming) => Some(incoming.into()),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Event::Closed("the worker ended".to_owned())),
        }
    }

    /// What comes next, within the time that an answer may take.
    pub(crate) fn next(&mut self) -> Event {
        self.next_until(Instant::now() + self.timeout)
    }

    /// What comes next, until `deadline`.
    pub(crate) fn next_until(&mut self, deadline: Instant) -> Event {
        match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(incoming) => incoming.into(),
            Err(RecvTimeoutError::Timeout) => Event::Timeout,
            Err(RecvTimeoutError::Disconnected) => Event::Closed("the worker ended".to_owned()),
        }
    }

    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Closes with 1000 and gives what arrived before the server's Close: answers to nothing that was asked.
    pub(crate) fn close(&mut self) -> usize {
        self.remote.close(CloseCode::NORMAL, "");
        let deadline = Instant::now() + self.timeout;
        let mut surplus = 0;
        loop {
            match self.next_until(deadline) {
                Event::Text(_) | Event::Binary(_) => surplus += 1,
                Event::Closed(_) | Event::Timeout | Event::Interrupted => return surplus,
            }
        }
    }
}

/// Hands everything over to the other side.
struct Forward(SyncSender<Incoming>);

impl Forward {
    fn hand_over(&self, incoming: Incoming) {
        // Where the other side has gone, the process is about to end.
        let _ = self.0.send(incoming);
    }
}

impl Service for Forward {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        self.hand_over(Incoming::Open(socket.remote()));
    }

    fn on_message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
        self.hand_over(match message {
            Message::Text(text) => Incoming::Text(text.to_owned()),
            Message::Binary(bytes) => Incoming::Binary(bytes.len()),
        });
    }

    fn on_close(&mut self, closed: &Closed) {
        self.hand_over(Incoming::Closed(closed.clone()));
    }
}

impl From<Incoming> for Event {
    fn from(incoming: Incoming) -> Self {
        match incoming {
            Incoming::Text(text) => Self::Text(text),
            Incoming::Binary(bytes) => Self::Binary(bytes),
            Incoming::Closed(closed) => Self::Closed(describe(&closed)),
            Incoming::Interrupted => Self::Interrupted,
            Incoming::Open(_) => Self::Closed("opened twice".to_owned()),
        }
    }
}

fn describe(closed: &Closed) -> String {
    match &closed.reason {
        Some(reason) if !reason.reason.is_empty() => {
            format!("the connection ended: Close {}, {}", closed.code(), reason.reason)
        }
        Some(_) => format!("the connection ended: Close {}", closed.code()),
        None => format!("the connection ended: {}", closed.cause),
    }
}

/// Messages that have arrived and wait to be looked at.
const INCOMING_MAX: usize = 1024;
/// As a shell reports a process that ctrl-c ended.
const EXIT_INTERRUPTED: i32 = 130;
