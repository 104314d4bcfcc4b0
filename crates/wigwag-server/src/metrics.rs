//! `/metrics`: the workers' counters, the HTTP side's and the process's, in the text format that Prometheus reads
//! (OpenMetrics 1.0). Everything is read when it is asked for; nothing is kept twice.

mod figures;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use wigwag_net::{Handle, metrics::LATENCY_BOUNDS_MICROS};

use crate::process;

pub(crate) use figures::{BUCKETS, Figures, RouteFigures};

/// What a program adds to `/metrics`.
pub trait MetricsSource: Send + Sync + 'static {
    /// Writes its families, as of now. Runs on the HTTP side: it may take a lock, but must not wait for the network.
    ///
    /// # Errors
    /// Those of `families`, passed on.
    fn write(&self, families: &mut Families<'_>) -> fmt::Result;
}

/// What is counted outside of the workers, and the names of what they count.
pub(crate) struct Metrics {
    /// Route names by number.
    names: Vec<String>,
    version: String,
    started: Instant,
    /// HTTP answers by status.
    http: Mutex<BTreeMap<u16, u64>>,
    sources: Vec<Arc<dyn MetricsSource>>,
}

impl Metrics {
    pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub(crate) fn new(names: Vec<String>, version: String, sources: Vec<Arc<dyn MetricsSource>>) -> Self {
        Self { names, version, started: Instant::now(), http: Mutex::default(), sources }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn count_http(&self, status: u16) {
        *self.http.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// HTTP answers by status.
    pub(crate) fn http(&self) -> BTreeMap<u16, u64> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The text; `net` is absent only before the workers run.
    pub(crate) fn encode(&self, net: Option<&Handle>, http_connections: usize) -> String {
        let scrape = Scrape {
            figures: net.map(|net| Figures::gather(&net.metrics(), self.names.len())).unwrap_or_default(),
            names: self.names.clone(),
            version: self.version.clone(),
            uptime: self.uptime(),
            draining: net.is_some_and(Handle::is_draining),
            http: self.http(),
            http_connections: http_connections as u64,
            sources: self.sources.clone(),
        };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(scrape));
        let mut out = String::new();
        text::encode(&mut out, &registry).expect("writing to a String cannot fail");
        out
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Everything at one moment.
struct Scrape {
    figures: Figures,
    names: Vec<String>,
    version: String,
    uptime: Duration,
    draining: bool,
    http: BTreeMap<u16, u64>,
    http_connections: u64,
    sources: Vec<Arc<dyn MetricsSource>>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").field("figures", &self.figures).finish_non_exhaustive()
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut out = Families { encoder };
        self.encode_services(&mut out)?;
        self.encode_workers(&mut out)?;
        self.encode_latency(&mut out)?;
        out.gauge("wigwag_http_connections", "HTTP connections now", self.http_connections)?;
        let statuses = self.http.iter().map(|(status, count)| (status.to_string(), *count));
        out.counters("wigwag_http_responses", "HTTP answers", "status", statuses)?;
        self.encode_process(&mut out)?;
        self.sources.iter().try_for_each(|source| source.write(&mut out))
    }
}

impl Scrape {
    fn encode_services(&self, out: &mut Families<'_>) -> fmt::Result {
        type Figure = fn(&RouteFigures) -> u64;
        let by_name = |figure: Figure| {
            let routes = self.names.iter().zip(&self.figures.routes);
            routes.map(move |(name, route)| (name.clone(), figure(route)))
        };
        out.gauges("wigwag_connections", "WebSocket connections now", "service", by_name(RouteFigures::connections))?;
        let counters: [(&str, &str, Figure); 5] = [
            ("wigwag_connections_opened", "WebSocket connections opened", |route| route.opened),
            ("wigwag_messages_received", "Messages received", |route| route.messages_in),
            ("wigwag_messages_sent", "Messages sent", |route| route.messages_out),
            ("wigwag_bytes_received", "Bytes received, framing included, TLS excluded", |route| route.bytes_in),
            ("wigwag_bytes_sent", "Bytes sent, framing included, TLS excluded", |route| route.bytes_out),
        ];
        for (name, help, figure) in counters {
            out.counters(name, help, "service", by_name(figure))?;
        }
        Ok(())
    }

    fn encode_workers(&self, out: &mut Families<'_>) -> fmt::Result {
        let figures = &self.figures;
        out.gauge("wigwag_sockets", "Sockets that the workers hold, those in handshake included", figures.sockets)?;
        out.gauge("wigwag_out_queue_bytes", "Bytes queued for peers", figures.out_queue_bytes)?;
        out.gauge("wigwag_unfinished_bytes", "Bytes of unfinished incoming messages", figures.unfinished_bytes)?;
        let counters = [
            ("wigwag_accepted", "Sockets accepted", figures.accepted),
            ("wigwag_accept_errors", "Failures to accept", figures.accept_errors),
            ("wigwag_handshake_timeouts", "Request heads that did not come in time", figures.handshake_timeouts),
            ("wigwag_panics", "Panics of services", figures.panics),
            ("wigwag_publications_skipped", "Publications that slow subscribers missed", figures.publications_skipped),
        ];
        for (name, help, count) in counters {
            out.counter(name, help, count)?;
        }
        let named = |(name, count): (&&str, &u64)| ((*name).to_owned(), *count);
        let refused = figures.refused.iter().map(named);
        out.counters("wigwag_handshakes_refused", "Handshakes refused", "reason", refused)?;
        let closes = figures.closes(|_| true);
        let closes = closes.iter().map(|(code, count)| (code.to_string(), *count));
        out.counters("wigwag_closes", "Connections ended, by close code", "code", closes)?;
        out.counters("wigwag_ends", "Connections ended, by cause", "cause", figures.causes.iter().map(named))?;
        let errors = figures.errors().map(|(class, count)| (class.to_owned(), count));
        out.counters("wigwag_errors", "Connections ended by an error", "class", errors)
    }

    fn encode_latency(&self, out: &mut Families<'_>) -> fmt::Result {
        let bounds = LATENCY_BOUNDS_MICROS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
        let histogram = Histogram {
            sum: self.figures.latency_sum_micros as f64 / 1e6,
            buckets: bounds.zip(self.figures.latency).collect(),
        };
        let help = "From the turn's start to the write of the answer";
        let name = "wigwag_answer_latency_seconds";
        let mut metric = out.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        histogram.encode(&mut metric)
    }

    fn encode_process(&self, out: &mut Families<'_>) -> fmt::Result {
        if let Some(bytes) = process::resident_bytes() {
            out.gauge("process_resident_memory_bytes", "Resident memory of the process", bytes)?;
        }
        if let Some(count) = process::open_descriptors() {
            out.gauge("process_open_fds", "Open descriptors of the process", count)?;
        }
        out.gauge("wigwag_uptime_seconds", "Time since the start", self.uptime.as_secs())?;
        out.gauge("wigwag_draining", "1 while the server stops", u64::from(self.draining))?;
        let version = std::iter::once((self.version.clone(), 1));
        out.gauges("wigwag_build", "The program's version", "version", version)
    }
}

/// A distribution.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Of all that was observed, in the family's unit.
    pub sum: f64,
    /// Upper bounds, rising, the last of them infinite, and how many observations lie in each bucket alone.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    fn encode(&self, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        let count = self.buckets.iter().map(|(_, count)| count).sum();
        // The encoder cumulates the buckets.
        metric.encode_histogram::<NoLabelSet>(self.sum, count, &self.buckets, None)
    }
}

/// Writes families of metrics: each once, with all its values.
pub struct Families<'e> {
    encoder: DescriptorEncoder<'e>,
}

/// A value per label: its text, and the figure.
type ByLabel = (String, u64);

impl Families<'_> {
    /// A figure that goes up and down.
    ///
    /// # Errors
    /// Those of the text that is written.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
    }

    /// A figure that only goes up; `_total` is added to its name.
    ///
    /// # Errors
    /// Those of the text that is written.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        counter.encode(self.encoder.encode_descriptor(name, help, None, counter.metric_type())?)
    }

    /// Figures that go up and down, by label.
    ///
    /// # Errors
    /// Those of the text that is written.
    pub fn gauges(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl Iterator<Item = ByLabel>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (of, value) in values {
            ConstGauge::new(value).encode(family.encode_family(&[(label, of)])?)?;
        }
        Ok(())
    }

    /// Figures that only go up, by label.
    ///
    /// # Errors
    /// Those of the text that is written.
    pub fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl Iterator<Item = ByLabel>,
    ) -> fmt::Result {
        self.counters_by(name, help, [label], values.map(|(of, value)| ([of], value)))
    }

    /// Figures that only go up, by several labels.
    ///
    /// # Errors
    /// Those of the text that is written.
    pub fn counters_by<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
        values: impl Iterator<Item = ([String; N], u64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (of, value) in values {
            let labels: Vec<(&str, String)> = labels.into_iter().zip(of).collect();
            ConstCounter::new(value).encode(family.encode_family(&labels.as_slice())?)?;
        }
        Ok(())
    }

    /// Distributions by label.
    ///
    /// # Errors
    /// Those of the text that is written.
    pub fn histograms(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl Iterator<Item = (String, Histogram)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (of, histogram) in values {
            histogram.encode(&mut family.encode_family(&[(label, of)])?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Families<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Families").finish_non_exhaustive()
    }
}
