//! The check of a plan: what was asked for becomes what will be done, or an error that says what to write instead.

mod fan;

use std::{
    collections::BTreeMap,
    net::{IpAddr, UdpSocket},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Payload, Plan, Sizes, Sources, expect::Expect};
use crate::{
    descriptors,
    report::words::{self, count, counted},
};

/// A plan that can be run: nothing in it contradicts itself, and every default is chosen.
#[derive(Clone, Debug)]
pub struct CheckedPlan {
    pub(crate) plan: Plan,
    /// The seed that was asked for or drawn.
    pub seed: u64,
    /// Messages of one connection under way at most, in the closed loop.
    pub in_flight: u32,
    /// Threads.
    pub workers: usize,
    /// Sizes of the ledger's own payload.
    pub sizes: Sizes,
    /// How long answers are waited for after the last message.
    pub drain: Duration,
    /// How long to send, if that ends the run.
    pub duration: Option<Duration>,
    /// Most connections that are open at once.
    pub connections_max: u32,
    /// Each thread takes a table of file descriptors of its own: it was asked for, or one for the process would be too small.
    pub own_tables: bool,
}

impl CheckedPlan {
    /// What was asked for.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Every setting by its flag's name, defaults included: for reports. Secrets (headers' values) are left out.
    #[must_use]
    pub fn settings(&self) -> PlanEcho {
        settings(self)
    }
}

/// A plan's settings as text, by the flag's name without its hyphens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanEcho(pub BTreeMap<String, String>);

/// Why a plan cannot be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No client.
    #[error("a run needs at least one connection: use -c 1 or more")]
    NoConnection,
    /// Too many.
    #[error("{} are more than {}, the most that one run can have", counted(u64::from(*.0), "connection"), count(CONNECTIONS_MAX.into()))]
    Connections(u32),
    /// Nothing to send, or more than can be numbered.
    #[error("{} is no number of messages: use 1 to {} per connection", count(*.0), count(MESSAGES_MAX))]
    Messages(u64),
    /// No rate.
    #[error("{0} is no rate: use messages per second, such as 100 or 50k")]
    Rate(f64),
    /// A time that must not be zero.
    #[error("{0} must be longer than zero")]
    ZeroTime(&'static str),
    /// Two flags that exclude each other.
    #[error("{0} and {1} exclude each other: {2}")]
    Conflict(&'static str, &'static str, &'static str),
    /// A size that the ledger's payload does not fit into.
    #[error("--size {0} is too small: the ledger's payload needs {SIZE_MIN} bytes (or send -m TEMPLATE)")]
    SizeTooSmall(u32),
    /// A size above what is sent.
    #[error("--size {} is too large: messages have at most {} bytes", count(u64::from(*.0)), count(SIZE_MAX.into()))]
    SizeTooLarge(u32),
    /// An empty list.
    #[error("the message file has no line")]
    NoLine,
    /// A template without identity for an expectation that needs one.
    #[error("{0}")]
    Expectation(String),
    /// A fan-out that cannot be made.
    #[error("--fan-out: {0}")]
    FanOut(String),
    /// A range whose ends are the wrong way round.
    #[error("--think: the first time must not be longer than the second")]
    Think,
    /// `wss://` without TLS.
    #[error("a wss:// URL needs TLS, and none was given")]
    NoTls,
    /// Too many source addresses, of the wrong family, or not of this machine.
    #[error("{0}")]
    Source(String),
}

impl Plan {
    /// Checks the plan and chooses all defaults.
    ///
    /// # Errors
    /// The first thing that cannot be done, and what to write instead.
    pub fn check(self) -> Result<CheckedPlan, PlanError> {
        let this = fan::shaped(self)?;
        this.check_shaped()
    }

    fn check_shaped(self) -> Result<CheckedPlan, PlanError> {
        check_load(&self)?;
        check_times(&self)?;
        let sizes = check_payload(&self)?;
        if self.url.tls && self.tls.is_none() {
            return Err(PlanError::NoTls);
        }
        check_sources(&self)?;
        check_script(&self)?;
        let connections_max = self.stages.iter().map(|stage| stage.connections).fold(self.connections, u32::max);
        let endless = self.messages.is_none() && self.per_connection.is_none() && self.stages.is_empty();
        let endless = endless && (self.script.is_none() || self.fan_out.is_some());
        let staged: Duration = self.stages.iter().map(|stage| stage.over).sum();
        let duration = match self.duration {
            None if endless => Some(DURATION_DEFAULT),
            None if !self.stages.is_empty() && self.messages.is_none() && self.per_connection.is_none() => Some(staged),
            given => given,
        };
        let per_table = descriptors::room();
        let own_tables = self.own_tables || connections_max > per_table;
        let tables = connections_max.div_ceil(per_table.max(1)) as usize;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(CheckedPlan {
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..1 << 48)),
            in_flight: self.in_flight.unwrap_or(match self.think {
                None => (IN_FLIGHT_TOTAL / connections_max).max(1),
                // Who thinks waits for the answer first.
                Some(_) => 1,
            }),
            workers: self
                .workers
                .unwrap_or(cores.max(tables))
                .clamp(1, connections_max.max(1) as usize)
                .min(WORKERS_MAX),
            sizes,
            drain: self
                .drain
                .unwrap_or_else(|| self.script.as_ref().map_or(self.timeout, |script| script.longest(self.timeout))),
            duration,
            connections_max,
            own_tables,
            plan: self,
        })
    }
}

fn check_load(plan: &Plan) -> Result<(), PlanError> {
    let most = plan.stages.iter().map(|stage| stage.connections).fold(plan.connections, u32::max);
    match most {
        0 => return Err(PlanError::NoConnection),
        CONNECTIONS_MAX.. => return Err(PlanError::Connections(most)),
        _ => {}
    }
    let staged = plan.stages.iter().map(|stage| stage.connections).max();
    if staged.unwrap_or(plan.connections) == 0 {
        return Err(PlanError::NoConnection);
    }
    if plan.messages.is_some() && plan.per_connection.is_some() {
        return Err(PlanError::Conflict("-n", "--per-connection", "say how many in all or how many each"));
    }
    if plan.ramp.is_some() && !plan.stages.is_empty() {
        return Err(PlanError::Conflict("--ramp", "--stage", "a ramp is one stage"));
    }
    if plan.rate.is_some() && plan.think.is_some() {
        return Err(PlanError::Conflict("-r", "--think", "with a rate, messages do not wait for answers"));
    }
    if plan.rate.is_some() && plan.in_flight.is_some() {
        return Err(PlanError::Conflict("-r", "--in-flight", "with a rate, messages do not wait for answers"));
    }
    let each = plan.per_connection.or(plan.messages.map(|all| all.div_ceil(u64::from(most))));
    if let Some(each) = each.filter(|each| !(1..=MESSAGES_MAX).contains(each)) {
        return Err(PlanError::Messages(each));
    }
    for rate in [plan.rate, plan.connect_rate].into_iter().flatten() {
        if !(rate.is_finite() && rate > 0.0 && rate <= RATE_MAX) {
            return Err(PlanError::Rate(rate));
        }
    }
    if plan.in_flight == Some(0) {
        return Err(PlanError::Messages(0));
    }
    Ok(())
}

fn check_times(plan: &Plan) -> Result<(), PlanError> {
    let times = [("-d", plan.duration), ("-t", Some(plan.timeout)), ("--connect-timeout", Some(plan.connect_timeout))];
    for (name, time) in times {
        if time.is_some_and(|time| time.is_zero()) {
            return Err(PlanError::ZeroTime(name));
        }
    }
    if plan.think.is_some_and(|think| think.least > think.most) {
        return Err(PlanError::Think);
    }
    Ok(())
}

fn check_payload(plan: &Plan) -> Result<Sizes, PlanError> {
    let sizes = plan.sizes.unwrap_or(SIZES_DEFAULT);
    match &plan.payload {
        Payload::Ledger => {
            if sizes.least < SIZE_MIN {
                return Err(PlanError::SizeTooSmall(sizes.least));
            }
        }
        Payload::Template(_) | Payload::Lines(_) if plan.sizes.is_some() => {
            return Err(PlanError::Conflict("--size", "-m or -f", "a message of your own has its own size"));
        }
        Payload::Lines(lines) if lines.is_empty() => return Err(PlanError::NoLine),
        Payload::Template(_) | Payload::Lines(_) => {}
    }
    if sizes.most > SIZE_MAX {
        return Err(PlanError::SizeTooLarge(sizes.most));
    }
    if plan.binary && matches!(plan.expect, Expect::Json(_)) {
        return Err(PlanError::Conflict("-b", "--expect json:PATH", "JSON is text"));
    }
    Ok(sizes)
}

fn check_sources(plan: &Plan) -> Result<(), PlanError> {
    let count: u64 = plan.sources.iter().map(|sources| u64::from(sources.count)).sum();
    if count > u64::from(SOURCES_MAX) {
        return Err(PlanError::Source(format!(
            "--source-ip: {} addresses are more than {}",
            words::count(count),
            words::count(SOURCES_MAX.into())
        )));
    }
    let given = plan.resolve.iter().find(|one| one.host.eq_ignore_ascii_case(&plan.url.host));
    let server = given.map(|one| one.address.ip()).or_else(|| plan.url.host.parse().ok());
    for source in plan.sources.iter().flat_map(Sources::addresses) {
        if server.is_some_and(|server| server.is_ipv4() != source.is_ipv4()) {
            return Err(PlanError::Source(other_family(source)));
        }
        // An address is ours if something can be bound to it; what that is does not matter.
        UdpSocket::bind((source, 0)).map_err(|error| {
            PlanError::Source(format!("--source-ip {source}: this machine cannot connect from that address ({error})"))
        })?;
    }
    Ok(())
}

/// Why nothing can be reached from there.
pub(crate) fn other_family(source: IpAddr) -> String {
    let (own, other) = if source.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
    format!("--source-ip {source}: the server is reached by {other}, and this is an {own} address")
}

/// A script decides what is sent and when.
fn check_script(plan: &Plan) -> Result<(), PlanError> {
    let Some(script) = plan.script.as_deref().filter(|_| plan.fan_out.is_none()) else { return Ok(()) };
    const STEPS: &str = "the script's steps say what is sent, and what is expected";
    const PACE: &str = "the script's steps say when something is sent (wait)";
    const TIMES: &str = "the script says how often (repeat)";
    let conflicts = [
        (plan.messages.is_some(), "-n", TIMES),
        (plan.per_connection.is_some(), "--per-connection", TIMES),
        (plan.rate.is_some(), "-r", PACE),
        (plan.think.is_some(), "--think", PACE),
        (plan.in_flight.is_some(), "--in-flight", PACE),
        (!matches!(plan.payload, Payload::Ledger), "-m or -f", STEPS),
        (plan.sizes.is_some(), "--size", STEPS),
        (plan.binary, "-b", STEPS),
        (!matches!(plan.expect, Expect::Auto), "--expect", STEPS),
    ];
    if let Some((_, flag, why)) = conflicts.into_iter().find(|(is_there, ..)| *is_there) {
        return Err(PlanError::Conflict("--script", flag, why));
    }
    let answers: u64 = script.steps.iter().map(|step| step.answers()).sum();
    let passes = script.repeat.unwrap_or(1);
    match passes.saturating_mul(answers.max(1)) {
        all @ (MESSAGES_MAX..) => Err(PlanError::Messages(all)),
        _ => Ok(()),
    }
}

fn settings(checked: &CheckedPlan) -> PlanEcho {
    let plan = &checked.plan;
    let time = |time: Duration| humantime::format_duration(time).to_string();
    let mut echo = BTreeMap::new();
    let mut put = |name: &str, value: String| {
        echo.insert(name.to_owned(), value);
    };
    put("url", plan.url.to_string());
    put("connections", plan.connections.to_string());
    put("seed", checked.seed.to_string());
    put("workers", checked.workers.to_string());
    put("expect", plan.expect.to_string());
    put("timeout", time(plan.timeout));
    put("connect-timeout", time(plan.connect_timeout));
    put("drain", time(checked.drain));
    put("binary", plan.binary.to_string());
    put("compress", plan.compress.to_string());
    match &plan.payload {
        Payload::Ledger => put("size", checked.sizes.to_string()),
        Payload::Template(template) => put("message", template.to_string()),
        Payload::Lines(lines) => {
            let lines = || format!("{} lines", lines.len());
            put("message-file", plan.message_file.clone().unwrap_or_else(lines));
        }
    }
    match plan.rate {
        Some(rate) => put("rate", rate.to_string()),
        None => put("in-flight", checked.in_flight.to_string()),
    }
    let optional = [
        ("fan-out", plan.fan_out.map(|fan_out| fan_out.to_string())),
        ("script", plan.script.as_ref().map(|script| script.name.clone())),
        ("messages", plan.messages.map(|count| count.to_string())),
        ("per-connection", plan.per_connection.map(|count| count.to_string())),
        ("duration", checked.duration.map(time)),
        ("connect-rate", plan.connect_rate.map(|rate| rate.to_string())),
        ("ramp", plan.ramp.map(time)),
        ("think", plan.think.map(|think| format!("{}..{}", time(think.least), time(think.most)))),
        ("origin", plan.origin.clone()),
        ("insecure", plan.tls_names.insecure.then(|| "true".to_owned())),
        ("cacert", plan.tls_names.cacert.clone()),
        ("cert", plan.tls_names.cert.clone()),
        ("key", plan.tls_names.key.clone()),
        ("resolve", (!plan.resolve.is_empty()).then(|| join(&plan.resolve))),
        ("source-ip", (!plan.sources.is_empty()).then(|| join(&plan.sources))),
        ("reconnect", plan.reconnect.map(|_| "true".to_owned())),
        ("subprotocol", (!plan.protocols.is_empty()).then(|| plan.protocols.join(","))),
        ("header", (!plan.headers.is_empty()).then(|| names(&plan.headers))),
        ("fault", (!plan.faults.is_empty()).then(|| join(&plan.faults))),
        ("threshold", (!plan.thresholds.is_empty()).then(|| join(&plan.thresholds))),
        ("stage", (!plan.stages.is_empty()).then(|| stages(plan))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            put(name, value);
        }
    }
    PlanEcho(echo)
}

fn names(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",")
}

fn join<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

fn stages(plan: &Plan) -> String {
    let stage = |stage: &super::Stage| format!("{}:{}", humantime::format_duration(stage.over), stage.connections);
    plan.stages.iter().map(stage).collect::<Vec<_>>().join(",")
}

/// The ledger's payload needs this many bytes.
pub const SIZE_MIN: u32 = 16;
/// Above this a message is a file transfer.
const SIZE_MAX: u32 = 16 << 20;
const SIZES_DEFAULT: Sizes = Sizes::exactly(64);
/// Per connection: days at any rate, and with all connections still a number that 64 bits hold.
pub(crate) const MESSAGES_MAX: u64 = 1_000_000_000_000;
/// Connections' numbers have four characters in the payload.
const CONNECTIONS_MAX: u32 = 1_000_000;
const RATE_MAX: f64 = 1e8;
/// Messages under way in all, unless asked otherwise: enough to keep a server busy over one connection, and one each over many.
const IN_FLIGHT_TOTAL: u32 = 256;
const DURATION_DEFAULT: Duration = Duration::from_secs(10);
/// Most threads of a run.
pub(crate) const WORKERS_MAX: usize = 256;
const SOURCES_MAX: u32 = 65_536;
