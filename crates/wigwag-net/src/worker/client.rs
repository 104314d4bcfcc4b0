//! Opening connections as client: TCP to each address in turn, TLS, then the opening handshake.

use std::{io, net::SocketAddr, time::Instant};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use wigwag_proto::{
    Role,
    handshake::client::{Request, Response, ResponseError},
};

use super::{
    Flags, Phase, Slot, Worker,
    slot::{Extra, Opening},
    tls::Tls,
};
use crate::{
    acceptor::Accept,
    limits::FOREVER,
    net::{Connect, ConnectJob},
    service::{CloseCause, OpenError, OpenErrorKind},
};

impl Worker {
    /// Tries the next address; tells the service when none is left.
    pub(super) fn start_connect(&mut self, mut job: Box<ConnectJob>) {
        let deadline = *job.deadline.get_or_insert(self.context.now + job.connect.timeout.min(FOREVER));
        while let Some(address) = job.addresses.pop() {
            if self.drain.is_some() {
                job.failure = Some(OpenError::new(OpenErrorKind::Stopped, "stopping"));
                break;
            }
            match connect_socket(address, job.connect.source) {
                Ok(socket) => return self.add_connecting(socket, address, deadline, job),
                Err(error) => job.failure = Some(unreachable_at(address, &error)),
            }
        }
        let error = job.failure.take().unwrap_or_else(|| {
            OpenError::new(OpenErrorKind::Unresolved, format!("{} has no address", job.connect.host))
        });
        job.give_up(error);
    }

    fn add_connecting(
        &mut self,
        mut socket: TcpStream,
        address: SocketAddr,
        deadline: Instant,
        mut job: Box<ConnectJob>,
    ) {
        let generation = self.take_generation();
        if let Err(error) = self.poller.add_connecting(&mut socket, self.slots.vacant_key() as u32, generation) {
            let kind = OpenErrorKind::Unreachable(error.kind());
            job.failure = Some(OpenError::new(kind, format!("cannot watch a socket: {error}")));
            job.addresses.clear();
            return self.start_connect(job);
        }
        let key: [u8; 16] = rand::random();
        let opening = Opening::Client { job, address, key, head: Vec::new() };
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
        self.add_slot(slot, deadline);
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
        let parsed = match Response::parse(&head, &self.limits.head, &expected) {
            Ok(Some(response)) => {
                Ok(Some((response.head_bytes(), response.deflate(), response.protocol().map(str::to_owned))))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(OpenError::new(OpenErrorKind::Handshake, describe(&error))),
        };
        match parsed {
            Ok(None) => {
                self.slots[index].extra().opening = Some(Opening::Client { job, address, key, head });
            }
            Err(error) => {
                self.slots[index].extra().opening = Some(Opening::Client { job, address, key, head });
                self.fail_opening(index, error);
            }
            Ok(Some((frames_at, deflate, protocol))) => {
                let ConnectJob { connect, service, .. } = *job;
                let accept = Accept {
                    service,
                    route: connect.route,
                    config: connect.config,
                    deflate: connect.deflate,
                    protocol,
                    headers: Vec::new(),
                    permit: None,
                };
                self.open(index, accept, deflate, Role::Client, &mut head[frames_at..]);
            }
        }
    }

    fn try_next(&mut self, index: usize, error: &io::Error) {
        let opening = self.slots[index].extra().opening.take();
        let Some(Opening::Client { mut job, address, .. }) = opening else { return };
        drop(self.slots.remove(index));
        self.count_removed();
        job.failure = Some(unreachable_at(address, error));
        self.start_connect(job);
    }

    pub(super) fn fail_opening(&mut self, index: usize, error: OpenError) {
        if let Some(Opening::Client { job, .. }) = &mut self.slots[index].extra().opening {
            job.failure = Some(error);
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
        _ => OpenErrorKind::Handshake,
    };
    OpenError::new(kind, error.to_string())
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
