//! The flags that say how to connect: those of every client, and those that make sense for thousands of connections.

use clap::Args;
use wigwag_load::{
    Outcome, Plan,
    plan::{Resolve, Sources},
};
use wigwag_net::{Connect, OpenErrorKind, url::WsUrl};

use super::args::{CONNECTION, resolve, sources};
use crate::client::{ClientArgs, hint_for};

/// How to connect.
#[derive(Args)]
pub(super) struct TargetArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// Local addresses to connect from, used in turn [default: on loopback, 127.0.0.1 and on, as many as are needed]
    #[arg(long, value_name = "IP[,IP|CIDR]", value_delimiter = ',', value_parser = sources, help_heading = CONNECTION)]
    source_ip: Vec<Sources>,
    /// Connect to ADDRESS where the URL says HOST:PORT; repeat it for several servers, used in turn
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = resolve, help_heading = CONNECTION)]
    resolve: Vec<Resolve>,
}

impl TargetArgs {
    /// A plan for this server, everything but the connection by default.
    pub(super) fn plan(&self, url: &WsUrl) -> anyhow::Result<Plan> {
        let Connect { tls, headers, protocols, origin, deflate, timeout, .. } = self.client.connect(url)?;
        Ok(Plan {
            headers,
            protocols,
            origin,
            compress: deflate.enabled,
            tls,
            tls_names: self.client.tls_names(),
            connect_timeout: timeout,
            sources: self.source_ip.clone(),
            resolve: self.resolve.clone(),
            ..Plan::to(url.clone())
        })
    }
}

/// What to do where no connection could be opened, on a line of its own.
pub(super) fn hint(url: &WsUrl, outcome: &Outcome) -> &'static str {
    if outcome.connections.opened > 0 {
        return "";
    }
    let Some((error, _)) = outcome.errors.iter().max_by_key(|(_, count)| **count) else { return "" };
    let kind = match error.as_str() {
        "connect: connection refused" => OpenErrorKind::Unreachable(std::io::ErrorKind::ConnectionRefused),
        error if error.contains("certificate") => OpenErrorKind::Untrusted,
        _ => OpenErrorKind::Handshake,
    };
    hint_for(url, kind, error)
}
