//! What is counted, per relay. Messages and bytes are the reactor's own counters; what happens rarely is counted here.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use wigwag_net::{Handle, metrics::LATENCY_BOUNDS_MICROS};

/// What one relay has done since the start.
#[derive(Clone, Debug)]
pub struct RelaySnapshot {
    /// The path of its route.
    pub path: String,
    /// Its upstream's URL.
    pub upstream: String,
    /// Clients connected now; those whose handshake waits for the upstream are left out.
    pub connections: u64,
    /// Clients connected in all.
    pub connections_total: u64,
    /// Connections to the upstream now.
    pub upstream_connections: u64,
    /// Connections to the upstream in all.
    pub upstream_connections_total: u64,
    /// Messages that came from clients.
    pub messages_to_upstream: u64,
    /// Messages that went to clients.
    pub messages_to_client: u64,
    /// Bytes that came from clients, framing included, TLS excluded.
    pub bytes_to_upstream: u64,
    /// Bytes that went to clients, framing included, TLS excluded.
    pub bytes_to_client: u64,
    /// Clients that wait for an upstream now, beyond the first attempt.
    pub holding: u64,
    /// How often a client had to wait so, in all.
    pub holds_total: u64,
    /// How often an upstream connection was replaced under a client, in all.
    pub replays_total: u64,
    /// From the start of an attempt to the upstream's 101.
    pub connect_time: Histogram,
    /// What the gateway adds to a message's way: from the turn in which it was found readable to the write that sends it on.
    /// Of each connection the first message is measured, and one in 1,024.
    pub added_latency: Histogram,
    /// What went wrong, each reason once, with its count.
    pub failures: Vec<(Failure, u64)>,
}

/// How often something took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bounds of the buckets, in microseconds, and how many fell into each; not cumulated.
    pub buckets: Vec<(u64, u64)>,
    /// How many were above the last bound.
    pub above: u64,
    /// The sum of all, in microseconds.
    pub sum_micros: u64,
}

impl Histogram {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.above + self.buckets.iter().map(|(_, count)| count).sum::<u64>()
    }
}

/// What can go wrong with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// Its name has no address.
    Unresolved,
    /// Nobody takes a connection there.
    Unreachable,
    /// No answer came in time.
    Timeout,
    /// Its certificate is not trusted.
    Untrusted,
    /// It ended the connection before it had answered the handshake.
    Ended,
    /// What it answered is no opening handshake.
    Invalid,
    /// It refused the handshake with a status of its own.
    Refused,
    /// An open connection broke off, or was closed because the upstream restarts.
    Lost,
    /// It broke the protocol.
    Protocol,
    /// A client waited for it as long as it may.
    HoldTimeout,
    /// A waiting client sent more than is kept.
    HoldFull,
    /// It came back, but more was said to the one before than is remembered.
    ReplayTooBig,
    /// A handshake had come from this gateway itself.
    Loop,
}

impl Failure {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::Unresolved,
        Self::Unreachable,
        Self::Timeout,
        Self::Untrusted,
        Self::Ended,
        Self::Invalid,
        Self::Refused,
        Self::Lost,
        Self::Protocol,
        Self::HoldTimeout,
        Self::HoldFull,
        Self::ReplayTooBig,
        Self::Loop,
    ];

    /// A short name for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Untrusted => "untrusted",
            Self::Ended => "ended",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
            Self::HoldTimeout => "hold_timeout",
            Self::HoldFull => "hold_full",
            Self::ReplayTooBig => "replay_too_big",
            Self::Loop => "loop",
        }
    }
}

/// One relay's counters.
#[derive(Debug, Default)]
pub(crate) struct RelayMetrics {
    pub(crate) upstream_opened: AtomicU64,
    pub(crate) upstream_closed: AtomicU64,
    pub(crate) holds: AtomicU64,
    pub(crate) holds_over: AtomicU64,
    pub(crate) replays: AtomicU64,
    pub(crate) connect_time: Buckets,
    pub(crate) added_latency: Buckets,
    failures: [AtomicU64; Failure::ALL.len()],
    /// Under which number the workers count the route.
    number: OnceLock<u16>,
}

/// A histogram at work.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    counts: [AtomicU64; LATENCY_BOUNDS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

impl Buckets {
    pub(crate) fn count(&self, took: std::time::Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum_micros.fetch_add(micros, Relaxed);
    }

    fn snapshot(&self) -> Histogram {
        let [counts @ .., above] = &self.counts;
        Histogram {
            buckets: LATENCY_BOUNDS_MICROS.into_iter().zip(counts.iter().map(|count| count.load(Relaxed))).collect(),
            above: above.load(Relaxed),
            sum_micros: self.sum_micros.load(Relaxed),
        }
    }
}

impl RelayMetrics {
    pub(crate) fn count(&self, failure: Failure) {
        self.failures[failure as usize].fetch_add(1, Relaxed);
    }

    /// Which of the reactor's counters are this relay's. Only the first call counts.
    pub(crate) fn counted_as(&self, route: u16) {
        self.number.get_or_init(|| route);
    }

    /// Connections to the upstream now.
    pub(crate) fn upstream_connections(&self) -> u64 {
        // What is closed was opened before: read in this order, the difference is never negative.
        let closed = self.upstream_closed.load(Relaxed);
        self.upstream_opened.load(Relaxed).saturating_sub(closed)
    }

    pub(crate) fn snapshot(&self, path: &str, upstream: String, net: Option<&Handle>) -> RelaySnapshot {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let mut snapshot = RelaySnapshot {
            path: path.to_owned(),
            upstream,
            connections: 0,
            connections_total: 0,
            upstream_connections: self.upstream_connections(),
            upstream_connections_total: get(&self.upstream_opened),
            messages_to_upstream: 0,
            messages_to_client: 0,
            bytes_to_upstream: 0,
            bytes_to_client: 0,
            holding: get(&self.holds).saturating_sub(get(&self.holds_over)),
            holds_total: get(&self.holds),
            replays_total: get(&self.replays),
            connect_time: self.connect_time.snapshot(),
            added_latency: self.added_latency.snapshot(),
            failures: Failure::ALL.into_iter().map(|one| (one, get(&self.failures[one as usize]))).collect(),
        };
        let (Some(net), Some(number)) = (net, self.number.get()) else { return snapshot };
        for worker in net.metrics().iter() {
            let Some(route) = worker.routes.get(usize::from(*number)) else { continue };
            snapshot.connections_total += route.opened.get();
            snapshot.connections += route.opened.get().saturating_sub(route.closed.get());
            snapshot.messages_to_upstream += route.messages_in.get();
            snapshot.messages_to_client += route.messages_out.get();
            snapshot.bytes_to_upstream += route.bytes_in.get();
            snapshot.bytes_to_client += route.bytes_out.get();
        }
        snapshot
    }
}
