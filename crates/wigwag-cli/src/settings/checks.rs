//! What must hold between settings. A sentence names both, their values and where each came from.

use std::collections::HashSet;
use std::net::SocketAddr;

use wigwag_server::live;

use super::{Gateway, Place, Serving, Settings, routes};

/// Everything that contradicts in the settings of a command, or of each, a sentence each.
pub(super) fn problems(settings: &Settings, places: &[Place], serving: Option<Serving>) -> Vec<String> {
    let mut problems = shared(settings, &Check { places, serving: serving.unwrap_or(Serving::Serve) });
    if serving != Some(Serving::Gateway) {
        problems.extend(listening(settings, &settings.server.listen, &Check { places, serving: Serving::Serve }));
    }
    if serving != Some(Serving::Serve) {
        let check = Check { places, serving: Serving::Gateway };
        problems.extend(listening(settings, &settings.gateway.listen, &check));
        problems.extend(gateway(&settings.gateway, &check));
        problems.extend(routes::problems(&settings.gateway));
    }
    problems
}

type Rules = Vec<(bool, String)>;

fn shared(settings: &Settings, check: &Check<'_>) -> Vec<String> {
    let Settings { limits, timeouts, queues, tls, .. } = settings;
    let total_low = |total: &str, single: &str| check.conflict(single, "must not exceed", total);
    broken(vec![
        (
            settings.frame_bytes_max() > limits.message_bytes_max.get(),
            check.conflict("frame-bytes-max", "must not exceed", "message-bytes-max"),
        ),
        (
            limits.unfinished_bytes_max_total < limits.message_bytes_max,
            total_low("unfinished-bytes-max-total", "message-bytes-max"),
        ),
        (
            timeouts.ping_interval >= timeouts.idle_timeout,
            check.conflict("ping-interval", "must be below", "idle-timeout"),
        ),
        (
            queues.out_queue_bytes_low_water >= queues.out_queue_bytes_high_water,
            check.conflict("out-queue-bytes-low-water", "must be below", "out-queue-bytes-high-water"),
        ),
        (
            queues.out_queue_bytes_max_total < queues.out_queue_bytes_high_water,
            total_low("out-queue-bytes-max-total", "out-queue-bytes-high-water"),
        ),
        (
            queues.out_queue_bytes_max_total < queues.push_queue_bytes_max,
            total_low("out-queue-bytes-max-total", "push-queue-bytes-max"),
        ),
        (tls.cert.is_some() && tls.key.is_none(), check.conflict("tls-cert", "needs", "tls-key")),
        (tls.key.is_some() && tls.cert.is_none(), check.conflict("tls-key", "needs", "tls-cert")),
    ])
}

fn listening(settings: &Settings, listen: &[SocketAddr], check: &Check<'_>) -> Vec<String> {
    let metrics = settings.metrics.listen;
    broken(vec![
        (listen.is_empty(), check.alone("listen", "names no address: at least one is needed")),
        (has_duplicate(listen), check.alone("listen", "names an address twice")),
        (
            metrics.is_some_and(|address| address.port() != 0 && listen.contains(&address)),
            check.conflict("metrics-listen", "must differ from", "listen"),
        ),
    ])
}

fn gateway(gateway: &Gateway, check: &Check<'_>) -> Vec<String> {
    let mut paths = HashSet::new();
    let twice = gateway.route.iter().find(|rule| !paths.insert(&rule.path)).map(|rule| &rule.path);
    let twice_words = format!("has {} twice", twice.map_or("", String::as_str));
    let own = gateway.route.iter().find(|rule| is_own(&rule.path)).map_or("", |rule| &rule.path);
    let own_words = format!("has {own}, which the gateway answers itself: choose another path");
    let replays_in_vain = gateway.replay_on_reconnect && gateway.hold.is_zero();
    let vain = check.conflict("replay-on-reconnect", "has no time to replay in with", "hold");
    broken(vec![
        (twice.is_some(), check.alone("route", &twice_words)),
        (!own.is_empty(), check.alone("route", &own_words)),
        (replays_in_vain, format!("{vain}: {}", routes::HOLD_TO_REPLAY)),
        (
            !gateway.replay_key.is_empty() && gateway.relayed().iter().all(|one| !one.settings.replay_on_reconnect),
            check.conflict("replay-key", "needs", "replay-on-reconnect"),
        ),
        (gateway.retry_min > gateway.retry_max, check.conflict("retry-min", "must not exceed", "retry-max")),
        (
            gateway.insecure_upstream && gateway.upstream_ca.is_some(),
            check.conflict("insecure-upstream", "contradicts", "upstream-ca"),
        ),
    ])
}

/// Whether a plain HTTP request for this path has an answer of the gateway's own: its figures, its health, files of the
/// pages. `/` may be relayed: the page is for who asks for no WebSocket.
fn is_own(path: &str) -> bool {
    ["/healthz", "/readyz", "/metrics", live::PATH].contains(&path) || path.starts_with("/assets/")
}

fn broken(rules: Rules) -> Vec<String> {
    rules.into_iter().filter_map(|(broken, sentence)| broken.then_some(sentence)).collect()
}

struct Check<'a> {
    places: &'a [Place],
    /// Whose setting is meant where several have the name.
    serving: Serving,
}

impl Check<'_> {
    fn conflict(&self, first: &str, relation: &str, second: &str) -> String {
        format!("{} {relation} {}", self.named(first), self.named(second))
    }

    fn alone(&self, flag: &str, complaint: &str) -> String {
        format!("{} {complaint}", self.named(flag))
    }

    /// `ping-interval (2m, from --ping-interval)`
    fn named(&self, flag: &str) -> String {
        let is_meant = |place: &&Place| place.setting.is_read_by(self.serving) && place.setting.flag() == flag;
        let place = self.places.iter().find(is_meant).expect("a declared setting");
        let value = if place.texts.is_empty() { "empty".to_owned() } else { place.texts.join(", ") };
        match place.source_text().as_str() {
            "default" => format!("{flag} ({value} by default)"),
            source => format!("{flag} ({value}, from {source})"),
        }
    }
}

/// Port 0 takes another port each time.
fn has_duplicate(addresses: &[SocketAddr]) -> bool {
    let twice = |(i, address): (usize, &SocketAddr)| address.port() != 0 && addresses[..i].contains(address);
    addresses.iter().enumerate().any(twice)
}
