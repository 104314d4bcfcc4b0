//! Opening connections as client: TCP to each address in turn, TLS, then the opening handshake.

use std::{io, net::SocketAddr};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use wigwag_proto::{
    Role,
    handshake::client::{Refusal, Request, Response, ResponseError},
};

use super::{
    Flags, Phase, Slot, Worker,
    slot::{Extra, Opening},
    tls::Tls,
};
use crate::{
    acceptor::Accept,
    limits::FOREVER,
    local::Agreed,
    net::{Connect, ConnectJob},
    service::{CloseCause, OpenError, OpenErrorKind, Service},
    socket::ConnectionId,
};

impl Worker {
    /// Opens a connection; tells the service where that cannot even be begun.
    pub(super) fn start_connect(&mut self, job: Box<ConnectJob>) {
        if let Err(job) = self.begin_connect(job) {
            self.give_up(*job);
        }
    }

    /// As [`Self::start_connect`], from a callback: the service is told after it.
    pub(crate) fn connect_here(&mut self, connect: Connect, service: Box<dyn Service>) -> Option<ConnectionId> {
        match self.begin_connect(Box::new(ConnectJob::new(connect, service))) {
            Ok(index) => Some(self.id(index)),
            Err(job) => {
                self.unopened.push(*job);
                None
            }
        }
    }

    /// Tells the services whose connections could not even be begun.
    pub(super) fn give_up_unopened(&mut self) {
        // What they ask for in turn waits for the next turn.
        for job in std::mem::take(&mut self.unopened) {
            self.give_up(job);
        }
    }

    /// Drops a connection that is being opened, and its service, without a word.
    pub(crate) fn cancel(&mut self, id: ConnectionId) {
        let is_opening = |phase| matches!(phase, Phase::Connecting | Phase::Requesting);
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation);
        let Some(slot) = slot.filter(|slot| is_opening(slot.phase)) else { return };
        slot.flags.set(Flags::TOLD);
        slot.extra().opening = None;
        self.remove(id.slot as usize, CloseCause::Local);
    }

    /// Takes a slot for a connection and begins with the first address that can be tried.
    fn begin_connect(&mut self, mut job: Box<ConnectJob>) -> Result<usize, Box<ConnectJob>> {
        if self.drain.is_some() {
            job.failure = Some(OpenError::new(OpenErrorKind::Stopped, "stopping"));
            return Err(job);
        }
        let deadline = *job.deadline.get_or_insert(self.context.now + job.connect.timeout.min(FOREVER));
        let (index, generation) = (self.slots.vacant_key(), self.take_generation());
        let Some((socket, address)) = self.connect_next(&mut job, index, generation) else { return Err(job) };
        let opening = Opening::Client { job, address, key: rand::random(), head: Vec::new() };
        let mut flags = Flags::default();
        flags.set(Flags::WRITE_EVENTS);
        let slot = Slot {
            socket,
            generation,
            life: 0,
            flags,
            phase: Phase::Connecting,
            route: 0,
            connection: None,
            service: None,
            extra: Some(Box::new(Extra { opening: Some(opening), ..Extra::default() })),
        };
        self.inbox.load.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(self.add_slot(slot, deadline))
    }

    /// A socket on its way to the next address that can be tried, watched for the slot; `None`: the job says why.
    fn connect_next(&self, job: &mut ConnectJob, index: usize, generation: u32) -> Option<(TcpStream, SocketAddr)> {
        while let Some(address) = job.addresses.pop() {
            let socket = connect_socket(address, job.connect.source).and_then(|mut socket| {
                self.poller.add_connecting(&mut socket, index as u32, generation)?;
                Ok(socket)
            });
            match socket {
                Ok(socket) => {
                    job.failure = None;
                    return Some((socket, address));
                }
                Err(error) => job.failure = Some(unreachable_at(address, &error)),
            }
        }
        None
    }

    /// A connecting socket has news: it is connected, or it failed and the next address is tried.
    pub(super) fn handle_connected(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let failure = match slot.socket.take_error() {
            Ok(None) => match slot.socket.peer_addr() {
                Ok(_) => None,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                Err(error) => Some(error),
            },
            Ok(Some(error)) | Err(error) => Some(error),
        };
        if let Some(error) = failure {
            return self.try_next(index, &error);
        }
        let _ = slot.socket.set_nodelay(true); // Slower without, not wrong.
        let now = self.context.now;
        if let Some(Opening::Client { job, .. }) = &mut slot.extra().opening {
            super::guard("on_connected", || job.service.on_connected(now));
        }
        if let Err(error) = self.write_request(index) {
            return self.fail_opening(index, error);
        }
        self.slots[index].phase = Phase::Requesting;
        self.settle(index);
        // The answer may be there already, and its event past.
        if self.slots.contains(index) {
            self.slots[index].flags.set(Flags::READABLE);
            self.queue_run(index);
        }
    }

    fn write_request(&mut self, index: usize) -> Result<(), OpenError> {
        let invalid = |why| OpenError::new(OpenErrorKind::Request, why);
        let slot = &mut self.slots[index];
        let Some(extra) = slot.extra.as_mut() else { return Ok(()) };
        let Some(Opening::Client { job, key, .. }) = &extra.opening else { return Ok(()) };
        if let Some(config) = &job.connect.tls {
            let session = rustls::ClientConnection::new(config.clone(), job.server_name()?);
            let session = session.map_err(|error| invalid(format!("cannot begin TLS: {error}")))?;
            extra.tls = Some(Box::new(Tls::new(session)));
            slot.flags.set(Flags::TLS);
        }
        let mut head = Vec::new();
        with_request(&job.connect, *key, |request| request.write(&mut head))
            .map_err(|error| invalid(format!("cannot write the request: {error}")))?;
        extra.raw_out = head;
        Ok(())
    }

    /// Bytes of the response head.
    pub(super) fn handle_response(&mut self, index: usize, bytes: &mut [u8]) {
        let Some(Opening::Client { job, address, key, mut head }) = self.slots[index].extra().opening.take() else {
            return;
        };
        head.extend_from_slice(bytes);
        let expected = with_request(&job.connect, key, |request| request.expected());
        let parsed = Response::parse(&head, &self.limits.head, &expected);
        let (agreed, deflate) = match parsed {
            Ok(Some(response)) => {
                let protocol = response.protocol().map(str::to_owned);
                let head = head[..response.head_bytes()].to_vec();
                (Agreed { protocol, head }, response.deflate())
            }
            Ok(None) => {
                self.slots[index].extra().opening = Some(Opening::Client { job, address, key, head });
                return;
            }
            Err(error) => {
                self.slots[index].extra().opening = Some(Opening::Client { job, address, key, head });
                return self.handle_refusal(index, error);
            }
        };
        let frames_at = agreed.head.len();
        let ConnectJob { connect, service, .. } = *job;
        let accept = Accept {
            service,
            route: connect.route,
            config: connect.config,
            deflate: connect.deflate,
            protocol: None,
            headers: Vec::new(),
            permit: None,
            hold: None,
        };
        self.slots[index].extra().agreed = Some(Box::new(agreed));
        self.open(index, accept, deflate, Role::Client, &mut head[frames_at..]);
    }

    /// The answer is no 101. Where a body is announced, it is waited for; whatever ends the wait, the refusal is what the
    /// service hears of.
    fn handle_refusal(&mut self, index: usize, error: ResponseError) {
        let waits = matches!(&error, ResponseError::Refused(refusal) if lacks_body(refusal));
        let mut told = OpenError::new(OpenErrorKind::Handshake, describe(&error));
        if let ResponseError::Refused(refusal) = error {
            told.refusal = Some(refusal);
        }
        if let Some(Opening::Client { job, .. }) = &mut self.slots[index].extra().opening {
            job.failure = Some(told);
        }
        if !waits {
            self.remove(index, CloseCause::Eof);
        }
    }

    /// Tries the next address in the same slot, so that the connection keeps its name.
    fn try_next(&mut self, index: usize, error: &io::Error) {
        let generation = self.slots[index].generation;
        let opening = self.slots[index].extra().opening.take();
        let Some(Opening::Client { mut job, address, key, head }) = opening else { return };
        job.failure = Some(unreachable_at(address, error));
        let next = self.connect_next(&mut job, index, generation);
        let slot = &mut self.slots[index];
        let (next, address) = next.map_or((None, address), |(socket, address)| (Some(socket), address));
        slot.extra().opening = Some(Opening::Client { job, address, key, head });
        match next {
            // The one that failed is closed by this, and so no longer watched.
            Some(socket) => slot.socket = socket,
            None => self.remove(index, CloseCause::Eof),
        }
    }

    pub(super) fn fail_opening(&mut self, index: usize, error: OpenError) {
        if let Some(Opening::Client { job, .. }) = &mut self.slots[index].extra().opening {
            job.failure.get_or_insert(error);
        }
        self.remove(index, CloseCause::Eof);
    }
}

fn with_request<T>(connect: &Connect, key: [u8; 16], then: impl FnOnce(&Request<'_>) -> T) -> T {
    let default_port = if connect.tls.is_some() { 443 } else { 80 };
    let host = if connect.host.contains(':') { format!("[{}]", connect.host) } else { connect.host.clone() };
    let host = if connect.port == default_port { host } else { format!("{host}:{}", connect.port) };
    let protocols: Vec<&str> = connect.protocols.iter().map(String::as_str).collect();
    let headers: Vec<(&str, &str)> = connect.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    then(&Request {
        host: &host,
        target: &connect.target,
        key,
        protocols: &protocols,
        deflate: connect.deflate,
        origin: connect.origin.as_deref(),
        headers: &headers,
    })
}

fn unreachable_at(address: SocketAddr, error: &io::Error) -> OpenError {
    OpenError::new(OpenErrorKind::Unreachable(error.kind()), format!("cannot connect to {address}: {error}"))
}

/// A socket that fails before the answer is there.
pub(super) fn failed_handshake(error: &io::Error) -> OpenError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let kind = match tls {
        Some(rustls::Error::InvalidCertificate(_)) => OpenErrorKind::Untrusted,
        Some(_) => OpenErrorKind::Handshake,
        None => OpenErrorKind::Ended,
    };
    let advice = tls.and_then(crate::tls::advice);
    OpenError::new(kind, advice.map_or_else(|| error.to_string(), str::to_owned))
}

/// Whether a refusal announces more of a body than is there, of what is kept.
fn lacks_body(refusal: &Refusal) -> bool {
    let here = refusal.body.len();
    let is_chunked = || {
        let coding = refusal.header("Transfer-Encoding");
        coding.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    };
    let is_whole = match refusal.content_length {
        Some(length) => here as u64 >= length,
        None => !is_chunked() || refusal.body.ends_with(b"0\r\n\r\n"),
    };
    !is_whole && here < Refusal::BODY_BYTES_MAX
}

fn describe(error: &ResponseError) -> String {
    match error {
        ResponseError::Refused(refusal) => {
            let body = String::from_utf8_lossy(&refusal.body);
            let body = body.lines().next().unwrap_or_default().trim();
            let separator = if body.is_empty() { "" } else { ": " };
            format!("{error}{separator}{body}")
        }
        other => other.to_string(),
    }
}

fn connect_socket(address: SocketAddr, source: Option<std::net::IpAddr>) -> io::Result<TcpStream> {
    let Some(source) = source else { return TcpStream::connect(address) };
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Else the port would be taken for this address as a whole, and all targets together could have no more
    // connections from it than there are ports.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::IpBindAddressNoPort, &true);
    socket.bind(&SocketAddr::new(source, 0).into())?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// EINPROGRESS, which std has no stable name for, or its Windows twin.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(EINPROGRESS)
}

#[cfg(target_os = "linux")]
const EINPROGRESS: i32 = 115;
#[cfg(not(target_os = "linux"))]
const EINPROGRESS: i32 = 36;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use nix::sys::socket::{getsockopt, sockopt::IpBindAddressNoPort};

    use super::*;

    #[test]
    fn a_source_address_leaves_the_choice_of_the_port_to_the_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let source = "127.0.0.2".parse().unwrap();
        let socket = connect_socket(listener.local_addr().unwrap(), Some(source)).unwrap();
        assert_eq!(socket.local_addr().unwrap().ip(), source);
        assert!(getsockopt(&socket, IpBindAddressNoPort).unwrap());
    }
}
