//! What the generator itself suffers from: read from `/proc`, and judged. Where there is no `/proc`, figures stay 0.

use std::{fs, time::Duration};

use crate::{
    plan::{CheckedPlan, Metric},
    report::words::{self, count},
    snapshot::{Health, Saturation, SaturationKind, WorkerHealth},
    worker::{NO_PORT, TOO_MANY_FILES},
};

/// A thread's CPU time and the time it waited for a core, both in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) cpu: u64,
    pub(crate) waiting: u64,
}

impl Spent {
    /// As counted so far.
    pub(crate) fn of_thread(thread: u32) -> Self {
        let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap_or_default();
        let mut fields = text.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0));
        Self { cpu: fields.next().unwrap_or(0), waiting: fields.next().unwrap_or(0) }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(before.cpu), waiting: self.waiting.saturating_sub(before.waiting) }
    }

    pub(crate) fn health(self, elapsed_nanos: u64, stall_max: Duration) -> WorkerHealth {
        let share = |nanos: u64| nanos as f64 / elapsed_nanos.max(1) as f64;
        WorkerHealth { cpu: share(self.cpu).min(1.0), waiting: share(self.waiting), stall_max }
    }
}

/// The calling thread's number.
pub(crate) fn this_thread() -> Option<u32> {
    let link = fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// Resident memory of this process, in bytes.
pub(crate) fn memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Open file descriptors of this process: slow where there are many.
pub(crate) fn descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// Local ports that the system gives to connections, per local address and server.
pub(crate) fn ports_max() -> u64 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_ascii_whitespace().filter_map(|end| end.parse::<u64>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if first <= last => last - first + 1,
        _ => 28_232,
    }
}

/// How far the open loop is behind its schedule, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Behind {
    /// In all.
    pub(crate) nanos: u64,
    /// Without what it waited for a connection.
    pub(crate) own_nanos: u64,
}

impl Behind {
    pub(crate) fn max(self, other: Self) -> Self {
        Self { nanos: self.nanos.max(other.nanos), own_nanos: self.own_nanos.max(other.own_nanos) }
    }
}

/// What the judgement of saturation rests on besides [`Health`]. Times in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strain {
    /// When sending ended.
    pub(crate) behind: Behind,
    /// For how long the server's full queues kept messages back.
    pub(crate) held: u64,
    /// For how long messages were due and no connection was open.
    pub(crate) unconnected: u64,
    /// How long was sent.
    pub(crate) sending: u64,
    pub(crate) no_descriptor: u64,
    pub(crate) no_port: u64,
}

impl Strain {
    /// Whether the asked rate was not reached.
    pub(crate) fn is_short(&self) -> bool {
        self.is_far(self.behind.nanos)
    }

    /// Whether it would not have been reached either if a connection had been open all the time.
    pub(crate) fn is_short_itself(&self) -> bool {
        self.is_far(self.behind.own_nanos)
    }

    fn is_far(&self, behind: u64) -> bool {
        behind > BEHIND_NANOS_MIN && behind > self.sending / 20
    }

    /// Whether it was the server that kept messages back.
    pub(crate) fn is_held(&self) -> bool {
        self.held > self.sending / 20
    }

    /// Counts the connections that failed by a limit of this machine.
    pub(crate) fn note_errors(&mut self, errors: &std::collections::BTreeMap<String, u64>) {
        self.no_descriptor = errors.get(TOO_MANY_FILES).copied().unwrap_or(0);
        self.no_port = errors.get(NO_PORT).copied().unwrap_or(0);
    }
}

/// Why the generator, not the server, was the limit; empty if it was not.
pub(crate) fn judge(health: &Health, strain: &Strain, plan: &CheckedPlan) -> Vec<Saturation> {
    let mut found = Vec::new();
    let mut add = |kind, text: String| found.push(Saturation { kind, text });
    let open_loop = plan.plan().rate.is_some();
    let lag_max = lag_max(plan);
    if open_loop && !strain.is_held() {
        if health.send_lag_p99 > lag_max {
            let (lag, most) = (words::time(health.send_lag_p99), words::time(lag_max));
            let text = format!("1 % of the messages went out {lag} late or more (limit {most})");
            add(SaturationKind::SendLag, text);
        }
        if strain.is_short_itself() {
            let behind = words::time(Duration::from_nanos(strain.behind.own_nanos));
            let text = format!("the asked rate was not reached: {behind} behind when sending ended");
            add(SaturationKind::Rate, text);
        }
    }
    for (number, worker) in (1..).zip(&health.workers) {
        if worker.cpu > CPU_MAX {
            let cpu = words::percent(worker.cpu);
            let text = format!("worker {number} used {cpu} of a core: add workers (-w) or machines");
            add(SaturationKind::Cpu, text);
        }
        // In an open loop a worker may wait, as long as its messages go out in time. One that waits most of the time has
        // luck with the scheduler at best: what it measures is its own waiting.
        let in_time = open_loop && health.send_lag_p99 <= lag_max / 2 && worker.waiting <= WAITING_IN_TIME_MAX;
        if worker.waiting > WAITING_MAX && !in_time {
            let waiting = words::percent(worker.waiting);
            let text = format!("worker {number} waited {waiting} of the time for a core that others had");
            add(SaturationKind::Crowded, text);
        }
        if worker.stall_max > STALL_MAX {
            let stall = words::time(worker.stall_max);
            add(SaturationKind::Stall, format!("worker {number} looked at nothing for {stall}"));
        }
    }
    if strain.no_descriptor > 0 {
        let most = count(health.descriptors_max);
        let text = format!("no file descriptor left: {most} may be open (raise the hard limit: ulimit -Hn)");
        add(SaturationKind::Descriptors, text);
    }
    if strain.no_port > 0 {
        let most = count(health.ports_max);
        let text = format!("no local port left: {most} per local address (use --source-ip)");
        add(SaturationKind::Ports, text);
    }
    found
}

/// How late messages may go out: 20 ms, or a quarter of the least latency that was asked for.
fn lag_max(plan: &CheckedPlan) -> Duration {
    let thresholds = plan.plan().thresholds.iter();
    let times = thresholds.filter(|one| matches!(one.metric, Metric::Latency(_) | Metric::Service(_) | Metric::Mean));
    let least = times.map(|one| one.bound / 4.0).fold(LAG_MAX.as_secs_f64(), f64::min);
    Duration::from_secs_f64(least.clamp(0.002, LAG_MAX.as_secs_f64()))
}

const BEHIND_NANOS_MIN: u64 = 100_000_000;
const LAG_MAX: Duration = Duration::from_millis(20);
/// Above this share of a core a worker has no time left.
const CPU_MAX: f64 = 0.95;
/// Above this share of its time a worker that waits for a core is crowded, unless its messages go out in time.
const WAITING_MAX: f64 = 0.3;
/// Above this share it is crowded whatever its messages do.
const WAITING_IN_TIME_MAX: f64 = 0.5;
const STALL_MAX: Duration = Duration::from_millis(500);

#[cfg(test)]
mod judging {
    use super::*;
    use crate::plan::Plan;

    /// What is found where one worker waited for this share of its time, and 1 % of messages went out this late.
    #[track_caller]
    fn check(expected: &[SaturationKind], rate: Option<f64>, waiting: f64, lag_millis: u64) {
        let plan = Plan { rate, ..Plan::default() }.check().expect("a valid plan");
        let health = Health {
            workers: vec![WorkerHealth { waiting, ..WorkerHealth::default() }],
            send_lag_p99: Duration::from_millis(lag_millis),
            ..Health::default()
        };
        let strain = Strain { sending: 1_000_000_000, ..Strain::default() };
        let found: Vec<_> = judge(&health, &strain, &plan).iter().map(|one| one.kind).collect();
        assert_eq!(found, expected, "waiting {waiting}, lag {lag_millis} ms");
    }

    #[test]
    fn who_waits_for_a_core_is_crowded() {
        check(&[], None, 0.2, 0);
        check(&[SaturationKind::Crowded], None, 0.4, 0);
    }

    #[test]
    fn in_an_open_loop_a_worker_may_wait_as_long_as_messages_go_out_in_time() {
        check(&[], Some(1000.0), 0.4, 8);
        check(&[SaturationKind::Crowded], Some(1000.0), 0.4, 12);
    }

    #[test]
    fn who_waits_most_of_the_time_is_crowded_whatever_the_messages_do() {
        check(&[SaturationKind::Crowded], Some(1000.0), 0.87, 8);
    }

    #[test]
    fn sentences_have_units_and_count_workers_from_1() {
        let plan = Plan { rate: Some(1000.0), ..Plan::default() }.check().expect("a valid plan");
        let worker = WorkerHealth { cpu: 0.99, waiting: 0.0, stall_max: Duration::from_millis(1500) };
        let lag = Duration::from_micros(2_514_000);
        let health = Health { workers: vec![worker], send_lag_p99: lag, descriptors_max: 20_000, ..Health::default() };
        let strain = Strain { sending: 1_000_000_000, no_descriptor: 1, ..Strain::default() };
        let said: Vec<_> = judge(&health, &strain, &plan).into_iter().map(|one| one.text).collect();
        assert_eq!(
            said,
            [
                "1 % of the messages went out 2.51 s late or more (limit 20.0 ms)",
                "worker 1 used 99 % of a core: add workers (-w) or machines",
                "worker 1 looked at nothing for 1.50 s",
                "no file descriptor left: 20,000 may be open (raise the hard limit: ulimit -Hn)",
            ]
        );
    }

    #[test]
    fn being_behind_for_want_of_a_connection_is_not_the_generators_doing() {
        let kinds = |own_nanos| {
            let plan = Plan { rate: Some(1000.0), ..Plan::default() }.check().expect("a valid plan");
            let behind = Behind { nanos: 500_000_000, own_nanos };
            let strain = Strain { behind, unconnected: 500_000_000, sending: 1_000_000_000, ..Strain::default() };
            judge(&Health::default(), &strain, &plan).iter().map(|one| one.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(0), []);
        assert_eq!(kinds(400_000_000), [SaturationKind::Rate]);
    }
}
