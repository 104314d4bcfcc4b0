//! What the relays add to `/metrics`. Connections, messages and bytes of a route are there already: it is a service like
//! any other, and bears the same label here.

use std::fmt;
use std::sync::Arc;

use wigwag_gateway::{Gateway, Histogram, RelaySnapshot};
use wigwag_server::{Families, MetricsSource};

/// Reads the relays when it is asked to.
pub(super) struct Figures {
    gateway: Gateway,
}

impl Figures {
    pub(super) fn of(gateway: Gateway) -> Arc<Self> {
        Arc::new(Self { gateway })
    }
}

impl MetricsSource for Figures {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let relays = self.gateway.snapshots();
        write_connections(&relays, families)?;
        write_holds(&relays, families)?;
        let failures = relays.iter().flat_map(|relay| {
            let labelled = |(failure, count): &(wigwag_gateway::Failure, u64)| {
                ([service(relay), failure.label().to_owned()], *count)
            };
            relay.failures.iter().map(labelled)
        });
        let help = "What went wrong with upstreams";
        families.counters_by("wigwag_relay_failures", help, ["service", "reason"], failures)?;
        let times = relays.iter().map(|relay| (service(relay), histogram(&relay.connect_time)));
        let help = "From an attempt's start to the upstream's 101";
        families.histograms("wigwag_relay_connect_seconds", help, "service", times)?;
        let times = relays.iter().map(|relay| (service(relay), histogram(&relay.added_latency)));
        let help = "What relaying adds to a message's way, of the first message each way and one in 1,024";
        families.histograms("wigwag_relay_added_latency_seconds", help, "service", times)
    }
}

fn write_connections(relays: &[RelaySnapshot], families: &mut Families<'_>) -> fmt::Result {
    let now = relays.iter().map(|relay| (service(relay), relay.upstream_connections));
    families.gauges("wigwag_relay_upstream_connections", "Connections to the upstream now", "service", now)?;
    let all = relays.iter().map(|relay| (service(relay), relay.upstream_connections_total));
    families.counters("wigwag_relay_upstream_connections_opened", "Connections to the upstream", "service", all)
}

fn write_holds(relays: &[RelaySnapshot], families: &mut Families<'_>) -> fmt::Result {
    let now = relays.iter().map(|relay| (service(relay), relay.holding));
    families.gauges("wigwag_relay_clients_held", "Clients that wait for an upstream now", "service", now)?;
    let all = relays.iter().map(|relay| (service(relay), relay.holds_total));
    families.counters("wigwag_relay_holds", "Times that a client had to wait for an upstream", "service", all)?;
    let replaced = relays.iter().map(|relay| (service(relay), relay.replays_total));
    families.counters("wigwag_relay_replays", "Upstream connections replaced under a client", "service", replaced)
}

/// The name under which the route's other figures are.
fn service(relay: &RelaySnapshot) -> String {
    super::service(&relay.path).to_owned()
}

fn histogram(times: &Histogram) -> wigwag_server::Histogram {
    let seconds = |micros: u64| micros as f64 / 1e6;
    let buckets = times.buckets.iter().map(|(bound, count)| (seconds(*bound), *count));
    wigwag_server::Histogram {
        sum: seconds(times.sum_micros),
        buckets: buckets.chain([(f64::INFINITY, times.above)]).collect(),
    }
}
