//! Accepting: sockets from the listeners, each to the less loaded of two workers, where it stays.

use std::{io, net::SocketAddr, sync::atomic::Ordering::Relaxed, time::Duration};

use mio::net::{TcpListener, TcpStream};

use super::{
    Flags, Phase, Slot, Worker, guard,
    slot::{Extra, Opening},
    timers::{Due, What},
    tls::Tls,
};
use crate::{
    acceptor::Peer,
    net::{Command, Listener, TlsSource},
    poll::Poller,
};

/// Sockets accepted per listener and turn; more wait for the next turn.
const ACCEPTS_PER_TURN: usize = 64;
/// How long accepting rests after the operating system had no descriptor or memory left.
const REST: Duration = Duration::from_millis(100);
/// Connections over the bound that are still let in to be told so (503); beyond them sockets are dropped.
const OVER_BOUND: usize = 256;

/// The listeners of a worker.
pub(super) struct Acceptance {
    listeners: Vec<Listening>,
}

struct Listening {
    socket: TcpListener,
    local: SocketAddr,
    tls: Option<TlsSource>,
    /// May have sockets to accept.
    ready: bool,
    /// Accepting rests until a timer ends it; events do not.
    resting: bool,
    /// A warning was given: another comes after the next success.
    warned: bool,
}

impl Acceptance {
    pub(super) fn new(poller: &Poller, listeners: Vec<Listener>) -> io::Result<Self> {
        let mut acceptance = Self { listeners: Vec::with_capacity(listeners.len()) };
        for (number, listener) in listeners.into_iter().enumerate() {
            // Sockets inherit it from their listener on Linux and BSD: one system call instead of one each.
            socket2::SockRef::from(&listener.socket).set_tcp_nodelay(true)?;
            listener.socket.set_nonblocking(true)?;
            let local = listener.socket.local_addr()?;
            let mut socket = TcpListener::from_std(listener.socket);
            poller.add_listener(&mut socket, number as u16)?;
            acceptance.listeners.push(Listening {
                socket,
                local,
                tls: listener.tls,
                ready: true,
                resting: false,
                warned: false,
            });
        }
        Ok(acceptance)
    }

    /// A listener has news; one that rests does not care.
    pub(super) fn set_ready(&mut self, number: u16) {
        if let Some(listener) = self.listeners.get_mut(usize::from(number)) {
            listener.ready = !listener.resting;
        }
    }

    /// A listener has rested.
    pub(super) fn wake(&mut self, number: u16) {
        if let Some(listener) = self.listeners.get_mut(usize::from(number)) {
            listener.resting = false;
            listener.ready = true;
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        self.listeners.iter().any(|listener| listener.ready)
    }

    /// Closes all listeners.
    pub(super) fn stop(&mut self) {
        self.listeners.clear();
    }
}

impl Worker {
    /// Accepts from every listener that is ready, within the bounds of a turn.
    pub(super) fn accept_ready(&mut self) {
        for number in 0..self.acceptance.listeners.len() {
            for _ in 0..ACCEPTS_PER_TURN {
                if !self.acceptance.listeners[number].ready {
                    break;
                }
                self.accept_one(number);
            }
        }
    }

    fn accept_one(&mut self, number: usize) {
        let listener = &mut self.acceptance.listeners[number];
        match listener.socket.accept() {
            Ok((socket, address)) => {
                listener.warned = false;
                let tls = listener.tls.clone();
                // Only a listener on all addresses has to ask which one was reached.
                let local = if listener.local.ip().is_unspecified() {
                    socket.local_addr().unwrap_or(listener.local)
                } else {
                    listener.local
                };
                let peer = Peer { address, local, tls: tls.is_some(), listener: number as u16 };
                self.place(socket, peer, tls);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => listener.ready = false,
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                _ => self.rest_accepting(number, &error),
            },
        }
    }

    /// No descriptor or no memory is left: the listener stays ready, so no event would come; a timer takes its place.
    fn rest_accepting(&mut self, number: usize, error: &io::Error) {
        let listener = &mut self.acceptance.listeners[number];
        listener.ready = false;
        listener.resting = true;
        if !listener.warned {
            listener.warned = true;
            tracing::warn!(%error, "cannot accept connections: raise the limit of open files (ulimit -n) or lower connections-max");
        }
        self.metrics.accept_errors.add(1);
        let due = Due { slot: 0, generation: 0, what: What::Accept(number as u16) };
        self.wheel.insert(self.context.now + REST, due);
    }

    fn place(&mut self, socket: TcpStream, peer: Peer, tls: Option<TlsSource>) {
        self.metrics.accepted.add(1);
        if self.handle.shared.connections.load(Relaxed) >= self.limits.connections_max + OVER_BOUND {
            self.metrics.with_rare(|rare| *rare.refused.entry("connections_max_dropped").or_default() += 1);
            return;
        }
        let worker = self.handle.shared.pick_worker();
        self.handle.shared.inboxes[worker].load.fetch_add(1, Relaxed);
        if worker == self.index {
            self.add_accepted(socket, peer, tls);
        } else {
            self.handle.shared.inboxes[worker].push(Command::Accepted(socket, Box::new(peer), tls));
        }
    }

    /// Takes an accepted socket in; its time to send a head begins.
    pub(super) fn add_accepted(&mut self, mut socket: TcpStream, peer: Peer, tls: Option<TlsSource>) {
        let begin = |tls: TlsSource| guard("a TLS source", || (tls.0)()).map(rustls::ServerConnection::new);
        let session = match tls.map(begin) {
            None => None,
            Some(Some(Ok(session))) => Some(session),
            Some(failed) => {
                let error = failed.and_then(Result::err);
                tracing::error!(?error, "cannot begin a TLS session");
                self.inbox.load.fetch_sub(1, Relaxed);
                return;
            }
        };
        let generation = self.take_generation();
        let next = self.slots.vacant_key() as u32;
        if let Err(error) = self.poller.add(&mut socket, next, generation) {
            tracing::warn!(%error, "cannot watch an accepted socket");
            self.inbox.load.fetch_sub(1, Relaxed);
            return;
        }
        let mut flags = Flags::default();
        if session.is_some() {
            flags.set(Flags::TLS);
        }
        let deadline = self.context.now + self.limits.handshake_timeout;
        let opening = Opening::Server { peer, deadline, head: Vec::new() };
        let tls = session.map(|session| Box::new(Tls::new(session)));
        let extra = Extra { opening: Some(opening), tls, ..Extra::default() };
        let slot = Slot {
            socket,
            generation,
            life: 0,
            flags,
            phase: Phase::Accepting,
            route: 0,
            connection: None,
            service: None,
            extra: Some(Box::new(extra)),
        };
        self.add_slot(slot, deadline);
    }

    /// Whether there are more connections than allowed.
    pub(super) fn is_crowded(&self) -> bool {
        self.handle.shared.connections.load(Relaxed) > self.limits.connections_max
    }
}
