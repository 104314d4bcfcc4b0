//! What must hold between settings. A sentence names both, their values and where each came from.

use super::{Place, Settings};

/// Everything that contradicts, a sentence each.
pub(super) fn problems(settings: &Settings, places: &[Place]) -> Vec<String> {
    let check = Check { places };
    let Settings { limits, timeouts, queues, tls, metrics, server, .. } = settings;
    let total_low = |total: &str, single: &str| check.conflict(single, "must not exceed", total);
    let rules = [
        (server.listen.is_empty(), check.alone("listen", "names no address: at least one is needed")),
        (has_duplicate(&server.listen), check.alone("listen", "names an address twice")),
        (
            metrics.listen.is_some_and(|address| address.port() != 0 && server.listen.contains(&address)),
            check.conflict("metrics-listen", "must differ from", "listen"),
        ),
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
    ];
    rules.into_iter().filter_map(|(broken, sentence)| broken.then_some(sentence)).collect()
}

struct Check<'a> {
    places: &'a [Place],
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
        let place = self.places.iter().find(|place| place.setting.flag() == flag).expect("a declared setting");
        let value = if place.texts.is_empty() { "empty".to_owned() } else { place.texts.join(", ") };
        match place.source_text().as_str() {
            "default" => format!("{flag} ({value} by default)"),
            source => format!("{flag} ({value}, from {source})"),
        }
    }
}

/// Port 0 takes another port each time.
fn has_duplicate(addresses: &[std::net::SocketAddr]) -> bool {
    let twice = |(i, address): (usize, &std::net::SocketAddr)| address.port() != 0 && addresses[..i].contains(address);
    addresses.iter().enumerate().any(twice)
}
