//! `wigwag gateway`: the pages, and other WebSocket servers behind them. The relaying itself is `wigwag-gateway`'s; here its
//! settings, its banner, its figures and its health are put together.

mod figures;
mod health;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use wigwag_gateway::{Gateway, Others, RelayConfig, Replay, ReplayRule, UpstreamHealth, UpstreamState};
use wigwag_proto::handshake::extensions::DeflatePolicy;
use wigwag_server::Builder;
use wigwag_server::tls::{ClientTls, Trust};

use crate::serve::{self, Site, build};
use crate::settings::{self, Relayed, ReplayOthers, Settings, UPSTREAM_PATH};
use figures::Figures;

/// Relays until a signal asks it to stop.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    if settings.gateway.insecure_upstream {
        tracing::warn!(
            "insecure-upstream: whoever answers for a wss:// upstream is believed; never use this in earnest"
        );
    }
    serve::serve(settings, &Relays::new(settings))
}

/// What is relayed.
struct Relays<'s> {
    settings: &'s Settings,
    relayed: Vec<Relayed>,
    gateway: Gateway,
}

impl<'s> Relays<'s> {
    fn new(settings: &'s Settings) -> Self {
        Self { settings, relayed: settings.gateway.relayed(), gateway: Gateway::new() }
    }
}

impl Site for Relays<'_> {
    const VERB: &'static str = "relays";
    const SOCKETS_PER_CONNECTION: u64 = 2;

    fn listen(&self) -> &[SocketAddr] {
        &self.settings.gateway.listen
    }

    fn furnish(&self, mut builder: Builder) -> anyhow::Result<Builder> {
        for Relayed { path, upstream, settings } in &self.relayed {
            let relay = self.gateway.relay(path, upstream.clone(), config(self.settings, settings));
            builder = builder.route(path, relay.with_context(|| format!("cannot relay {path} to {upstream}"))?);
        }
        Ok(builder
            .default_route(UPSTREAM_PATH)
            .metrics_source(Figures::of(self.gateway.clone()))
            .health(health::report(self.gateway.clone())))
    }

    fn note(&self, route: &str, origin: &str) -> Option<String> {
        let relayed = self.relayed.iter().find(|relayed| service(&relayed.path) == route)?;
        let has_root = self.relayed.iter().any(|relayed| relayed.path == "/");
        let also =
            if relayed.path == UPSTREAM_PATH && !has_root { format!("   (also {origin})") } else { String::new() };
        Some(format!("   → {}{also}", relayed.upstream))
    }

    async fn remarks(&self) -> Vec<String> {
        let insecure = self.settings.gateway.insecure_upstream;
        let warning = insecure.then(|| "INSECURE: wss:// upstreams are not verified (insecure-upstream)".to_owned());
        let found = health::ask(&self.gateway).await;
        warning.into_iter().chain(found.iter().map(remark)).collect()
    }
}

/// How an upstream is at the start.
fn remark(found: &UpstreamHealth) -> String {
    let UpstreamHealth { upstream, detail, .. } = found;
    match found.state {
        UpstreamState::Answers => format!("{upstream} answers: {detail}"),
        UpstreamState::Refuses => format!("{upstream} refuses: {detail}"),
        UpstreamState::LeadsBack => format!("{upstream} {detail}: its clients get 508; give it the URL of a server"),
        _ => format!("{upstream} does not answer yet: {detail}"),
    }
}

/// The name under which the server counts and shows the route of a path.
fn service(path: &str) -> &str {
    match path.trim_start_matches('/') {
        "" => "/",
        name => name,
    }
}

/// How one path is relayed.
fn config(all: &Settings, gateway: &settings::Gateway) -> RelayConfig {
    RelayConfig {
        hold: gateway.hold,
        hold_bytes_max: gateway.hold_bytes_max.get(),
        connect_timeout: gateway.connect_timeout,
        retry_min: gateway.retry_min,
        retry_max: gateway.retry_max,
        replay: replay(gateway),
        replay_bytes_max: gateway.replay_bytes_max.get(),
        pass_headers: gateway.pass_header.iter().map(|name| name.0.clone()).collect(),
        pass_cookies: gateway.pass_cookies,
        pass_authorization: gateway.pass_authorization,
        forwarded: gateway.forwarded,
        tls: ClientTls { trust: trust(gateway), ..ClientTls::default() },
        messages: build::config(all),
        deflate: build::deflate(all),
        upstream_deflate: if gateway.upstream_deflate { build::deflate(all) } else { DeflatePolicy::DISABLED },
    }
}

fn replay(gateway: &settings::Gateway) -> Replay {
    if !gateway.replay_on_reconnect {
        return Replay::Nothing;
    }
    if gateway.replay_key.is_empty() {
        return Replay::Everything;
    }
    Replay::Compacted(ReplayRule {
        key: gateway.replay_key.iter().map(|key| key.0.clone()).collect(),
        cancel: gateway.replay_cancel.iter().map(|field| (field.key.clone(), field.value.clone())).collect(),
        ignore_case: gateway.replay_ignore_case,
        others: match gateway.replay_others {
            ReplayOthers::Replay => Others::Replay,
            ReplayOthers::Forget => Others::Forget,
        },
    })
}

fn trust(gateway: &settings::Gateway) -> Trust {
    match &gateway.upstream_ca {
        _ if gateway.insecure_upstream => Trust::DangerouslyAnyone,
        Some(file) => Trust::File(file.clone()),
        None => Trust::System,
    }
}
