//! The connection as the session sees it: the worker's callbacks become arrivals, the session's actions go out in order.
//!
//! What cannot go out yet, because the server takes nothing, waits here, within bounds. Knows nothing of what is said.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use anyhow::Context as _;
use wigwag_net::{CloseCode, Closed, Connect, Limits, Message, Net, OwnedMessage, Remote, Service, Socket};

use super::mailbox::{Arrival, Mailbox};

/// What is known of a connection that has just been opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) remote: Option<Remote>,
    /// The subprotocol that the server chose.
    pub(super) protocol: Option<String>,
    /// The server's response headers.
    pub(super) headers: Vec<(String, String)>,
}

/// Opens connections, one at a time, and sends.
pub(super) struct Link {
    net: Net,
    connect: Connect,
    mailbox: Arc<Mailbox>,
    remote: Option<Remote>,
    waiting: VecDeque<Outgoing>,
    waiting_bytes: usize,
    /// Done when the connection's queue has room again.
    room: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

enum Outgoing {
    Message(OwnedMessage),
    Close(CloseCode, String),
}

impl Link {
    pub(super) fn new(connect: Connect, mailbox: Arc<Mailbox>) -> anyhow::Result<Self> {
        let net = Net::client(1, Limits::default()).context("cannot start a worker")?;
        Ok(Self { net, connect, mailbox, remote: None, waiting: VecDeque::new(), waiting_bytes: 0, room: None })
    }

    /// Begins to open the connection; the mailbox tells what became of it.
    pub(super) fn open(&self) {
        self.net.handle().connect(self.connect.clone(), Forward(self.mailbox.clone()));
    }

    pub(super) fn opened(&mut self, remote: Option<Remote>) {
        self.remote = remote;
    }

    /// The connection is gone. Gives back what was not handed to it.
    pub(super) fn closed(&mut self) -> Vec<OwnedMessage> {
        self.remote = None;
        self.room = None;
        self.waiting_bytes = 0;
        let unsent = self.waiting.drain(..).filter_map(|outgoing| match outgoing {
            Outgoing::Message(message) => Some(message),
            Outgoing::Close(..) => None,
        });
        unsent.collect()
    }

    /// Whether everything so far is on its way: a pipe is read on only then.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Queues a message. Gives it back if too much waits already.
    pub(super) fn send(&mut self, message: OwnedMessage) -> Result<(), OwnedMessage> {
        if self.waiting.len() >= WAITING_MAX || self.waiting_bytes >= WAITING_BYTES_MAX {
            return Err(message);
        }
        self.waiting_bytes += message.as_bytes().len();
        self.waiting.push_back(Outgoing::Message(message));
        self.push_on();
        Ok(())
    }

    /// Closes the connection when all messages before are out.
    pub(super) fn close(&mut self, code: CloseCode, reason: String) {
        self.waiting.push_back(Outgoing::Close(code, reason));
        self.push_on();
    }

    pub(super) fn ping(&self, payload: &[u8]) {
        if let Some(remote) = &self.remote {
            remote.ping(payload);
        }
    }

    pub(super) fn pong(&self, payload: &[u8]) {
        if let Some(remote) = &self.remote {
            remote.pong(payload);
        }
    }

    /// Hands on what waits, as far as the connection takes it.
    pub(super) fn push_on(&mut self) {
        let Some(remote) = self.remote.clone() else { return };
        let high_water = self.net.handle().limits().out_queue_high_water;
        let waker = Waker::from(self.mailbox.clone());
        loop {
            if let Some(room) = &mut self.room {
                if room.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                    return;
                }
                self.room = None;
            }
            // What a closing connection would not take stays, and is given back.
            match self.waiting.front() {
                Some(Outgoing::Message(_)) if remote.is_closed() => return,
                Some(Outgoing::Message(_)) if remote.queued_bytes() > high_water => {
                    let remote = remote.clone();
                    self.room = Some(Box::pin(async move { remote.ready().await }));
                    continue;
                }
                _ => {}
            }
            match self.waiting.pop_front() {
                None => return,
                Some(Outgoing::Message(message)) => {
                    self.waiting_bytes -= message.as_bytes().len();
                    // It fails only where the connection ended just now: the message counts as unanswered then.
                    let _ = remote.send(message);
                }
                Some(Outgoing::Close(code, reason)) => remote.close(code, &reason),
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A worker that waits to hand something over would keep its own end waiting.
        self.mailbox.close();
    }
}

/// Puts everything into the mailbox.
struct Forward(Arc<Mailbox>);

impl Service for Forward {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let agreed = socket.agreed();
        let protocol = agreed.and_then(|agreed| agreed.protocol.clone());
        let headers = agreed.map(|agreed| agreed.lines().map(owned).collect()).unwrap_or_default();
        self.0.deliver(Arrival::Opened(Opened { remote: Some(socket.remote()), protocol, headers }));
    }

    fn on_message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
        self.0.deliver(Arrival::Message(message.into()));
    }

    fn on_pong(&mut self, _: &mut Socket<'_>, payload: &[u8]) {
        self.0.deliver(Arrival::Pong(payload.to_vec()));
    }

    fn on_close(&mut self, closed: &Closed) {
        self.0.deliver(Arrival::Closed(closed.clone()));
    }
}

/// What waits while the server takes nothing.
const WAITING_MAX: usize = 1_024;
const WAITING_BYTES_MAX: usize = 64 << 20;
