//! `wigwag gateway`: the pages, and a relay to other WebSocket servers behind them. The relaying itself is in
//! `wigwag-gateway`.

mod probe;

use std::net::SocketAddr;
use std::process::ExitCode;

use wigwag_server::{Builder, HealthReport};

use crate::serve::{self, Site};
use crate::settings::{Gateway, Relayed, Settings, UPSTREAM_PATH};
use probe::Probe;

/// Relays until a signal asks it to stop.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    serve::serve(settings, &Relays::new(&settings.gateway))
}

/// What is relayed.
struct Relays<'s> {
    settings: &'s Gateway,
    relayed: Vec<Relayed>,
    probe: Probe,
}

impl<'s> Relays<'s> {
    fn new(settings: &'s Gateway) -> Self {
        let relayed = settings.relayed();
        let probe = Probe::new(&relayed);
        Self { settings, relayed, probe }
    }
}

impl Site for Relays<'_> {
    const VERB: &'static str = "relays";
    const SOCKETS_PER_CONNECTION: u64 = 2;

    fn listen(&self) -> &[SocketAddr] {
        &self.settings.listen
    }

    fn furnish(&self, builder: Builder) -> Builder {
        let probe = self.probe.clone();
        builder.default_route(UPSTREAM_PATH).health(HealthReport::new(move || {
            let probe = probe.clone();
            async move { probe.health().await }
        }))
    }

    fn note(&self, route: &str, origin: &str) -> Option<String> {
        let relayed = self.relayed.iter().find(|relayed| relayed.path.trim_start_matches('/') == route)?;
        let also = if relayed.path == UPSTREAM_PATH { format!("   (also {origin})") } else { String::new() };
        Some(format!("{also}   → {}", relayed.upstream))
    }

    async fn remarks(&self) -> Vec<String> {
        let states = self.probe.ask().await;
        let line = |state: &probe::State| match &state.error {
            None => format!("  {} answers", state.address),
            Some(error) => format!("  {} does not answer yet: {error}", state.address),
        };
        states.iter().map(line).collect()
    }
}
