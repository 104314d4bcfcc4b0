//! `wigwag serve`: from checked settings to a running server, and from a signal to its end.

mod banner;
mod build;
mod pages;
mod signals;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::settings::Settings;
use signals::Signals;

/// Serves until a signal asks it to stop.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let tls = build::tls(&settings)?;
    let bound = build::server(&settings, tls.as_ref())?;
    banner::warn_of_descriptors(&settings);
    let banner = banner::text(&settings, &bound);
    let running = bound.start().context("cannot start the server")?;
    let mut signals = running.runtime().block_on(async { Signals::listen() }).context("cannot listen to signals")?;
    // Last, because whoever reads it may send a signal at once.
    banner::print(&banner);
    let stopper = running.stopper();
    let drain_timeout = settings.timeouts.drain_timeout;
    running.runtime().block_on(signals.wait_for_stop(tls.as_ref()));
    // A second signal ends the wait.
    running.runtime().spawn(async move {
        signals.wait_for_second().await;
        stopper.stop_now();
    });
    tracing::info!(?drain_timeout, "draining: connections are told to close; a second signal stops at once");
    let report = running.drain(drain_timeout);
    anstream::eprintln!("{report}");
    Ok(ExitCode::SUCCESS)
}
