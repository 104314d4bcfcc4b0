//! A running run as it is now: [`Snapshot`], plain figures that a view can draw. Taken by
//! [`RunHandle::snapshot`](crate::RunHandle::snapshot); costs less than a millisecond and stops nobody for longer.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    latency::{Heat, Latency},
    outcome::FanReport,
    plan::FaultKind,
};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Connections are being opened; nothing is sent yet.
    Opening,
    /// Messages are sent.
    Running,
    /// Nothing is sent any more; answers are waited for.
    Draining,
    /// Connections are being closed properly.
    Closing,
    /// Over: the outcome is there.
    Done,
}

/// A running run as it is now.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How far it is.
    pub phase: Phase,
    /// Sending is paused by hand.
    pub paused: bool,
    /// A graceful stop was asked for.
    pub stopping: bool,
    /// Since the run was started.
    pub elapsed: Duration,
    /// Since the first message; zero before it.
    pub sending: Duration,
    /// How much of what was asked for is done.
    pub progress: Progress,
    /// Messages and arrivals by class.
    pub account: Account,
    /// Connections by state.
    pub connections: Connections,
    /// The open loop's rate as it is asked for now, in messages per second.
    pub rate_asked: Option<f64>,
    /// Answered messages per second, over the last whole second; `None` before the first one is over.
    pub rate_now: Option<f64>,
    /// Answered messages per second, since the first message.
    pub rate_mean: f64,
    /// Messages under way.
    pub in_flight: u64,
    /// Times from intended sending to answer, of the last whole second.
    pub now: Heat,
    /// All times so far.
    pub latencies: Latencies,
    /// The last seconds, at most [`RECENT_MAX`]; the last one is not whole.
    pub recent: Vec<Second>,
    /// What happened and when; the last ones.
    pub marks: Vec<Mark>,
    /// What the generator itself suffers from.
    pub health: Health,
    /// Connections that failed or died, by what happened.
    pub errors: BTreeMap<String, u64>,
    /// Bytes on the wire, WebSocket framing included, TLS excluded.
    pub bytes: Bytes,
    /// Faults injected so far.
    pub faults: Vec<FaultAccount>,
    /// The fan-out so far, where there is one.
    pub fan_out: Option<FanReport>,
}

/// How much of what was asked for is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Messages that are to be sent, if that ends the run.
    pub messages: Option<u64>,
    /// How long to send, if that ends the run.
    #[serde(with = "crate::seconds::option")]
    pub duration: Option<Duration>,
    /// 0 to 1, by whichever of the two is further.
    pub share: f64,
    /// How long it will still take, at the present pace.
    #[serde(with = "crate::seconds::option")]
    pub left: Option<Duration>,
}

/// Connections by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// That are to be open now.
    pub wanted: u64,
    /// In TCP connect, TLS or handshake.
    pub opening: u64,
    /// Open now.
    pub open: u64,
    /// Opened in all, reconnects included.
    pub opened: u64,
    /// Could not be opened.
    pub failed: u64,
    /// Died before we closed them.
    pub lost: u64,
    /// Opened again after they had died.
    pub recovered: u64,
    /// Closed properly by us: Close sent, the peer's Close read.
    pub closed: u64,
    /// Cut off by us, when the run was ended at once by hand.
    #[serde(default)]
    pub cut: u64,
    /// Most that were open at once.
    pub open_max: u64,
}

/// The three times of a message, and those of opening a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// From when it was to be sent to its answer: what a user would have waited.
    pub intended: Latency,
    /// From when it was sent to its answer.
    pub service: Latency,
    /// From when it was to be sent to when it was sent: the generator's own lag.
    pub lag: Latency,
    /// From the first packet to an open connection, handshake included.
    pub open: Latency,
    /// TCP alone.
    pub connect: Latency,
    /// TLS and the WebSocket handshake.
    pub handshake: Latency,
    /// From the death of a connection to its being open again.
    pub recovery: Latency,
}

/// One stretch of the time line: a second, or more of them where the run is long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Messages sent.
    pub sent: u64,
    /// Answers, whatever their class.
    pub answered: u64,
    /// Messages and arrivals that are not ok.
    pub offending: u64,
    /// Connections that failed or died.
    pub errors: u64,
    /// Of these, connections that died: they had been open.
    #[serde(default)]
    pub lost: u64,
    /// Connections opened.
    pub opened: u64,
    /// Connections open at its end.
    pub open: u64,
    /// Messages under way at its end.
    pub in_flight: u64,
    /// The open loop's rate asked for, at its end.
    pub rate_asked: f64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// The workers' CPU time, as a share of one core each.
    pub cpu: f64,
    /// The longest time in which a worker looked at nothing.
    pub stall: f64,
    /// Times from intended sending to answer.
    pub heat: Heat,
    /// Times from intended to real sending (open loop).
    pub lag: Heat,
}

/// Something that happened at a moment of the run, for time lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// When, since the first message (negative before it), in seconds.
    pub at: f64,
    /// What kind of thing.
    pub kind: MarkKind,
    /// What, for a person: `slow-reader 3`, `rate 5000`, `412 connections lost`.
    pub text: String,
}

/// Kinds of [`Mark`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A fault was injected.
    Fault,
    /// Connections died.
    Lost,
    /// Connections are open again.
    Recovered,
    /// A person or the plan changed the load.
    Load,
}

/// What the generator itself suffers from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Each worker thread.
    pub workers: Vec<WorkerHealth>,
    /// 99 % of messages were sent at most this late (open loop); those that had to wait until a connection was open are not
    /// counted.
    #[serde(with = "crate::seconds")]
    pub send_lag_p99: Duration,
    /// The longest time in which any worker looked at nothing.
    #[serde(with = "crate::seconds")]
    pub stall_max: Duration,
    /// Most file descriptors that were open in one table.
    pub descriptors: u64,
    /// How many one may hold.
    pub descriptors_max: u64,
    /// Ports that connections take per local address, at most.
    pub ports: u64,
    /// How many the system gives per local address.
    pub ports_max: u64,
    /// Resident memory of the process, in bytes.
    pub memory_bytes: u64,
    /// Memory per simulated client, in bytes: growth since the start by open connections. 0 where it is not known: below 1,000
    /// connections, what a run costs at any size would be shared among too few.
    pub client_bytes: u64,
    /// Messages per CPU second of the workers, checked ones.
    pub messages_per_cpu_second: f64,
    /// Why the generator, not the server, was the limit; empty if it was not.
    pub saturated: Vec<Saturation>,
}

impl Health {
    /// Whether the generator itself was the limit.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        !self.saturated.is_empty()
    }
}

/// One worker thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerHealth {
    /// CPU time as a share of the time it ran: 1 is a full core.
    pub cpu: f64,
    /// Time in which it was ready and another thread had the core, as a share.
    pub waiting: f64,
    /// The longest time in which it looked at nothing.
    #[serde(with = "crate::seconds")]
    pub stall_max: Duration,
}

/// A reason why the generator, not the server, was the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// What.
    pub kind: SaturationKind,
    /// With figures, for a person, and what to do.
    pub text: String,
}

/// Kinds of [`Saturation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaturationKind {
    /// Messages went out later than intended.
    SendLag,
    /// The rate was not reached although the server kept up.
    Rate,
    /// The workers had no CPU time left.
    Cpu,
    /// The workers were ready to run and others had the cores.
    Crowded,
    /// A worker looked at nothing for too long.
    Stall,
    /// No file descriptors left.
    Descriptors,
    /// No local ports left.
    Ports,
}

/// Bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

/// One kind of fault: "37 injected, 37 detected, 0 unexplained".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultAccount {
    /// What was done.
    pub kind: FaultKind,
    /// How often it was to be done.
    pub planned: u64,
    /// How often it was done.
    pub injected: u64,
    /// How often its consequence was seen: the server ended the connection, or held it up.
    pub detected: u64,
    /// How often the server bore it until the run's end, as it may where nothing forbidden was sent.
    #[serde(default)]
    pub borne: u64,
    /// What was seen, by how often it was: `closed 1002: 36`.
    pub reactions: BTreeMap<String, u64>,
}

impl FaultAccount {
    /// Injected ones that the server should have reacted to, and did not.
    #[must_use]
    pub fn unnoticed(&self) -> u64 {
        self.injected.saturating_sub(self.detected + self.borne)
    }

    /// Planned ones that were not done: the run was over, or the server gave no connection for it.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.planned.saturating_sub(self.injected)
    }
}

/// Most stretches of time in [`Snapshot::recent`].
pub const RECENT_MAX: usize = 240;
