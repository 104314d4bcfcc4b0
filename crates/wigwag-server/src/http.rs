//! The HTTP side.
use crate::{access::AccessRules, addresses::Counted, metrics::Metrics, routes::Routes};
use axum::Router;
use std::{io, net::TcpListener, sync::Arc, time::Duration};
use wigwag_net::{Handle, Peer, Refusal, Transport};
use wigwag_proto::handshake::HeadLimits;

/// Bounds of the HTTP side.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// HTTP connections at once. Default: 1,024. Over it: 503.
    pub connections_max: usize,
    /// How long a request head may take, and so how long a kept-alive connection may be silent. Default: 10 s.
    pub head_timeout: Duration,
    /// How long an answer may take, the request's body included. Default: 30 s; then 503.
    pub request_timeout: Duration,
    /// How long a client may take nothing of an answer. Default: 30 s; then the connection is cut.
    pub write_timeout: Duration,
    /// Largest request body. Default: 1 MiB. Over it: 413.
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
pub(crate) struct Site {
    pub(crate) access: Arc<AccessRules>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) pages: Router,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) metrics_here: bool,
}
pub(crate) struct Http {
    loopback: Vec<bool>,
}
impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}
impl Http {
    pub(crate) fn new(
        _: tokio::runtime::Handle,
        _: HttpLimits,
        _: HeadLimits,
        loopback: Vec<bool>,
        _: Site,
    ) -> Arc<Self> {
        Arc::new(Self { loopback })
    }
    pub(crate) fn on_loopback(&self, peer: &Peer) -> bool {
        self.loopback.get(usize::from(peer.listener)).copied().unwrap_or(false)
    }
    pub(crate) fn serve(&self, _: Transport, _: Peer, _: Option<Counted>) {}
    pub(crate) fn turn_away(&self, _: Transport, _: Refusal) {}
    pub(crate) fn started(&self, _: &Handle) {}
    pub(crate) fn serve_metrics(&self, _: TcpListener) -> io::Result<()> {
        Ok(())
    }
    pub(crate) fn drain(&self) {}
    pub(crate) fn connections(&self) -> usize {
        0
    }
}
