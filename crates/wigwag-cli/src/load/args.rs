//! The flags of `wigwag load`.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use wigwag_load::{
    CheckedPlan, Plan,
    plan::{Backoff, Expect, FanOut, Fault, RecorderHandle, Resolve, Sizes, Sources, Stage, Think, Threshold, number},
};
use wigwag_net::url::WsUrl;

use crate::client::parse_url;

use super::{
    payload,
    search::SearchArgs,
    target,
    view::{LoadCommand, ViewArgs},
};

/// A load, and against what.
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct LoadArgs {
    /// The server; without a scheme ws://, and wss:// for port 443
    #[arg(value_parser = parse_url, required = true)]
    url: Option<WsUrl>,
    #[command(subcommand)]
    pub(super) command: Option<LoadCommand>,

    /// Simulated clients, all open at once
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = count, help_heading = LOAD)]
    connections: u64,
    /// Messages in all
    #[arg(short = 'n', long, value_name = "N", value_parser = count, help_heading = LOAD)]
    messages: Option<u64>,
    /// Messages of each connection
    #[arg(long, value_name = "N", value_parser = count, help_heading = LOAD)]
    per_connection: Option<u64>,
    /// How long to send [default: 10s, where no number of messages is given]
    #[arg(short, long, visible_short_alias = 'z', value_name = "TIME", value_parser = time, help_heading = LOAD)]
    duration: Option<Duration>,
    /// Messages per second in all, sent whether answers come or not (open loop)
    #[arg(
        short, long, visible_short_alias = 'R', visible_alias = "qps", value_name = "N", value_parser = rate, help_heading = LOAD
    )]
    rate: Option<f64>,
    /// Connections opened per second [default: as fast as they are taken, 256 at once]
    #[arg(long, value_name = "N", value_parser = rate, help_heading = LOAD)]
    connect_rate: Option<f64>,
    /// Open the connections evenly over this time, each sending as soon as it is open
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = LOAD)]
    ramp: Option<Duration>,
    /// Within TIME, move evenly to N connections; several follow each other
    #[arg(long = "stage", value_name = "TIME:N", value_parser = stage, help_heading = LOAD)]
    stages: Vec<Stage>,
    /// Messages of a connection that wait for answers [default: 256 in all, at least 1 each]
    #[arg(long, value_name = "N", value_parser = count, help_heading = LOAD)]
    in_flight: Option<u64>,
    /// Pause between an answer and the next message, such as 100ms or 100ms..2s
    #[arg(long, value_name = "TIME[..TIME]", value_parser = think, help_heading = LOAD)]
    think: Option<Think>,
    /// What all that is random is drawn from; a report names it
    #[arg(long, value_name = "N", help_heading = LOAD)]
    seed: Option<u64>,

    /// Send this text; {connection}, {sequence}, {time}, {random} and {ledger} are filled in
    #[arg(short, long, value_name = "TEMPLATE", conflicts_with = "message_file", help_heading = PAYLOAD)]
    message: Option<String>,
    /// Send the lines of this file in turn, each as a template
    #[arg(short = 'f', long, value_name = "FILE", help_heading = PAYLOAD)]
    message_file: Option<PathBuf>,
    /// Bytes of a message, such as 64, 16KiB or 16..4KiB; at least 16 [default: 64]
    #[arg(long, value_name = "A[..B]", help_heading = PAYLOAD)]
    size: Option<Sizes>,
    /// Send binary messages
    #[arg(short, long, help_heading = PAYLOAD)]
    binary: bool,
    /// What a right answer is: auto (echo or suffix, as the first answer shows), echo, suffix (message, space, 1-100),
    /// json:PATH, match:REGEX, count:N, none
    #[arg(long, value_name = "RULE", default_value = "auto", help_heading = PAYLOAD)]
    expect: Expect,

    /// Say and expect to hear what this scenario says (TOML), instead of one message over and over
    #[arg(long, value_name = "FILE", help_heading = PAYLOAD)]
    script: Option<PathBuf>,

    /// TOPICS, and of each so many publishers and subscribers, as --script says how: each subscriber must get each publication
    /// once and in order. -r publications per second in all [default: 100]
    #[arg(long, value_name = "T:P:S", requires = "script", conflicts_with = "search", help_heading = PAYLOAD)]
    fan_out: Option<FanOut>,

    #[command(flatten)]
    target: target::TargetArgs,

    /// After this time an answer is late
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = time, help_heading = TIMES)]
    pub(super) timeout: Duration,
    /// How long answers are waited for after the last message [default: as --timeout]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = TIMES)]
    drain: Option<Duration>,

    /// Threads [default: one per core]
    #[arg(short, long, value_name = "N", value_parser = count, help_heading = RUN)]
    workers: Option<u64>,
    /// Open connections again that die, with back-off
    #[arg(long, help_heading = RUN)]
    reconnect: bool,
    /// Harm the server on connections of their own: slow-reader, half-open, cut-frame or malformed, with a number
    #[arg(long = "fault", value_name = "KIND[:N]", help_heading = RUN)]
    faults: Vec<Fault>,
    /// What else must hold, such as 'p99<50ms,lost==0,rate>10k'
    #[arg(long = "threshold", value_name = "LIST", value_parser = Threshold::parse_all, help_heading = RUN)]
    thresholds: Vec<Vec<Threshold>>,

    #[command(flatten)]
    pub(super) search: SearchArgs,

    #[command(flatten)]
    pub(super) view: ViewArgs,
    /// Stands for a rate in some tools and for silence in others, so for neither here.
    #[arg(short = 'q', hide = true)]
    ambiguous: bool,
}

impl LoadArgs {
    /// The server.
    pub(super) fn url(&self) -> anyhow::Result<&WsUrl> {
        self.url.as_ref().context("no URL")
    }

    /// The plan that was typed.
    ///
    /// # Errors
    /// What cannot be done, and what to write instead.
    pub(super) fn plan(&self, recorder: (Option<RecorderHandle>, bool)) -> anyhow::Result<CheckedPlan> {
        Ok(self.unchecked(recorder)?.check()?)
    }

    /// As [`Self::plan`], for who changes it before it is checked.
    pub(super) fn unchecked(&self, recorder: (Option<RecorderHandle>, bool)) -> anyhow::Result<Plan> {
        if self.ambiguous {
            bail!("-q: use -r for a rate or --quiet");
        }
        Ok(Plan {
            connections: self.connections.try_into().unwrap_or(u32::MAX),
            messages: self.messages,
            per_connection: self.per_connection,
            duration: self.duration,
            rate: self.rate,
            connect_rate: self.connect_rate,
            ramp: self.ramp,
            stages: self.stages.clone(),
            in_flight: self.in_flight.map(|count| count.try_into().unwrap_or(u32::MAX)),
            think: self.think,
            seed: self.seed,
            payload: payload::source(self.message.as_deref(), self.message_file.as_deref())?,
            message_file: self.message_file.as_ref().map(|path| path.display().to_string()),
            sizes: self.size,
            binary: self.binary,
            expect: self.expect.clone(),
            fan_out: self.fan_out,
            script: self.script.as_deref().map(payload::script).transpose()?,
            timeout: self.timeout,
            drain: self.drain,
            workers: self.workers.map(|count| count.try_into().unwrap_or(usize::MAX)),
            // All that is opened while a run goes on (a ledger, a terminal) belongs to other threads than the workers.
            own_tables: true,
            reconnect: self.reconnect.then(Backoff::default),
            faults: self.faults.clone(),
            thresholds: self.thresholds.concat(),
            recorder: recorder.0,
            record_all: recorder.1,
            ..self.target.plan(self.url()?)?
        })
    }
}

/// A whole number; `10k` is ten thousand.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let number = number(text).filter(|number| number.fract() == 0.0 && (1.0..=1e15).contains(number));
    number.map(|number| number as u64).ok_or_else(|| "use a whole number from 1 on, such as 100, 10k or 1m".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let number = number(text.trim_end_matches("/s")).filter(|rate| *rate > 0.0);
    number.ok_or_else(|| "use a number per second, such as 100, 0.5 or 50k".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "use a time such as 500ms, 30s or 5m".to_owned())
}

fn stage(text: &str) -> Result<Stage, String> {
    let wrong = || "use TIME:N, such as 30s:1000".to_owned();
    let (over, connections) = text.split_once(':').ok_or_else(wrong)?;
    let connections = number(connections).filter(|number| number.fract() == 0.0 && *number <= 1e9).ok_or_else(wrong)?;
    Ok(Stage { over: time(over)?, connections: connections as u32 })
}

fn think(text: &str) -> Result<Think, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    Ok(Think { least: time(least)?, most: time(most)? })
}

/// `HOST:PORT:ADDRESS`, as curl takes it.
pub(super) fn resolve(text: &str) -> Result<Resolve, String> {
    let wrong = || "use HOST:PORT:ADDRESS, such as example.org:443:127.0.0.1".to_owned();
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, address) = rest.split_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let address = address.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| wrong())?;
    Ok(Resolve { host: host.to_owned(), port, address: std::net::SocketAddr::new(address, port) })
}

/// An address, or a block of them.
pub(super) fn sources(text: &str) -> Result<Sources, String> {
    let wrong = || "use local addresses such as 127.0.0.2, or a block such as 127.0.1.0/24".to_owned();
    let (first, bits) = match text.split_once('/') {
        None => (text, None),
        Some((first, bits)) => (first, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
    };
    let first: std::net::IpAddr = first.parse().map_err(|_| wrong())?;
    let width = if first.is_ipv4() { 32 } else { 128 };
    let free = width - bits.unwrap_or(width).min(width);
    if free > 16 {
        return Err("a block has at most 65,536 addresses: use /16 (IPv4) or /112 (IPv6) or narrower".to_owned());
    }
    Ok(Sources { first, count: 1 << free })
}

const LOAD: &str = "Load";
const PAYLOAD: &str = "Messages";
pub(super) const CONNECTION: &str = "Connection";
const TIMES: &str = "Time-outs";
const RUN: &str = "Run";

const EXAMPLES: &str = "\
Examples:
  wigwag load ws://127.0.0.1:8765/random -c 10000 -n 10000    10,000 clients at once, a message each
  wigwag load ws://127.0.0.1:8765/random -c 1 -n 10000        10,000 messages over one connection
  wigwag load ws://127.0.0.1:8765/echo -c 100 -d 30s -r 50k   50,000 per second for 30 s
  wigwag load wss://example.org/chat --ramp 1m -c 5000 --think 1s..5s --threshold 'p99<200ms'
  wigwag load ws://127.0.0.1:8765/echo --search rate -c 100 --until 'p99<50ms && lost==0'
  wigwag load ws://127.0.0.1:8765/stream -c 100 --script examples/load/stream.toml
  wigwag load ws://127.0.0.1:9000 --script examples/load/broadcast.toml --fan-out 10:1:100 -d 30s
  wigwag load ws://127.0.0.1:9000 -m '{\"id\":\"{ledger}\"}' --expect json:id

Every message carries a number and a checksum, and every answer is checked: nothing is
taken for an answer that is not one. A search says the highest load that holds, and stops at
what descriptors and ports allow. Exit codes: 0 pass, 1 could not run, 2 wrong usage,
3 messages lost, altered, doubled, reordered, misrouted or late, 4 a threshold missed,
5 inconclusive because this machine was the limit, 130 interrupted.";
