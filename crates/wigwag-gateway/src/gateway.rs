//! The relays of one process ([`Gateway`]), and the route that a relay is ([`Relay`]).

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use wigwag_net::{
    Connect, Handle, Refusal, Service,
    tls::{TlsError, Trust},
    url::WsUrl,
};
use wigwag_proto::{Config, handshake::extensions::DeflatePolicy};
use wigwag_server::{Handshake, Route};

use crate::{
    addresses::Addresses,
    answer::{self, Attempt},
    asked::Asked,
    client::ClientSide,
    config::{RelayConfig, Replay},
    headers::{HeaderRules, Origin},
    health::{Checks, UpstreamHealth},
    metrics::{Failure, RelayMetrics, RelaySnapshot},
};

/// The relays of one process; cheap to clone. All of them bear one name in the `Via` header, by which the gateway knows
/// its own requests: it refuses to relay to itself (508).
#[derive(Clone, Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// In `Via`: new for each gateway, so that it says nothing of the machine.
    name: String,
    relays: Mutex<Vec<Arc<Upstream>>>,
    checks: Checks,
}

/// One upstream under one path: a route for [`wigwag_server::Builder::route`].
#[derive(Clone, Debug)]
pub struct Relay {
    upstream: Arc<Upstream>,
}

/// All that the pairs of one relay share.
#[derive(Debug)]
pub(crate) struct Upstream {
    path: String,
    pub(crate) url: WsUrl,
    pub(crate) config: RelayConfig,
    pub(crate) metrics: RelayMetrics,
    /// What [`RelayConfig::messages`] says, for a side that does not end before the other.
    messages: Arc<Config>,
    tls: Option<Arc<rustls::ClientConfig>>,
    headers: HeaderRules,
    addresses: Arc<Addresses>,
    /// The last attempt failed; that is worth a line in the log once, and not for each client.
    is_missing: AtomicBool,
    made: Instant,
    /// When the last connection to it was opened, in milliseconds since `made`; [`NEVER`] before the first.
    reached_millis: AtomicU64,
    net: OnceLock<Handle>,
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
        let name = format!("wigwag-{:016x}", rand::random::<u64>());
        Self { shared: Arc::new(Shared { name, relays: Mutex::default(), checks: Checks::default() }) }
    }

    /// A relay to `upstream`, to be served under `path` (which the snapshots name it by). The request's query string is
    /// appended to the upstream's own. Reads the files of [`RelayConfig::tls`] for a `wss://` upstream, and resolves its name:
    /// waits a second for that, and goes on in the background.
    ///
    /// # Errors
    /// Where the configuration cannot be followed.
    pub fn relay(&self, path: &str, upstream: WsUrl, config: RelayConfig) -> Result<Relay, RelayError> {
        let config = within_reason(config);
        if matches!(&config.replay, Replay::Compacted(rule) if rule.key.is_empty()) {
            return Err(RelayError::NoKey);
        }
        let headers = HeaderRules::new(&config, self.shared.name.clone())?;
        let tls = upstream.tls.then(|| config.tls.config()).transpose()?;
        if tls.is_some() && config.tls.trust == Trust::DangerouslyAnyone {
            tracing::warn!(%upstream, "the upstream's certificate is NOT verified: anyone can pose as it");
        }
        let messages = Arc::new(Config { half_open: true, ..config.messages.clone() });
        let addresses = Addresses::new(&upstream);
        let upstream = Arc::new(Upstream {
            path: path.to_owned(),
            url: upstream,
            config,
            metrics: RelayMetrics::default(),
            messages,
            tls,
            headers,
            addresses,
            is_missing: AtomicBool::new(false),
            made: Instant::now(),
            reached_millis: AtomicU64::new(NEVER),
            net: OnceLock::new(),
        });
        self.relays().push(upstream.clone());
        Ok(Relay { upstream })
    }

    /// What every relay has done so far, in the order in which they were made.
    #[must_use]
    pub fn snapshots(&self) -> Vec<RelaySnapshot> {
        let relays = self.relays();
        let snapshot =
            |relay: &Arc<Upstream>| relay.metrics.snapshot(&relay.path, relay.url.to_string(), relay.net.get());
        relays.iter().map(snapshot).collect()
    }

    /// How every upstream is, each URL once. One to which connections are open, or were opened within `age_max`, answers.
    /// The others are asked for a WebSocket, unless they were within `age_max`, so that many who want to know do not burden them.
    /// Blocks until all have answered or `timeout` is over; who comes meanwhile waits for the same answers.
    ///
    /// Before the server runs nobody can be asked: then nobody answers.
    #[must_use]
    pub fn check_upstreams(&self, timeout: Duration, age_max: Duration) -> Vec<UpstreamHealth> {
        let relays = self.relays().clone();
        self.shared.checks.check(&relays, timeout, age_max)
    }

    fn relays(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Upstream>>> {
        self.shared.relays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self::new()
    }
}

impl Route for Relay {
    fn open(&self, handshake: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal> {
        let upstream = &self.upstream;
        upstream.metrics.counted_as(handshake.route());
        let headers = handshake.request().headers();
        if upstream.headers.is_loop(headers) {
            upstream.metrics.count(Failure::Loop);
            return Err(answer::loop_detected(upstream.gateway_name()));
        }
        let origin = Origin {
            peer: handshake.peer(),
            trusted: handshake.client() != handshake.peer().ip().to_canonical(),
            tls: handshake.is_tls(),
            host: handshake.request().host(),
        };
        let target = upstream.target(handshake.query());
        let asked = Asked::new(&target, handshake.protocols(), &upstream.headers.collect(headers, origin));
        Ok(Box::new(ClientSide::new(upstream.clone(), asked)))
    }

    fn hold(&self) -> Option<Duration> {
        let config = &self.upstream.config;
        // The relay itself says in time what became of it; the reactor's own bound lies behind that.
        Some(config.hold.saturating_add(config.connect_timeout.saturating_mul(2)).saturating_add(SLACK))
    }

    fn config(&self) -> Option<Config> {
        Some((*self.upstream.messages).clone())
    }

    fn deflate(&self) -> Option<DeflatePolicy> {
        Some(self.upstream.config.deflate)
    }

    fn start(&self, net: &Handle) {
        if self.upstream.net.set(net.clone()).is_ok() {
            self.upstream.addresses.start(net);
        }
    }
}

impl Upstream {
    /// How to open a connection that a client asked for.
    pub(crate) fn connect(&self, asked: &Asked) -> Connect {
        let is_origin = |name: &str| name.eq_ignore_ascii_case("Origin");
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Connect {
            addresses: self.addresses.known(),
            target: asked.target().to_owned(),
            tls: self.tls.clone(),
            protocols: asked.protocols().map(str::to_owned).collect(),
            headers: asked.headers().filter(|(name, _)| !is_origin(name)).map(own).collect(),
            origin: asked.headers().find(|(name, _)| is_origin(name)).map(|(_, value)| value.to_owned()),
            deflate: self.config.upstream_deflate,
            config: self.messages.clone(),
            timeout: self.config.connect_timeout,
            ..self.url.connect_plain()
        }
    }

    /// How to ask whether it answers.
    pub(crate) fn probe(&self, timeout: Duration) -> Connect {
        // With the gateway's name: where the URL leads back here, that is found out at once.
        let asked = Asked::new(&self.url.target(), &[], &[self.headers.via()]);
        Connect { timeout: timeout.min(self.config.connect_timeout), ..self.connect(&asked) }
    }

    /// The path of its route.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// By which the gateway knows its own requests.
    pub(crate) fn gateway_name(&self) -> &str {
        self.headers.name()
    }

    /// What shows, without a question, that it answers: its connections, unless the last attempt failed.
    pub(crate) fn sign_of_life(&self, age_max: Duration) -> Option<String> {
        if self.is_missing.load(Relaxed) {
            return None;
        }
        match self.metrics.upstream_connections() {
            0 => {
                let reached = self.reached_millis.load(Relaxed);
                let is_recent = || self.millis().saturating_sub(reached) < age_max.as_millis() as u64;
                (reached != NEVER && is_recent()).then(|| "a client was relayed a moment ago".to_owned())
            }
            1 => Some("1 connection is open".to_owned()),
            many => Some(format!("{many} connections are open")),
        }
    }

    /// Since it was made.
    fn millis(&self) -> u64 {
        self.made.elapsed().as_millis() as u64
    }

    /// The workers, once they run.
    pub(crate) fn net(&self) -> Option<&Handle> {
        self.net.get()
    }

    /// Whether what was said is said again to an upstream that comes back.
    pub(crate) fn replays(&self) -> bool {
        self.config.replay != Replay::Nothing && !self.config.hold.is_zero()
    }

    /// An attempt failed.
    pub(crate) fn is_missed(&self, attempt: &Attempt, why: &str) {
        match attempt {
            Attempt::Refused(refusal) => {
                tracing::debug!(upstream = %self.url, status = refusal.status, "an upstream refused a connection");
            }
            _ if !self.is_missing.swap(true, Relaxed) => {
                tracing::warn!(upstream = %self.url, why, "an upstream cannot be reached");
            }
            _ => {}
        }
    }

    /// An attempt succeeded.
    pub(crate) fn is_reached(&self) {
        self.reached_millis.store(self.millis(), Relaxed);
        if self.is_missing.load(Relaxed) && self.is_missing.swap(false, Relaxed) {
            tracing::info!(upstream = %self.url, "an upstream is back");
        }
    }

    /// The URL's target with the client's query behind its own.
    fn target(&self, query: Option<&str>) -> String {
        let own = self.url.target();
        match query {
            None | Some("") => own,
            Some(query) if own.ends_with('?') => format!("{own}{query}"),
            Some(query) => format!("{own}{}{query}", if own.contains('?') { '&' } else { '?' }),
        }
    }
}

/// Waits that the clock can count, and attempts that are apart from each other.
fn within_reason(mut config: RelayConfig) -> RelayConfig {
    config.hold = config.hold.min(HOLD_MAX);
    config.retry_min = config.retry_min.max(RETRY_MIN);
    config.retry_max = config.retry_max.max(config.retry_min);
    config
}

/// A client that waits longer than this for its upstream waits for ever.
const HOLD_MAX: Duration = Duration::from_secs(21 * 86_400);
/// No attempt follows the last one sooner.
const RETRY_MIN: Duration = Duration::from_millis(1);
/// Stands for no time at all.
const NEVER: u64 = u64::MAX;
/// What the reactor waits beyond all waits of ours.
const SLACK: Duration = Duration::from_secs(5);
