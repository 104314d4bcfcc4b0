//! `wigwag try`: ready-made clients for the services.

use std::process::ExitCode;

/// Which service to talk to, and how.
#[derive(clap::Args)]
pub(crate) struct TryArgs {
    /// The service and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "SERVICE")]
    words: Vec<String>,
}

/// Runs the client for the named service.
pub(crate) fn run(args: &TryArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the client for {} is not wired in", args.words[0])
}
