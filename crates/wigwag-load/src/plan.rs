//! What a person asks for: [`Plan`], a plain struct with defaults, and [`Plan::check`], which makes a [`CheckedPlan`] of it
//! or says what to write instead.

mod check;
mod expect;
mod fan;
mod fault;
mod payload;
pub mod script;
mod threshold;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use wigwag_net::url::WsUrl;

pub use self::{check::SIZE_MIN, threshold::number};
pub use self::{
    check::{CheckedPlan, PlanEcho, PlanError},
    expect::{Expect, ExpectError, JsonPath},
    fan::{Broadcast, Delivery, FanOut, TopicMessage},
    fault::{Fault, FaultError, FaultKind},
    payload::{Payload, PayloadError, Sizes, Template},
    script::{Matcher, Script, ScriptError},
    threshold::{Metric, Relation, Threshold, ThresholdError},
};
pub(crate) use self::{
    check::{WORKERS_MAX, other_family},
    fan::{Role, Told},
    payload::Part,
};
use crate::account::Class;

/// Everything that can be asked of a run. `Plan { connections: 100, ..Plan::to(url) }`.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to. Default: `ws://127.0.0.1:8765/random`.
    pub url: WsUrl,
    /// `-c`: simulated clients. Default: 10.
    pub connections: u32,
    /// `-n`: messages in all.
    pub messages: Option<u64>,
    /// `--per-connection`: messages of each connection.
    pub per_connection: Option<u64>,
    /// `-d`: how long to send. Without this and without a number of messages: 10 s.
    pub duration: Option<Duration>,
    /// `-r`: messages per second in all (open loop). Without: each answer makes room for the next message (closed loop).
    pub rate: Option<f64>,
    /// `--connect-rate`: connections opened per second. Without: as fast as the server takes them, 256 at once.
    pub connect_rate: Option<f64>,
    /// `--ramp`: connections open evenly over this time, and each sends as soon as it is open. Without a ramp or stages,
    /// all are open before the first message is sent.
    pub ramp: Option<Duration>,
    /// `--stage`: the number of connections moves evenly to each stage's number within its time, one after the other.
    pub stages: Vec<Stage>,
    /// `--in-flight`: messages of one connection that wait for their answers. Default: 256 in all, at least 1 each.
    pub in_flight: Option<u32>,
    /// `--think`: pause between an answer and the next message, drawn evenly from this range.
    pub think: Option<Think>,
    /// `--seed`: what all that is random is drawn from. Default: a random one, which the outcome names.
    pub seed: Option<u64>,
    /// `-m`, `-f`: what to send.
    pub payload: Payload,
    /// `-f`: the file's name, for reports.
    pub message_file: Option<String>,
    /// `--size`: bytes of a message, drawn evenly from this range. Default: 64.
    pub sizes: Option<Sizes>,
    /// `-b`: binary messages.
    pub binary: bool,
    /// `--expect`: what a right answer is.
    pub expect: Expect,
    /// `--script`: what each connection says and expects to hear, instead of the same message over and over.
    pub script: Option<Arc<Script>>,
    /// `--fan-out`: publishers and subscribers, as the script says how. `connections` follows from it.
    pub fan_out: Option<FanOut>,
    /// `-H`: further request headers. `--auth` and `--bearer` are such headers too.
    pub headers: Vec<(String, String)>,
    /// `-s`: subprotocols, most wanted first.
    pub protocols: Vec<String>,
    /// `-o`: the `Origin`.
    pub origin: Option<String>,
    /// `--compress`: offer permessage-deflate.
    pub compress: bool,
    /// For `wss://`: how the server is verified.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// `--insecure`, `--cacert`, `--cert`, `--key`: how `tls` was asked for, for reports.
    pub tls_names: TlsNames,
    /// `--source-ip`: local addresses, used in turn.
    pub sources: Vec<Sources>,
    /// `--resolve HOST:PORT:ADDRESS`: where to connect instead of asking the resolver; several are used in turn.
    pub resolve: Vec<Resolve>,
    /// `-t`: after this time an answer is late, and the message's place in the window is free. Default: 10 s.
    pub timeout: Duration,
    /// `--connect-timeout`: TCP, TLS and handshake together. Default: 10 s.
    pub connect_timeout: Duration,
    /// `--drain`: how long answers are waited for after the last message. Default: as `timeout`.
    pub drain: Option<Duration>,
    /// `-w`: threads. Default: one per core, and no more than one per connection.
    pub workers: Option<usize>,
    /// Each worker gets a table of file descriptors of its own, also where one would be large enough (Linux): the kernel then need
    /// not count who uses a file at each system call, and a message costs a few per cent less CPU. For programs that do nothing
    /// else meanwhile: what was open before stays open in the workers' tables until the run ends, whoever closes it, and what is
    /// opened later is not open for what workers call (a recorder, a subscriber of logs). Default: only where one table is too small.
    pub own_tables: bool,
    /// `--reconnect`: connections that die are opened again, with back-off.
    pub reconnect: Option<Backoff>,
    /// `--fault`: what to do to the server besides.
    pub faults: Vec<Fault>,
    /// `--threshold`: what else must hold.
    pub thresholds: Vec<Threshold>,
    /// How many offending messages are kept with their difference. Default: 20.
    pub offenders_max: usize,
    /// Hears of each message that is not ok, or of all.
    pub recorder: Option<RecorderHandle>,
    /// The recorder hears of messages that are ok too.
    pub record_all: bool,
}

impl Plan {
    /// A plan with all defaults.
    #[must_use]
    pub fn to(url: WsUrl) -> Self {
        Self { url, ..Self::default() }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            url: "ws://127.0.0.1:8765/random".parse().expect("a valid URL"),
            connections: 10,
            messages: None,
            per_connection: None,
            duration: None,
            rate: None,
            connect_rate: None,
            ramp: None,
            stages: Vec::new(),
            in_flight: None,
            think: None,
            seed: None,
            payload: Payload::Ledger,
            message_file: None,
            sizes: None,
            binary: false,
            expect: Expect::Auto,
            script: None,
            fan_out: None,
            headers: Vec::new(),
            protocols: Vec::new(),
            origin: None,
            compress: false,
            tls: None,
            tls_names: TlsNames::default(),
            sources: Vec::new(),
            resolve: Vec::new(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            drain: None,
            workers: None,
            own_tables: false,
            reconnect: None,
            faults: Vec::new(),
            thresholds: Vec::new(),
            offenders_max: 20,
            recorder: None,
            record_all: false,
        }
    }
}

/// How TLS was asked for: names of files, and nothing of what is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsNames {
    /// Any certificate is trusted.
    pub insecure: bool,
    /// Certificates to trust.
    pub cacert: Option<String>,
    /// The certificate to show.
    pub cert: Option<String>,
    /// Its private key.
    pub key: Option<String>,
}

/// A part of a run: move to this number of connections within this time (`30s:1000`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// How long the move takes.
    #[serde(with = "crate::seconds")]
    pub over: Duration,
    /// Connections at its end.
    pub connections: u32,
}

/// A range of pauses, both ends included (`100ms..2s`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Think {
    /// The least.
    #[serde(with = "crate::seconds")]
    pub least: Duration,
    /// The most.
    #[serde(with = "crate::seconds")]
    pub most: Duration,
}

/// Local addresses to connect from: one, or a block (`127.0.0.0/24`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The address, or the block's first.
    pub first: IpAddr,
    /// How many there are, in order.
    pub count: u32,
}

/// Where a host and port really are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// As in the URL.
    pub host: String,
    /// As in the URL.
    pub port: u16,
    /// Where to connect.
    pub address: SocketAddr,
}

impl Sources {
    /// All of them, in order.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let first = self.first;
        (0..self.count).map(move |number| match first {
            IpAddr::V4(ip) => IpAddr::V4(u32::from(ip).wrapping_add(number).into()),
            IpAddr::V6(ip) => IpAddr::V6(u128::from(ip).wrapping_add(number.into()).into()),
        })
    }
}

impl fmt::Display for Sources {
    /// As `--source-ip` takes it: an address, or a block whose size is a power of two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = if self.first.is_ipv4() { 32 } else { 128 };
        match self.count {
            0 | 1 => write!(f, "{}", self.first),
            count => write!(f, "{}/{}", self.first, width - count.ilog2()),
        }
    }
}

impl fmt::Display for Resolve {
    /// As `--resolve` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.port, self.address.ip())
    }
}

/// Pauses between attempts to open a connection again: doubled each time, with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The first pause. Default: 100 ms.
    #[serde(with = "crate::seconds")]
    pub first: Duration,
    /// The longest pause. Default: 5 s.
    #[serde(with = "crate::seconds")]
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), most: Duration::from_secs(5) }
    }
}

/// One message of the ledger, or an arrival that answers none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The connection that it was sent on; for an arrival that answers none, the one that it came on.
    pub connection: u32,
    /// Its number on that connection, from 0; `None` where an arrival names none.
    pub sequence: Option<u64>,
    /// What became of it.
    pub class: Class,
    /// When it was to be sent, in nanoseconds since the start.
    pub intended_nanos: Option<u64>,
    /// When it was sent.
    pub sent_nanos: Option<u64>,
    /// When it was answered.
    pub answered_nanos: Option<u64>,
}

/// Hears of messages as they are settled; see [`Plan::recorder`]. Called by the workers: must not block for long.
pub trait Recorder: Send + Sync {
    /// Some messages, in the order in which one worker settled them.
    fn record(&self, records: &[Record]);
}

/// A shared [`Recorder`].
#[derive(Clone)]
pub struct RecorderHandle(pub Arc<dyn Recorder>);

impl fmt::Debug for RecorderHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecorderHandle")
    }
}
