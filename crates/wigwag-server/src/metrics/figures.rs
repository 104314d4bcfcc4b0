//! The workers' counters added up, at one moment.

use std::collections::BTreeMap;

use wigwag_net::metrics::{AllMetrics, Counter, LATENCY_BOUNDS_MICROS, Rare, WorkerMetrics};

/// Buckets of the latency histogram, the one without a bound included.
pub(crate) const BUCKETS: usize = LATENCY_BOUNDS_MICROS.len() + 1;

/// Sums over all workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) routes: Vec<RouteFigures>,
    pub(crate) sockets: u64,
    pub(crate) accepted: u64,
    pub(crate) accept_errors: u64,
    pub(crate) handshake_timeouts: u64,
    pub(crate) panics: u64,
    pub(crate) publications_skipped: u64,
    pub(crate) out_queue_bytes: u64,
    pub(crate) unfinished_bytes: u64,
    /// Answers by latency, not cumulated.
    pub(crate) latency: [u64; BUCKETS],
    pub(crate) latency_sum_micros: u64,
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Connections gone, by route and close code.
    closes: BTreeMap<(u16, u16), u64>,
    pub(crate) causes: BTreeMap<&'static str, u64>,
}

/// One route's sums.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RouteFigures {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

impl Figures {
    /// Adds up what the workers counted, for the first `routes` routes.
    pub(crate) fn gather(metrics: &AllMetrics, routes: usize) -> Self {
        let mut figures = Self { routes: vec![RouteFigures::default(); routes], ..Self::default() };
        for worker in metrics.iter() {
            figures.add(worker);
        }
        figures
    }

    /// Endings that nobody wanted, by class.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let wanted = ["peer", "local"];
        self.causes.iter().filter(move |(cause, _)| !wanted.contains(cause)).map(|(cause, count)| (*cause, *count))
    }

    /// Connections of these routes that are gone, by close code.
    pub(crate) fn closes(&self, counts: impl Fn(usize) -> bool) -> BTreeMap<u16, u64> {
        let mut closes = BTreeMap::new();
        for ((_, code), count) in self.closes.iter().filter(|((route, _), _)| counts(usize::from(*route))) {
            *closes.entry(*code).or_default() += count;
        }
        closes
    }

    fn add(&mut self, worker: &WorkerMetrics) {
        for (sum, route) in self.routes.iter_mut().zip(&worker.routes) {
            // What is closed was opened before: read in this order, the difference is never negative.
            sum.closed += route.closed.get();
            sum.opened += route.opened.get();
            sum.messages_in += route.messages_in.get();
            sum.messages_out += route.messages_out.get();
            sum.bytes_in += route.bytes_in.get();
            sum.bytes_out += route.bytes_out.get();
        }
        let sums: [(&mut u64, &Counter); 9] = [
            (&mut self.sockets, &worker.connections),
            (&mut self.accepted, &worker.accepted),
            (&mut self.accept_errors, &worker.accept_errors),
            (&mut self.handshake_timeouts, &worker.handshake_timeouts),
            (&mut self.panics, &worker.panics),
            (&mut self.publications_skipped, &worker.publications_skipped),
            (&mut self.out_queue_bytes, &worker.out_queue_bytes),
            (&mut self.unfinished_bytes, &worker.unfinished_bytes),
            (&mut self.latency_sum_micros, &worker.latency_sum_micros),
        ];
        for (sum, counter) in sums {
            *sum += counter.get();
        }
        for (sum, bucket) in self.latency.iter_mut().zip(&worker.latency) {
            *sum += bucket.get();
        }
        let Rare { refused, closes, causes } = worker.rare();
        add_all(&mut self.refused, refused);
        add_all(&mut self.closes, closes);
        add_all(&mut self.causes, causes);
    }
}

impl RouteFigures {
    /// Open now.
    pub(crate) fn connections(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }
}

fn add_all<K: Ord>(sums: &mut BTreeMap<K, u64>, counts: BTreeMap<K, u64>) {
    for (name, count) in counts {
        *sums.entry(name).or_default() += count;
    }
}
