//! The opening handshake as server: a request head becomes a connection, a refusal, or goes to the HTTP side whole.

use std::{
    net::TcpStream as StdStream,
    panic::{AssertUnwindSafe, catch_unwind},
};

use wigwag_proto::{
    Connection, Role,
    handshake::{
        extensions::negotiate,
        server::{Request, Upgrade, write_accept, write_refusal},
    },
};

use super::{
    Flags, Phase, Slot, Worker, guard,
    slot::{Extra, Opening},
    tls::Tls,
};
use crate::{
    acceptor::{Accept, Peer, Refusal, Verdict},
    service::CloseCause,
    transport::Transport,
};

/// What a head turned out to be.
enum Judged {
    Unfinished,
    Refused(Refusal),
    Http,
    /// The service decides.
    Held(Accept),
    /// The service, the 101, what was negotiated, and where the frames begin.
    WebSocket(Accept, Vec<u8>, Option<wigwag_proto::deflate::Negotiated>, usize),
}

impl Worker {
    /// Bytes of a connection whose request head is not complete.
    pub(super) fn handle_request(&mut self, index: usize, bytes: &mut [u8]) {
        let opening = self.slots[index].extra().opening.take();
        let Some(Opening::Server { peer, deadline, mut head }) = opening else { return };
        // The usual head comes in one piece, and is read where it lies.
        let seen = head.len();
        let data = if seen == 0 {
            bytes
        } else {
            head.extend_from_slice(bytes);
            &mut head[..]
        };
        match self.judge(data, seen, &peer) {
            Judged::Unfinished => {
                let head = if seen == 0 { data.to_vec() } else { head };
                self.slots[index].extra().opening = Some(Opening::Server { peer, deadline, head });
            }
            Judged::Refused(refusal) => {
                self.write_refusal(index, &refusal);
                self.settle(index);
            }
            Judged::Held(accept) => {
                let bytes = data.to_vec();
                self.hold(index, bytes, accept);
            }
            Judged::Http => {
                let unread = data.to_vec();
                self.give_away(index, peer, unread);
            }
            Judged::WebSocket(accept, response, negotiated, frames_at) => {
                self.slots[index].extra().raw_out = response;
                self.open(index, accept, negotiated, Role::Server, &mut data[frames_at..]);
            }
        }
    }

    fn judge(&self, data: &[u8], seen: usize, peer: &Peer) -> Judged {
        let request = match Request::parse_more(data, seen, &self.limits.head) {
            Ok(Some(request)) => request,
            Ok(None) => return Judged::Unfinished,
            Err(error) => return Judged::Refused(refusal(error.status(), "bad_request", &[], error.to_string())),
        };
        if !request.is_upgrade() {
            return Judged::Http;
        }
        let upgrade = match Upgrade::from_request(&request) {
            Ok(upgrade) => upgrade,
            Err(error) => {
                return Judged::Refused(refusal(error.status(), "bad_upgrade", error.headers(), error.to_string()));
            }
        };
        if self.drain.is_some() {
            return Judged::Refused(refusal(503, "draining", RETRY_AFTER, "the server is stopping".to_owned()));
        }
        if self.is_crowded() || self.out_queues_full() {
            let why = "the server has as many connections as it may have".to_owned();
            return Judged::Refused(refusal(503, "connections_max", RETRY_AFTER, why));
        }
        let verdict = catch_unwind(AssertUnwindSafe(|| self.acceptor.judge(&request, &upgrade, peer)));
        match verdict {
            Ok(Verdict::Accept(accept)) if accept.hold.is_some() => Judged::Held(accept),
            Ok(Verdict::Accept(accept)) => accept_with(&request, &upgrade, accept),
            Ok(Verdict::Refuse(refusal)) => Judged::Refused(refusal),
            Err(_) => {
                self.metrics.panics.add(1);
                Judged::Refused(refusal(500, "panic", &[], "the handshake's judge failed".to_owned()))
            }
        }
    }

    /// The handshake is done: the service is opened, and bytes after the head are its first input.
    pub(super) fn open(
        &mut self,
        index: usize,
        accept: Accept,
        negotiated: Option<wigwag_proto::deflate::Negotiated>,
        role: Role,
        rest: &mut [u8],
    ) {
        let Accept { service, route, config, permit, .. } = accept;
        let slot = &mut self.slots[index];
        slot.set_route(route);
        slot.connection = Some(Connection::new(role, config, negotiated));
        slot.service = Some(service);
        slot.phase = Phase::Open;
        slot.extra().permit = permit;
        self.metrics.routes[usize::from(slot.route)].opened.add(1);
        self.revive(index);
        self.call(index, |service, socket| service.on_open(socket));
        if let Some(extra) = &mut self.slots[index].extra {
            extra.agreed = None;
        }
        if self.slots.get(index).is_some_and(|slot| slot.phase == Phase::Open) && !rest.is_empty() {
            self.dispatch(index, rest);
        } else {
            self.settle(index);
        }
        if self.slots.contains(index) {
            self.trim(index);
        }
    }

    /// Answers with an HTTP status and ends the connection.
    pub(super) fn write_refusal(&mut self, index: usize, refusal: &Refusal) {
        self.metrics.with_rare(|rare| *rare.refused.entry(refusal.label).or_default() += 1);
        tracing::debug!(status = refusal.status, label = refusal.label, "handshake refused");
        let is_type = |name: &str| name.eq_ignore_ascii_case("Content-Type");
        let headers = refusal.headers.iter().map(|(name, value)| (&**name, &**value));
        let (types, headers): (Vec<_>, Vec<(&str, &str)>) = headers.partition(|(name, _)| is_type(name));
        let content_type = types.first().map_or(TEXT, |(_, value)| value);
        let mut response = Vec::new();
        let body = format!("{}\n", refusal.body);
        if write_refusal(&mut response, refusal.status, &headers, content_type, &body).is_err() {
            tracing::error!(?refusal, "a refusal that cannot be written");
            let _ = write_refusal(&mut response, 500, &[], TEXT, "the server failed\n"); // always writable
        }
        self.slots[index].extra().raw_out = response;
        self.linger(index);
    }

    /// Gives a connection to the HTTP side, with everything that was read.
    fn give_away(&mut self, index: usize, peer: Peer, unread: Vec<u8>) {
        if self.drain.is_some() {
            return self.remove(index, CloseCause::Drained);
        }
        let mut slot = self.slots.remove(index);
        self.count_removed();
        if let Err(error) = self.poller.remove(&mut slot.socket) {
            tracing::warn!(%error, "cannot give a connection to the HTTP side");
            return;
        }
        let tls = slot.extra.and_then(|extra| extra.tls).and_then(|tls| tls.into_server());
        let transport = Transport { socket: StdStream::from(slot.socket), tls, unread };
        guard("the acceptor", || self.acceptor.http(transport, peer));
    }

    /// Takes a connection (back) whose 101 was sent elsewhere.
    pub(super) fn adopt(
        &mut self,
        transport: Transport,
        accept: Accept,
        negotiated: Option<wigwag_proto::deflate::Negotiated>,
    ) {
        let Transport { socket, tls, mut unread } = transport;
        let Some(slot) = self.slot_for(socket, tls, Phase::Open, None) else { return };
        let index = self.add_slot(slot, self.context.now + self.limits.ping_interval);
        self.inbox.load.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.open(index, accept, negotiated, Role::Server, &mut unread);
        if self.slots.contains(index) {
            self.queue_run(index);
        }
    }

    /// Takes a connection back whose next request, at the front of `unread`, asks for a WebSocket.
    pub(super) fn readmit(&mut self, transport: Transport, peer: Peer) {
        let Transport { socket, tls, mut unread } = transport;
        let deadline = self.context.now + self.limits.handshake_timeout;
        let opening = Opening::Server { peer, deadline, head: Vec::new() };
        let Some(slot) = self.slot_for(socket, tls, Phase::Accepting, Some(opening)) else { return };
        let index = self.add_slot(slot, deadline);
        self.inbox.load.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.handle_request(index, &mut unread);
        if self.slots.contains(index) {
            self.queue_run(index);
        }
    }

    /// A slot for a connection that comes from elsewhere; `None` if there is no use for it.
    fn slot_for(
        &mut self,
        socket: StdStream,
        tls: Option<Box<rustls::ServerConnection>>,
        phase: Phase,
        opening: Option<Opening>,
    ) -> Option<Slot> {
        if socket.set_nonblocking(true).is_err() || self.drain.is_some() {
            return None;
        }
        let mut socket = mio::net::TcpStream::from_std(socket);
        let generation = self.take_generation();
        if let Err(error) = self.poller.add(&mut socket, self.slots.vacant_key() as u32, generation) {
            tracing::warn!(%error, "cannot watch a connection that came back");
            return None;
        }
        let mut flags = Flags::default();
        flags.set(Flags::READABLE);
        if tls.is_some() {
            flags.set(Flags::TLS);
        }
        let tls = tls.map(|session| Box::new(Tls::new(*session)));
        let extra = Extra { tls, opening, ..Extra::default() };
        let (connection, service, extra) = (None, None, Some(Box::new(extra)));
        Some(Slot { socket, generation, life: 0, flags, phase, route: 0, connection, service, extra })
    }
}

fn accept_with(request: &Request<'_>, upgrade: &Upgrade<'_>, accept: Accept) -> Judged {
    let grant = negotiate(upgrade.offers(), &accept.deflate);
    let headers: Vec<(&str, &str)> = accept.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut response = Vec::with_capacity(256);
    match write_accept(&mut response, upgrade, accept.protocol.as_deref(), grant.as_ref(), &headers) {
        Ok(()) => {
            let negotiated = grant.map(|grant| grant.negotiated());
            Judged::WebSocket(accept, response, negotiated, request.head_bytes())
        }
        Err(error) => {
            tracing::error!(%error, "a response head that cannot be written");
            Judged::Refused(refusal(500, "unwritable", &[], "the server failed".to_owned()))
        }
    }
}

pub(super) fn refusal(status: u16, label: &'static str, headers: &[(&str, &str)], body: String) -> Refusal {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Refusal { status, label, headers, body }
}

const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const RETRY_AFTER: &[(&str, &str)] = &[("Retry-After", "5")];
