//! What a person reads at the start: where everything is, and what may go wrong later.

use std::io::Write as _;
use std::net::SocketAddr;

use wigwag_server::BoundServer;

use super::Site;
use crate::{process, settings::Settings};

/// Descriptors that are needed beside the connections' own: listeners, polls, logs, files.
const OTHER_DESCRIPTORS: u64 = 64;

/// Where everything is.
pub(super) struct Banner {
    tls: bool,
    workers: usize,
    addresses: Vec<SocketAddr>,
    /// The addresses for metrics alone, where they have any.
    metrics: Option<Vec<SocketAddr>>,
    routes: Vec<String>,
}

impl Banner {
    pub(super) fn new(settings: &Settings, bound: &BoundServer) -> Self {
        Self {
            tls: settings.tls.cert.is_some(),
            workers: settings.workers(),
            addresses: bound.local_addrs(),
            metrics: settings.metrics.listen.is_some().then(|| bound.metrics_addrs()),
            routes: bound.route_names().into_iter().map(str::to_owned).collect(),
        }
    }

    /// Says it on standard output.
    pub(super) fn print<S: Site>(&self, site: &S, remarks: &[String]) {
        let text = self.text(site, remarks);
        // A closed standard output is no reason not to serve.
        let mut out = anstream::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn text<S: Site>(&self, site: &S, remarks: &[String]) -> String {
        let (http, ws) = if self.tls { ("https", "wss") } else { ("http", "ws") };
        let plural = if self.workers == 1 { "" } else { "s" };
        let mut text =
            format!("wigwag {} {} with {} worker{plural}\n", env!("CARGO_PKG_VERSION"), S::VERB, self.workers);
        for address in &self.addresses {
            text += &format!("\n  page     {http}://{address}/\n");
            for name in &self.routes {
                let origin = format!("{ws}://{address}");
                let note = site.note(name, &origin).unwrap_or_default();
                // The route for `/` is called so; other names go without their first slash.
                let path = name.trim_start_matches('/');
                text += &format!("  {:<8} {origin}/{path}{note}\n", short(name));
            }
            if self.metrics.is_none() {
                text += &format!("  metrics  {http}://{address}/metrics\n");
            }
        }
        for address in self.metrics.iter().flatten() {
            text += &format!("\n  metrics  http://{address}/metrics\n");
        }
        if !remarks.is_empty() {
            text += &format!("\n  {}\n", remarks.join("\n  "));
        }
        if !wigwag_web::BUILT {
            text += "\nThe pages are not built into this binary: `make run` builds them.\n";
        }
        text += "\nStop with ctrl-c.\n";
        text
    }
}

/// Warns where the limit of open files is below what the connections need.
pub(super) fn warn_of_descriptors<S: Site>(settings: &Settings) {
    let Ok(nofile) = process::raise_nofile() else { return };
    let wanted = u64::from(settings.limits.connections_max) * S::SOCKETS_PER_CONNECTION + OTHER_DESCRIPTORS;
    if nofile.soft < wanted {
        let room = nofile.soft.saturating_sub(OTHER_DESCRIPTORS) / S::SOCKETS_PER_CONNECTION;
        tracing::warn!(
            limit = nofile.soft,
            connections_max = settings.limits.connections_max,
            "the limit of open files leaves room for {room} connections: raise it (ulimit -n {wanted}) or set connections-max to {room}"
        );
    }
}

/// The last segment: names in the left column are short.
fn short(name: &str) -> &str {
    name.rsplit('/').next().filter(|segment| !segment.is_empty()).unwrap_or(name)
}
