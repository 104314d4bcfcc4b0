//! `wigwag serve`: from checked settings to a running server.

use std::process::ExitCode;

use crate::settings::Settings;

/// Serves until a signal asks it to stop.
pub(crate) fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    for address in &settings.server.listen {
        println!("would listen on {address} with {} workers", settings.workers());
    }
    anyhow::bail!("the server is not wired in")
}
