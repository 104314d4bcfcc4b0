//! `wigwag serve`: from checked settings to a running server, and from a signal to its end.

mod banner;
mod build;
pub(crate) mod pages;
mod signals;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::settings::Settings;
use signals::Signals;

/// Serves until a signal asks it to stop.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let tls = build::tls(&settings)?;
    let bound = build::server(&settings, tls.as_ref())?;
    let banner = banner::text(&settings, &bound);
    let running = bound.start().context("cannot start the server")?;
    // Before the banner: whoever has read it may send a signal.
    let mut signals = Signals::take(running.runtime()).context("cannot watch for signals")?;
    banner::warn_of_descriptors(&settings);
    banner::print(&banner);
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
