//! The HTTP side: connections that ask for no WebSocket, on a small tokio runtime beside the workers.
//!
//! A worker gives such a connection away whole, with the request it has read ([`Http::serve`]). hyper then speaks HTTP on
//! it; a later request for a WebSocket brings it back to the workers. What is answered is in `site`.

mod gate;
mod site;
mod wire;

use std::{
    fmt,
    future::poll_fn,
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, OnceLock},
    time::Duration,
};

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use wigwag_net::{Handle, Limits, Peer, Refusal, Transport};
use wigwag_proto::handshake::server::write_refusal;

use self::{
    gate::{Gate, Rest},
    site::Caller,
    wire::Wire,
};
use crate::addresses::Counted;

pub(crate) use site::Site;

/// Bounds of the HTTP side. Those of request heads are the workers' ([`wigwag_net::Limits::head`]).
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// HTTP connections at once. Default: 1,024. Over it: 503.
    pub connections_max: usize,
    /// How long a request head may take, and so how long a kept-alive connection may be silent. Default: 10 s; then the
    /// connection is cut. The first head of a connection is under [`wigwag_net::Limits::handshake_timeout`].
    pub head_timeout: Duration,
    /// From a request's head to its answer's, the request's body included. Default: 30 s; then 503.
    pub request_timeout: Duration,
    /// How long a client may take nothing of an answer. Default: 30 s; then the connection is cut.
    pub write_timeout: Duration,
    /// Largest request body, in bytes. Default: 1 MiB. Over it: 413.
    pub body_bytes_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            head_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            body_bytes_max: 1 << 20,
        }
    }
}

/// Connections that are told at once why they are not served; what comes on top is cut without a word.
const TURNED_AWAY_MAX: usize = 64;

/// Serves HTTP.
pub(crate) struct Http {
    runtime: tokio::runtime::Handle,
    limits: HttpLimits,
    /// The workers' bounds, for what is the same here: heads, and the end of connections.
    net_limits: Limits,
    /// Whether each listener is on loopback.
    loopback: Vec<bool>,
    site: Site,
    net: OnceLock<Handle>,
    slots: Arc<Semaphore>,
    away_slots: Arc<Semaphore>,
    draining: watch::Sender<bool>,
}

/// Where a connection came in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Beside WebSocket.
    Main,
    /// By an address for metrics alone.
    Metrics,
}

impl Http {
    pub(crate) fn new(
        runtime: tokio::runtime::Handle,
        limits: HttpLimits,
        net_limits: Limits,
        loopback: Vec<bool>,
        site: Site,
    ) -> Arc<Self> {
        let slots = limits.connections_max.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            runtime,
            limits: HttpLimits { connections_max: slots, ..limits },
            net_limits,
            loopback,
            site,
            net: OnceLock::new(),
            slots: Arc::new(Semaphore::new(slots)),
            away_slots: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
            draining: watch::Sender::new(false),
        })
    }

    /// The workers run. Before this nothing is answered.
    pub(crate) fn started(&self, net: &Handle) {
        let _ = self.net.set(net.clone()); // Called once.
    }

    /// Whether a connection came in by a loopback listener.
    pub(crate) fn on_loopback(&self, peer: &Peer) -> bool {
        let listener = self.loopback.get(usize::from(peer.listener));
        listener.copied().unwrap_or_else(|| peer.local.ip().to_canonical().is_loopback())
    }

    /// Connections that are being served.
    pub(crate) fn connections(&self) -> usize {
        self.limits.connections_max - self.slots.available_permits()
    }

    /// Lets every connection finish the request that it is answering, and no more.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Serves a connection that a worker gave away. Never blocks.
    pub(crate) fn serve(self: &Arc<Self>, transport: Transport, peer: Peer, counted: Option<Counted>) {
        match self.slots.clone().try_acquire_owned() {
            Ok(slot) => {
                let on_loopback = self.on_loopback(&peer);
                let caller = Caller::new(self.clone(), Door::Main, peer, on_loopback);
                let http = self.clone();
                self.runtime.spawn(async move { http.converse(transport, caller, (slot, counted)).await });
            }
            Err(_) => {
                let headers = vec![("Retry-After".to_owned(), "5".to_owned())];
                let body = "the server has as many HTTP connections as it may have".to_owned();
                self.turn_away(transport, Refusal { status: 503, label: "http_connections_max", headers, body });
            }
        }
    }

    /// Answers with a refusal, whatever was asked. Never blocks.
    pub(crate) fn turn_away(self: &Arc<Self>, transport: Transport, refusal: Refusal) {
        let Ok(slot) = self.away_slots.clone().try_acquire_owned() else { return };
        self.site.metrics.count_http(refusal.status);
        let http = self.clone();
        self.runtime.spawn(async move {
            let _slot = slot;
            if let Err(error) = http.say(transport, &refusal).await {
                tracing::debug!(%error, "an HTTP connection ended before it was turned away");
            }
        });
    }

    /// Serves metrics on a listener of their own.
    pub(crate) fn serve_metrics(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let local = listener.local_addr()?;
        let _runtime = self.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let http = self.clone();
        self.runtime.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((socket, address)) => http.serve_metrics_to(socket, address, local),
                    Err(error) => {
                        tracing::debug!(%error, "cannot accept a connection for metrics");
                        // EMFILE lasts: without a pause this would spin.
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
        Ok(())
    }

    fn serve_metrics_to(self: &Arc<Self>, socket: tokio::net::TcpStream, address: SocketAddr, local: SocketAddr) {
        let Ok(socket) = socket.into_std() else { return };
        let Ok(slot) = self.slots.clone().try_acquire_owned() else { return };
        let peer = Peer { address, local, tls: false, listener: u16::MAX };
        let on_loopback = local.ip().to_canonical().is_loopback();
        let caller = Caller::new(self.clone(), Door::Metrics, peer, on_loopback);
        let transport = Transport { socket, tls: None, unread: Vec::new() };
        let http = self.clone();
        self.runtime.spawn(async move { http.converse(transport, caller, (slot, None)).await });
    }

    /// One connection, from its first request to its end.
    async fn converse(&self, transport: Transport, caller: Caller, held: (OwnedSemaphorePermit, Option<Counted>)) {
        let peer = caller.peer;
        let outcome = match self.speak_http(transport, caller).await.map(Gate::into_rest) {
            Ok(Rest::WebSocket(wire, unread)) => {
                drop(held); // The workers count it anew.
                return self.give_back(wire, unread, peer);
            }
            Ok(Rest::Open(wire)) => self.end(wire).await,
            Ok(Rest::Ended(mut wire)) => wire.shutdown().await,
            Err(error) => return tracing::debug!(%error, "an HTTP connection failed"),
        };
        if let Err(error) = outcome {
            tracing::trace!(%error, "an HTTP connection ended by itself");
        }
    }

    /// Speaks HTTP until it is over.
    async fn speak_http(
        &self,
        transport: Transport,
        mut caller: Caller,
    ) -> Result<Gate, Box<dyn std::error::Error + Send + Sync>> {
        let Transport { socket, tls, unread } = transport;
        let wire = Wire::new(socket, tls, self.limits.write_timeout)?;
        // Where a request's body is left unread, hyper may take the connection for done before it has written the answer,
        // if the first write is pending; and it is, until tokio has heard that the socket is writable.
        wire.writable().await?;
        let gate = Gate::new(wire, unread, self.net_limits.head, caller.door == Door::Main);
        caller.refused = gate.refused();
        let mut draining = self.draining.subscribe();
        // hyper would close a connection that has not asked yet; one that comes during the drain gets one answer.
        let mut told = *draining.borrow();
        let mut connection = hyper::server::conn::http1::Builder::new()
            .keep_alive(!told)
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_headers(self.net_limits.head.headers_max)
            // A client that ends its side after its request still gets the answer.
            .half_close(true)
            .serve_connection(TokioIo::new(gate), caller);
        loop {
            tokio::select! {
                // The request that came with the connection is read before a drain is looked at.
                biased;
                outcome = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break outcome?,
                _ = draining.wait_for(|draining| *draining), if !told => {
                    told = true;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
        Ok(connection.into_parts().io.into_inner())
    }

    /// Gives a connection back to the workers, whose next request asks for a WebSocket.
    fn give_back(&self, wire: Wire, unread: Vec<u8>, peer: Peer) {
        let Some(net) = self.net.get() else { return };
        match wire.into_parts() {
            Ok((socket, tls)) => net.readmit(Transport { socket, tls, unread }, peer),
            Err(error) => tracing::debug!(%error, "cannot give a connection back to the workers"),
        }
    }

    async fn say(&self, transport: Transport, refusal: &Refusal) -> io::Result<()> {
        let mut wire = Wire::new(transport.socket, transport.tls, self.limits.write_timeout)?;
        let headers: Vec<(&str, &str)> = refusal.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut response = Vec::new();
        let body = format!("{}\n", refusal.body);
        write_refusal(&mut response, refusal.status, &headers, "text/plain; charset=utf-8", &body)
            .map_err(io::Error::other)?;
        wire.write_all(&response).await?;
        self.end(wire).await
    }

    /// Ends our side and discards input within bounds: closing at once could take the answer from a peer that still sends.
    async fn end(&self, mut wire: Wire) -> io::Result<()> {
        wire.shutdown().await?;
        let discard = async {
            let mut left = self.net_limits.linger_bytes_max;
            let mut buffer = [0; 4096];
            loop {
                let count = wire.read(&mut buffer).await?;
                if count == 0 || count > left {
                    return Ok(());
                }
                left -= count;
            }
        };
        // A peer that does not end in time is cut off.
        tokio::time::timeout(self.net_limits.linger_timeout, discard).await.unwrap_or(Ok(()))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

/// How long accepting rests after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
