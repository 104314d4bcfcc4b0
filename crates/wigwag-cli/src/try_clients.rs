//! `wigwag try`: a ready-made client for each service, which says whether every answer was right.
//!
//! Each client is plain code on the command's own thread, over a [`connection::Connection`] whose socket a worker of the
//! reactor serves. Absent on purpose: what a person types freely (`wigwag connect`) and load (`wigwag load`).

mod connection;
mod count;
mod letters;
mod output;
mod stream;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use wigwag_net::url::WsUrl;
use wigwag_server::tls::{ClientTls, Trust};

use connection::Connection;
use output::Output;

/// Which service to talk to, and how.
#[derive(Args)]
pub(crate) struct TryArgs {
    #[command(subcommand)]
    service: TryService,
    /// The server, as ws:// or wss://; without a path, the service's own is taken
    #[arg(long, global = true, value_name = "URL", default_value = "ws://127.0.0.1:8765")]
    url: WsUrl,
    /// How long an answer may take
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// For wss://, trust the certificates in this PEM file instead of the system's
    #[arg(long, global = true, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// For wss://, trust any certificate: encrypted, but nobody knows with whom
    #[arg(short = 'k', long, global = true, conflicts_with = "cacert")]
    insecure: bool,
}

impl TryArgs {
    fn tls(&self) -> ClientTls {
        let trust = match &self.cacert {
            _ if self.insecure => Trust::DangerouslyAnyone,
            Some(file) => Trust::File(file.clone()),
            None => Trust::System,
        };
        ClientTls { trust, ..ClientTls::default() }
    }
}

#[derive(Subcommand)]
enum TryService {
    /// Send messages and check that each comes back
    Echo(CountArgs),
    /// Send messages and check that each comes back with a number from 1 to 100
    Random(CountArgs),
    /// Have a text streamed there and back
    Stream(StreamArgs),
    /// Subscribe to letters and print their updates
    Letters(LettersArgs),
}

#[derive(Args)]
struct CountArgs {
    /// What to send
    #[arg(default_value = "hello")]
    text: String,
    /// How many messages to send
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    count: u64,
}

#[derive(Args)]
struct StreamArgs {
    /// What to send
    #[arg(default_value = "The quick brown fox jumped over the lazy dog o")]
    text: String,
}

#[derive(Args)]
struct LettersArgs {
    /// The letters to subscribe to
    #[arg(required = true, value_name = "LETTER", value_parser = letters::parse)]
    letters: Vec<char>,
    /// When to stop; until ctrl-c if not given
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
}

/// Runs the client for the named service. The exit code is 0 if every answer came and was right, else 1.
pub(crate) fn run(args: &TryArgs) -> anyhow::Result<ExitCode> {
    let path = match &args.service {
        TryService::Echo(_) => "/echo",
        TryService::Random(_) => "/random",
        TryService::Stream(_) => "/stream",
        TryService::Letters(_) => "/letters",
    };
    let mut connection = Connection::open(&args.url.clone().with_default_path(path), &args.tls(), args.timeout)?;
    let mut output = Output::new();
    let right = match &args.service {
        TryService::Echo(count) => {
            count::run(count::Rule::Same, &count.text, count.count, &mut connection, &mut output)
        }
        TryService::Random(count) => {
            count::run(count::Rule::Numbered, &count.text, count.count, &mut connection, &mut output)
        }
        TryService::Stream(stream) => stream::run(&stream.text, &mut connection, &mut output),
        TryService::Letters(letters) => letters::run(&letters.letters, letters.duration, &mut connection, &mut output),
    }?;
    output.flush()?;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
