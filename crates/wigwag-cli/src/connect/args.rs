//! What can be typed after `wigwag connect`, and whether it makes sense together.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use regex::bytes::Regex;
use wigwag_net::url::WsUrl;

use super::commands::{self, Typed};
use crate::client::{ClientArgs, parse_url};

/// Where to connect to, and what to do there.
#[derive(Args)]
pub(crate) struct ConnectArgs {
    /// Where to; without a scheme ws://, and wss:// for port 443
    #[arg(value_name = "URL", value_parser = parse_url)]
    pub(super) url: WsUrl,
    #[command(flatten)]
    pub(super) client: ClientArgs,
    /// Send LINE, or carry out a slash command, instead of reading the input; repeatable, waits for the answers
    #[arg(short = 'x', long, value_name = "LINE", value_parser = parse_line, allow_hyphen_values = true, help_heading = "What to send")]
    pub(super) execute: Vec<String>,
    /// Send what a record (--record) has as sent, at its pace, instead of reading the input
    #[arg(long, value_name = "FILE", help_heading = "What to send")]
    pub(super) replay: Option<PathBuf>,
    /// Send lines as binary messages
    #[arg(short = 'b', long, help_heading = "What to send")]
    pub(super) binary: bool,
    /// At the end of the input, how long to wait for the next missing answer; with --until and --replies any, in all
    #[arg(short = 'w', long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration, help_heading = "When to stop")]
    pub(super) wait: Duration,
    /// Stop when N messages have arrived, and expect no other number; 0 waits for none, any for all of --wait
    #[arg(
        long,
        value_name = "N",
        default_value = "one per message",
        hide_default_value = true,
        help_heading = "When to stop"
    )]
    pub(super) replies: Replies,
    /// Stop when a message matches this regular expression
    #[arg(long, value_name = "REGEX", help_heading = "When to stop")]
    pub(super) until: Option<Regex>,
    /// Open the connection again when it is lost, and until it can be opened, with growing pauses
    #[arg(long, help_heading = "When to stop")]
    pub(super) reconnect: bool,
    /// Show messages as a hex dump
    #[arg(long, help_heading = "What to show")]
    pub(super) hex: bool,
    /// Show JSON indented
    #[arg(long, help_heading = "What to show")]
    pub(super) json_pretty: bool,
    /// Show when each message arrived (UTC)
    #[arg(long, help_heading = "What to show")]
    pub(super) timestamps: bool,
    /// Show how long each answer took; an arrival counts as the answer to the oldest message without one
    #[arg(long, help_heading = "What to show")]
    pub(super) rtt: bool,
    /// Send a Ping this often; /stats shows how long the Pongs take, and --rtt each
    #[arg(long, value_name = "TIME", value_parser = parse_interval, help_heading = "What to show")]
    pub(super) ping_interval: Option<Duration>,
    /// Write the conversation to a file, one JSON object a line
    #[arg(long, value_name = "FILE", help_heading = "What to show")]
    pub(super) record: Option<PathBuf>,
}

/// How many messages are to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replies {
    OnePerMessage,
    Count(u64),
    /// Whatever comes in time.
    Any,
}

impl FromStr for Replies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "one per message" => Ok(Self::OnePerMessage),
            "any" => Ok(Self::Any),
            number => number.parse().map(Self::Count).map_err(|_| "expected a number, or any".to_owned()),
        }
    }
}

/// A line of `--execute`: wrong commands are wrong usage.
fn parse_line(line: &str) -> Result<String, String> {
    match commands::parse(line) {
        Typed::Wrong(why) => Err(why),
        _ => Ok(line.to_owned()),
    }
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if interval < INTERVAL_MIN { Err(format!("at least {INTERVAL_MIN:?}")) } else { Ok(interval) }
}

const INTERVAL_MIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ConnectArgs,
    }

    fn parse(line: &str) -> Result<ConnectArgs, String> {
        let words = std::iter::once("connect").chain(line.split(' '));
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_one_answer_per_message_within_ten_seconds() {
        let args = parse("localhost:8765/random").expect("it is enough");
        assert_eq!((args.replies, args.wait), (Replies::OnePerMessage, Duration::from_secs(10)));
    }

    #[test]
    fn lines_to_execute_are_read_as_if_typed() {
        let args = parse("a -x hello -x /ping -x //x -x -1").expect("they are right");
        assert_eq!(args.execute.len(), 4);
        assert_eq!(args.execute[2..], ["//x", "-1"]);
    }

    #[test]
    fn wrong_usage_says_what_is_right() {
        for (line, expected) in [
            ("", "is no URL"),
            ("a -x /pnig", "is /ping meant?"),
            ("a --replies some", "expected a number, or any"),
            ("a --until (", "regex"),
            ("a --auth me", "USER:PASSWORD"),
            ("a --auth a:b --bearer c", "cannot be used with"),
            ("a --cert a.pem", "--key"),
            ("a --ping-interval 1ms", "at least 10ms"),
            ("a -k --cacert a.pem", "cannot be used with"),
        ] {
            let error = parse(line).err().unwrap_or_default();
            assert!(error.contains(expected) || line.is_empty(), "{line}: {error}");
        }
    }
}
