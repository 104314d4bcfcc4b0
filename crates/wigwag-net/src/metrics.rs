//! What the workers count. Each worker writes its own counters, without locks or shared cache lines; readers add them up.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Most routes that are counted apart; [`crate::Accept::route`] is below it.
pub const ROUTES_MAX: usize = 64;

/// Upper bounds of the answer-latency buckets, in microseconds; one more bucket takes what is above.
pub const LATENCY_BOUNDS_MICROS: [u64; 16] =
    [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];

/// A number that only its worker changes: a load and a store, no locked instruction.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The present value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn subtract(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }
}

/// One route's counters on one worker.
#[derive(Debug, Default)]
pub struct RouteMetrics {
    /// Connections opened in all.
    pub opened: Counter,
    /// Connections gone in all; `opened - closed` are open now.
    pub closed: Counter,
    /// Messages received.
    pub messages_in: Counter,
    /// Messages sent, publications included.
    pub messages_out: Counter,
    /// Bytes received, framing included, TLS excluded.
    pub bytes_in: Counter,
    /// Bytes sent, framing included, TLS excluded.
    pub bytes_out: Counter,
}

/// One worker's counters.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerMetrics {
    /// By route.
    pub routes: Vec<RouteMetrics>,
    /// Connections that this worker holds, those in handshake included.
    pub connections: Counter,
    /// Connections accepted in all.
    pub accepted: Counter,
    /// Accept errors by `EMFILE`, `ENFILE` and the like.
    pub accept_errors: Counter,
    /// Heads that did not come in time.
    pub handshake_timeouts: Counter,
    /// Service panics.
    pub panics: Counter,
    /// Publications skipped because a subscriber did not keep up.
    pub publications_skipped: Counter,
    /// Bytes queued for this worker's peers after their last write.
    pub out_queue_bytes: Counter,
    /// Bytes of unfinished incoming messages on this worker, and of input that waits to be dispatched.
    pub unfinished_bytes: Counter,
    /// Answer latency: from the turn's start to the write of the answer, in buckets of [`LATENCY_BOUNDS_MICROS`].
    pub latency: [Counter; LATENCY_BOUNDS_MICROS.len() + 1],
    /// Sum of all answer latencies in microseconds.
    pub latency_sum_micros: Counter,
    /// What is rare and has many names: handshakes refused, closes by code, errors by class.
    pub rare: std::sync::Mutex<Rare>,
}

/// Rare happenings by name.
#[derive(Clone, Debug, Default)]
pub struct Rare {
    /// Handshakes refused, by [`crate::Refusal::label`] or the syntax error's name.
    pub refused: std::collections::BTreeMap<&'static str, u64>,
    /// Connections gone, by route and close code as reported (1005 and 1006 included).
    pub closes: std::collections::BTreeMap<(u16, u16), u64>,
    /// Connections gone, by [`crate::CloseCause::label`].
    pub causes: std::collections::BTreeMap<&'static str, u64>,
}

impl Default for WorkerMetrics {
    fn default() -> Self {
        Self {
            routes: (0..ROUTES_MAX).map(|_| RouteMetrics::default()).collect(),
            connections: Counter::default(),
            accepted: Counter::default(),
            accept_errors: Counter::default(),
            handshake_timeouts: Counter::default(),
            panics: Counter::default(),
            publications_skipped: Counter::default(),
            out_queue_bytes: Counter::default(),
            unfinished_bytes: Counter::default(),
            latency: Default::default(),
            latency_sum_micros: Counter::default(),
            rare: std::sync::Mutex::default(),
        }
    }
}

impl WorkerMetrics {
    /// The rare happenings, copied.
    #[must_use]
    pub fn rare(&self) -> Rare {
        self.rare.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn count_latency(&self, micros: u64, answers: u64) {
        let bucket = LATENCY_BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.latency[bucket].add(answers);
        self.latency_sum_micros.add(micros * answers);
    }

    pub(crate) fn with_rare(&self, change: impl FnOnce(&mut Rare)) {
        change(&mut self.rare.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// The counters of all workers.
pub type AllMetrics = Arc<[Arc<WorkerMetrics>]>;
