//! The commands that serve: from checked settings to a running server, and from a signal to its end.
//!
//! What they have in common is here; what `wigwag serve` adds is in [`services`], what `wigwag gateway` adds in
//! [`crate::gateway`].

mod banner;
pub(crate) mod build;
pub(crate) mod pages;
mod services;
mod signals;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use wigwag_server::Builder;

use crate::settings::Settings;
use services::Services;
use signals::Signals;

/// What a command serves.
pub(crate) trait Site {
    /// What it does, as the banner says it.
    const VERB: &'static str;
    /// Most sockets that a client needs here.
    const SOCKETS_PER_CONNECTION: u64;

    /// Where it listens.
    fn listen(&self) -> &[SocketAddr];

    /// Gives the server its routes, and whatever else is this command's.
    fn furnish(&self, builder: Builder) -> anyhow::Result<Builder>;

    /// What stands behind the address of a route in the banner; `origin` is the server's, such as `ws://127.0.0.1:8765`.
    fn note(&self, route: &str, origin: &str) -> Option<String>;

    /// Lines at the end of the banner, known once the server runs.
    async fn remarks(&self) -> Vec<String>;
}

/// `wigwag serve`: serves until a signal asks it to stop.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    serve(settings, &Services::new(settings))
}

/// Serves a site until a signal asks it to stop.
pub(crate) fn serve<S: Site>(settings: &Settings, site: &S) -> anyhow::Result<ExitCode> {
    let tls = build::tls(settings)?;
    let bound = build::server(settings, site, tls.as_ref())?;
    let banner = banner::Banner::new(settings, &bound);
    let running = bound.start().context("cannot start the server")?;
    // Before the banner: whoever has read it may send a signal.
    let mut signals = Signals::take(running.runtime()).context("cannot watch for signals")?;
    banner::warn_of_descriptors::<S>(settings);
    let remarks = running.runtime().block_on(site.remarks());
    banner.print(site, &remarks);
    running.runtime().block_on(signals.stop(tls.as_ref()));
    let stopper = running.stopper();
    running.runtime().spawn(async move {
        signals.second().await;
        stopper.stop_now();
    });
    let drain_timeout = settings.timeouts.drain_timeout;
    tracing::info!(?drain_timeout, "draining: connections are told to close; a second signal stops at once");
    let report = running.drain(drain_timeout);
    anstream::eprintln!("{report}");
    Ok(ExitCode::SUCCESS)
}
