//! The relays of one process ([`Gateway`]), and the route that a relay is ([`Relay`]).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use wigwag_net::{Refusal, Service, tls::TlsError, url::WsUrl};
use wigwag_proto::{Config, handshake::extensions::DeflatePolicy};
use wigwag_server::{Handshake, Route};

use crate::{
    config::RelayConfig,
    health::UpstreamHealth,
    metrics::{RelayMetrics, RelaySnapshot},
};

/// The relays of one process; cheap to clone. All of them bear one name in the `Via` header, by which the gateway knows
/// its own requests: it refuses to relay to itself (508).
#[derive(Clone, Debug, Default)]
pub struct Gateway {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    relays: Mutex<Vec<Arc<Upstream>>>,
}

/// One upstream under one path: a route for [`wigwag_server::Builder::route`].
#[derive(Clone, Debug)]
pub struct Relay {
    upstream: Arc<Upstream>,
}

#[derive(Debug)]
struct Upstream {
    path: String,
    url: WsUrl,
    config: RelayConfig,
    metrics: RelayMetrics,
}

/// Why there can be no such relay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Roots or certificates that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A name in [`RelayConfig::pass_headers`] that is no header's, or one that is never passed on.
    #[error("header {name:?} cannot be passed on: {why}")]
    Header {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A compacted replay without a key.
    #[error("a replay rule needs at least one key: name the JSON fields that say what a message is about")]
    NoKey,
}

impl Gateway {
    /// A gateway without relays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A relay to `upstream`, to be served under `path` (which the snapshots name it by). The request's query string is
    /// appended to the upstream's own. Reads the files of [`RelayConfig::tls`], and resolves the upstream's name in the
    /// background.
    ///
    /// # Errors
    /// Where the configuration cannot be followed.
    pub fn relay(&self, path: &str, upstream: WsUrl, config: RelayConfig) -> Result<Relay, RelayError> {
        let upstream =
            Arc::new(Upstream { path: path.to_owned(), url: upstream, config, metrics: RelayMetrics::default() });
        self.shared.relays.lock().unwrap_or_else(PoisonError::into_inner).push(upstream.clone());
        Ok(Relay { upstream })
    }

    /// What every relay has done so far, in the order in which they were made.
    #[must_use]
    pub fn snapshots(&self) -> Vec<RelaySnapshot> {
        let relays = self.shared.relays.lock().unwrap_or_else(PoisonError::into_inner);
        relays.iter().map(|relay| relay.metrics.snapshot(&relay.path, relay.url.to_string())).collect()
    }

    /// Asks every upstream (each URL once) for a WebSocket, and gives what came of it. Blocks until all have answered or
    /// `timeout` is over. An answer serves for a second, so that many who ask do not burden the upstreams.
    ///
    /// Before the server runs nobody can be asked: then nobody answers.
    #[must_use]
    pub fn check_upstreams(&self, timeout: Duration) -> Vec<UpstreamHealth> {
        let _ = timeout;
        Vec::new()
    }
}

impl Route for Relay {
    fn open(&self, _: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal> {
        Err(Refusal { status: 503, label: "upstream", headers: Vec::new(), body: "not yet".to_owned() })
    }

    fn config(&self) -> Option<Config> {
        Some(self.upstream.config.messages.clone())
    }

    fn deflate(&self) -> Option<DeflatePolicy> {
        Some(self.upstream.config.deflate)
    }
}
