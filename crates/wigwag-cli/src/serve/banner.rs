//! What a person reads at the start: where everything is, and what may go wrong later.

use std::io::Write as _;

use wigwag_server::BoundServer;

use crate::{process, settings::Settings};

/// Descriptors that are needed beside the connections' own: listeners, polls, logs, files.
const OTHER_DESCRIPTORS: u64 = 64;

/// Where the page and the services are.
pub(crate) fn text(settings: &Settings, bound: &BoundServer) -> String {
    let tls = settings.tls.cert.is_some();
    let (http, ws) = if tls { ("https", "wss") } else { ("http", "ws") };
    let workers = settings.workers();
    let plural = if workers == 1 { "" } else { "s" };
    let mut text = format!("wigwag {} serves with {workers} worker{plural}\n", env!("CARGO_PKG_VERSION"));
    for address in bound.local_addrs() {
        text += &format!("\n  page     {http}://{address}/\n");
        for name in bound.route_names() {
            let default = name == settings.services.default_service.as_str();
            let note = if default { format!("   (also {ws}://{address})") } else { String::new() };
            text += &format!("  {:<8} {ws}://{address}/{name}{note}\n", short(name));
        }
        if settings.metrics.listen.is_none() {
            text += &format!("  metrics  {http}://{address}/metrics\n");
        }
    }
    for address in bound.metrics_addrs() {
        text += &format!("\n  metrics  http://{address}/metrics\n");
    }
    if !wigwag_web::BUILT {
        text += "\nThe pages are not built into this binary: `make run` builds them.\n";
    }
    text += "\nStop with ctrl-c.\n";
    text
}

/// Says it on standard output.
pub(crate) fn print(text: &str) {
    // A closed standard output is no reason not to serve.
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Warns where the limit of open files is below what the connections need.
pub(crate) fn warn_of_descriptors(settings: &Settings) {
    let Ok(nofile) = process::raise_nofile() else { return };
    let wanted = u64::from(settings.limits.connections_max) + OTHER_DESCRIPTORS;
    if nofile.soft < wanted {
        let room = nofile.soft.saturating_sub(OTHER_DESCRIPTORS);
        tracing::warn!(
            limit = nofile.soft,
            connections_max = settings.limits.connections_max,
            "the limit of open files leaves room for {room} connections: raise it (ulimit -n {wanted}) or set connections-max to {room}"
        );
    }
}

/// The last segment: names in the left column are short.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
