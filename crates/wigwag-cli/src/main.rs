//! The command `wigwag`: reads the arguments, settles the configuration, starts what was asked for.
//!
//! Everything that a person types or reads at a terminal is here; what the commands do is in the library crates.

mod cli;
mod client;
mod config;
mod connect;
mod gateway;
mod load;
mod log;
mod man;
mod process;
mod serve;
mod settings;
mod try_clients;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command};
use settings::{LoadError, Serving};

/// Could not run: an unreadable file, a port that is taken, a server that is not there.
const EXIT_FAILED: u8 = 1;
/// Wrong usage: the same code with which clap refuses an unknown flag.
const EXIT_USAGE: u8 = 2;

/// Wrong usage that shows only when flags are seen together, or when something is looked up.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Failing to raise the limit is no reason to stop: `serve` compares the limit with what it needs and warns.
    let _ = process::raise_nofile();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => {
            let settings = settings::load(&args.given, Some(Serving::Serve), std::env::vars_os())?.settings;
            log::init(&settings.log);
            serve::run(&settings)
        }
        Command::Gateway(args) => {
            let settings = settings::load(&args.given, Some(Serving::Gateway), std::env::vars_os())?.settings;
            log::init(&settings.log);
            gateway::run(&settings)
        }
        Command::Try(args) => try_clients::run(&args),
        Command::Connect(args) => connect::run(*args),
        Command::Load(args) => load::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "wigwag", &mut script);
            io::stdout().write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints what went wrong, a line each, and chooses the exit code.
fn report(error: &anyhow::Error) -> ExitCode {
    const LABEL: &str = "\x1b[1;31merror:\x1b[0m";
    match error.downcast_ref::<LoadError>() {
        Some(LoadError::Invalid(problems)) => {
            for problem in problems {
                anstream::eprintln!("{LABEL} {problem}");
            }
            ExitCode::from(EXIT_USAGE)
        }
        _ => {
            anstream::eprintln!("{LABEL} {error:#}");
            ExitCode::from(if error.is::<UsageError>() { EXIT_USAGE } else { EXIT_FAILED })
        }
    }
}

/// Whether the reader of our output has gone, as in `wigwag config | head -1`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
