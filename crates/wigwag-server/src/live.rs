//! `/metrics/live`: a WebSocket that says once a second how the server is. [`Snapshot`] is the shape of each message.
//!
//! The figures are gathered once for all subscribers, on the HTTP side's runtime: reading /proc is none of the workers'
//! business. A subscriber that does not keep up misses some and gets the newest.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant, SystemTime},
};

use serde::Serialize;
use tokio::time::MissedTickBehavior;
use wigwag_net::{Handle, Lag, Message, OnFull, Prepared, Refusal, Service, Socket, metrics::LATENCY_BOUNDS_MICROS};

use crate::{
    http::Http,
    metrics::{BUCKETS, Figures, Metrics, RouteFigures},
    process,
    route::{Handshake, Route},
};

/// Where it is served.
pub const PATH: &str = "/metrics/live";

/// Stands for a latency above the largest bound, which is one second.
pub const LATENCY_ABOVE_MICROS: u64 = 10_000_000;

/// One message of `/metrics/live`. `…_total` counts from the start on, `…_per_second` is over the time since the message
/// before it (0 in the first), everything else is as of now.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Snapshot {
    /// Milliseconds since 1970-01-01 UTC.
    pub time_unix_milliseconds: u64,
    /// Since the start.
    pub uptime_seconds: f64,
    /// The program's version.
    pub version: String,
    /// The server is stopping.
    pub draining: bool,
    /// Threads that move messages.
    pub workers: usize,
    /// Sockets that the workers hold, those in handshake included.
    pub sockets: u64,
    /// HTTP connections.
    pub http_connections: usize,
    /// All services together.
    pub all: Traffic,
    /// By service, in the order of the routes; the first is `outgoing`: connections that this process opened as client.
    pub services: Vec<ServiceTraffic>,
    /// Of the answers since the message before.
    pub latency: Latency,
    /// Bytes queued for peers.
    pub out_queue_bytes: u64,
    /// Bytes of unfinished incoming messages.
    pub unfinished_bytes: u64,
    /// Resident memory of the process; absent where the operating system does not tell.
    pub resident_bytes: Option<u64>,
    /// Open descriptors of the process; absent where the operating system does not tell.
    pub open_descriptors: Option<u64>,
    /// Sockets accepted.
    pub accepted_total: u64,
    /// Failures to accept.
    pub accept_errors_total: u64,
    /// Request heads that did not come in time.
    pub handshake_timeouts_total: u64,
    /// Panics of services.
    pub panics_total: u64,
    /// Publications that slow subscribers missed.
    pub publications_skipped_total: u64,
    /// Handshakes refused, by reason.
    pub refused_total: BTreeMap<&'static str, u64>,
    /// Connections of the services ended, by close code; without `outgoing` and the subscribers of this feed.
    pub closes_total: BTreeMap<u16, u64>,
    /// Connections ended by an error, by class.
    pub errors_total: BTreeMap<&'static str, u64>,
    /// HTTP answers, by status.
    pub http_responses_total: BTreeMap<u16, u64>,
}

/// One service's figures.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ServiceTraffic {
    /// The route's path without its first slash.
    pub name: String,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// Connections, messages and bytes. Bytes include framing and exclude TLS.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Traffic {
    /// Open now.
    pub connections: u64,
    /// Opened.
    pub opened_total: u64,
    /// Received.
    pub messages_in_total: u64,
    /// Sent.
    pub messages_out_total: u64,
    /// Received.
    pub bytes_in_total: u64,
    /// Sent.
    pub bytes_out_total: u64,
    /// Opened.
    pub opened_per_second: f64,
    /// Received.
    pub messages_in_per_second: f64,
    /// Sent.
    pub messages_out_per_second: f64,
    /// Received.
    pub bytes_in_per_second: f64,
    /// Sent.
    pub bytes_out_per_second: f64,
}

/// Latency of answers: from the start of the worker's turn to the write. Each value is the upper bound of the bucket in
/// which it lies ([`LATENCY_ABOVE_MICROS`]: above all bounds), and absent if nothing was answered.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Latency {
    /// Answers.
    pub answers: u64,
    /// Half of them took no longer.
    pub p50_micros: Option<u64>,
    /// 99 % of them took no longer.
    pub p99_micros: Option<u64>,
    /// None took longer.
    pub max_micros: Option<u64>,
}

/// The route.
pub(crate) struct Feed;

impl Route for Feed {
    fn open(&self, _: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal> {
        Ok(Box::new(Subscriber))
    }
}

struct Subscriber;

impl Service for Subscriber {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let topic = socket.net().topic(TOPIC);
        if let Some(newest) = socket.subscribe(topic, Lag::Newest) {
            socket.push(&newest, OnFull::Skip);
        }
    }

    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}
}

/// Publishes a snapshot now and once a second, until the server is gone.
pub(crate) async fn publish(net: Handle, metrics: Arc<Metrics>, http: Weak<Http>) {
    let topic = net.topic(TOPIC);
    let mut interval = tokio::time::interval(PERIOD);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before: Option<(Figures, Instant)> = None;
    loop {
        interval.tick().await;
        let Some(http) = http.upgrade() else { return };
        let figures = Figures::gather(&net.metrics(), metrics.names().len());
        let now = Instant::now();
        let snapshot = snapshot(&net, &metrics, http.connections(), &figures, before.as_ref(), now);
        match serde_json::to_string(&snapshot) {
            Ok(text) => net.publish(topic, &Prepared::new(Message::Text(&text))),
            Err(error) => tracing::error!(%error, "cannot write a live snapshot"),
        }
        before = Some((figures, now));
    }
}

fn snapshot(
    net: &Handle,
    metrics: &Metrics,
    http_connections: usize,
    figures: &Figures,
    before: Option<&(Figures, Instant)>,
    now: Instant,
) -> Snapshot {
    let seconds = before.map_or(0.0, |(_, at)| now.duration_since(*at).as_secs_f64());
    let mut all = Traffic::default();
    let mut services = Vec::with_capacity(figures.routes.len());
    for (index, (name, route)) in metrics.names().iter().zip(&figures.routes).enumerate() {
        let earlier = before.map_or(*route, |(earlier, _)| earlier.routes[index]);
        let traffic = Traffic::new(route, &earlier, seconds);
        all.add(&traffic);
        services.push(ServiceTraffic { name: name.clone(), traffic });
    }
    Snapshot {
        time_unix_milliseconds: SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis() as u64),
        uptime_seconds: metrics.uptime().as_secs_f64(),
        version: metrics.version().to_owned(),
        draining: net.is_draining(),
        workers: net.metrics().len(),
        sockets: figures.sockets,
        http_connections,
        all,
        services,
        latency: Latency::new(&figures.latency, before.map(|(earlier, _)| &earlier.latency)),
        out_queue_bytes: figures.out_queue_bytes,
        unfinished_bytes: figures.unfinished_bytes,
        resident_bytes: process::resident_bytes(),
        open_descriptors: process::open_descriptors(),
        accepted_total: figures.accepted,
        accept_errors_total: figures.accept_errors,
        handshake_timeouts_total: figures.handshake_timeouts,
        panics_total: figures.panics,
        publications_skipped_total: figures.publications_skipped,
        refused_total: figures.refused.clone(),
        closes_total: figures.closes(|route| is_service(metrics.names(), route)),
        errors_total: figures.errors().collect(),
        http_responses_total: metrics.http(),
    }
}

/// Whether a route is what people come for: neither connections that this process opened, nor this feed.
fn is_service(names: &[String], route: usize) -> bool {
    route > 0 && names.get(route).is_some_and(|name| *name != PATH[1..])
}

impl Traffic {
    fn new(now: &RouteFigures, before: &RouteFigures, seconds: f64) -> Self {
        let rate = |figure: fn(&RouteFigures) -> u64| {
            let grown = figure(now).saturating_sub(figure(before));
            if seconds > 0.0 { grown as f64 / seconds } else { 0.0 }
        };
        Self {
            connections: now.connections(),
            opened_total: now.opened,
            messages_in_total: now.messages_in,
            messages_out_total: now.messages_out,
            bytes_in_total: now.bytes_in,
            bytes_out_total: now.bytes_out,
            opened_per_second: rate(|route| route.opened),
            messages_in_per_second: rate(|route| route.messages_in),
            messages_out_per_second: rate(|route| route.messages_out),
            bytes_in_per_second: rate(|route| route.bytes_in),
            bytes_out_per_second: rate(|route| route.bytes_out),
        }
    }

    fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.opened_total += other.opened_total;
        self.messages_in_total += other.messages_in_total;
        self.messages_out_total += other.messages_out_total;
        self.bytes_in_total += other.bytes_in_total;
        self.bytes_out_total += other.bytes_out_total;
        self.opened_per_second += other.opened_per_second;
        self.messages_in_per_second += other.messages_in_per_second;
        self.messages_out_per_second += other.messages_out_per_second;
        self.bytes_in_per_second += other.bytes_in_per_second;
        self.bytes_out_per_second += other.bytes_out_per_second;
    }
}

impl Latency {
    fn new(now: &[u64; BUCKETS], before: Option<&[u64; BUCKETS]>) -> Self {
        let mut grown = *now;
        for (count, earlier) in grown.iter_mut().zip(before.into_iter().flatten()) {
            *count = count.saturating_sub(*earlier);
        }
        let answers: u64 = grown.iter().sum();
        // The bucket in which the answer of this rank lies, counted from 1.
        let bound_of = |rank: u64| {
            let mut seen = 0;
            let bucket = grown.iter().position(|count| {
                seen += count;
                rank > 0 && seen >= rank
            });
            bucket.map(|bucket| LATENCY_BOUNDS_MICROS.get(bucket).copied().unwrap_or(LATENCY_ABOVE_MICROS))
        };
        Self {
            answers,
            p50_micros: bound_of(answers.div_ceil(2)),
            p99_micros: bound_of((answers * 99).div_ceil(100)),
            max_micros: bound_of(answers),
        }
    }
}

const TOPIC: &str = "wigwag/metrics/live";
const PERIOD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_types_of_the_pages_are_fresh() {
        let mut module = crate::wire::Module::new("crates/wigwag-server/src/live.rs", "wigwag-server");
        module.add_text(&format!("/** Where it is served. */\nexport const PATH = {PATH:?};"));
        module.add_text(&format!(
            "/** Stands for a latency above the largest bound, which is one second. */\n\
             export const LATENCY_ABOVE_MICROS = {LATENCY_ABOVE_MICROS};"
        ));
        module.add::<Snapshot>();
        module.add::<ServiceTraffic>();
        module.add::<Traffic>();
        module.add::<Latency>();
        module.check("live.ts");
    }

    #[test]
    fn percentiles_are_the_bounds_of_their_buckets() {
        let mut now = [0; BUCKETS];
        let check = |now: &[u64; BUCKETS], before, expected| {
            let Latency { answers, p50_micros, p99_micros, max_micros } = Latency::new(now, before);
            assert_eq!((answers, p50_micros, p99_micros, max_micros), expected);
        };
        check(&now, None, (0, None, None, None));
        now[0] = 99;
        now[3] = 1;
        check(&now, None, (100, Some(10), Some(10), Some(100)));
        let before = now;
        now[BUCKETS - 1] += 1;
        check(
            &now,
            Some(&before),
            (1, Some(LATENCY_ABOVE_MICROS), Some(LATENCY_ABOVE_MICROS), Some(LATENCY_ABOVE_MICROS)),
        );
    }
}
