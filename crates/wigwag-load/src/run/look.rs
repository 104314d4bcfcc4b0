//! A look at a running run: the figures of all workers put together.

use std::{collections::BTreeMap, time::Duration};

use super::State;
use crate::{
    account::Account,
    control::lock,
    descriptors,
    health::{self, Strain},
    latency::Latency,
    snapshot::{Bytes, Connections, FaultAccount, Health, Latencies, Phase, Progress, Snapshot},
};

/// Figures of all workers together.
pub(super) struct Sums {
    pub(super) account: Account,
    pub(super) connections: Connections,
    pub(super) latencies: Latencies,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) unsent: u64,
    pub(super) held: u64,
    /// For how long no connection was open although messages were due, and how late those went out.
    pub(super) unconnected: u64,
    pub(super) unconnected_lags: Latency,
    pub(super) last_answer: u64,
    /// Most connections in a table of file descriptors that is one worker's own, and in the one that the others share.
    own_table: u64,
    shared_table: u64,
    pub(super) stalls: Vec<Duration>,
}

impl State {
    pub(super) fn sums(&self) -> Sums {
        let mut sums = Sums {
            account: Account::default(),
            connections: Connections::default(),
            latencies: Latencies::default(),
            errors: BTreeMap::new(),
            unsent: 0,
            held: 0,
            unconnected: 0,
            unconnected_lags: Latency::default(),
            last_answer: 0,
            own_table: 0,
            shared_table: 0,
            stalls: Vec::new(),
        };
        for core in &self.cores {
            // Copied under the lock, added up without it: the worker waits only for the copying.
            let (account, connections, latencies, errors) = {
                let mut core = lock(core);
                sums.unsent += core.unsent();
                sums.held = sums.held.max(core.held_nanos());
                sums.unconnected = sums.unconnected.max(core.absence.nanos);
                if !core.absence.lags.is_empty() {
                    sums.unconnected_lags.add(&core.absence.lags);
                }
                sums.stalls.push(core.stall_max);
                let most = core.connections.open_max.max(core.connections.open + core.connections.opening);
                match core.has_own_table {
                    true => sums.own_table = sums.own_table.max(most),
                    false => sums.shared_table += most,
                }
                sums.last_answer = sums.last_answer.max(core.ledger.tally.last_answer);
                let latencies = core.ledger.tally.latencies(self.job.rules.open_loop);
                (core.ledger.tally.account, core.connections, latencies, core.errors.clone())
            };
            sums.account += account;
            add(&mut sums.connections, &connections);
            sums.latencies.add(&latencies);
            errors.into_iter().for_each(|(what, count)| *sums.errors.entry(what).or_default() += count);
        }
        let control = &self.job.control;
        let sending = control.now().saturating_sub(control.started().unwrap_or(u64::MAX));
        sums.connections.wanted = self.job.crowd.wanted(sending).into();
        sums
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let control = &self.job.control;
        let now = control.now();
        let sums = self.sums();
        let running = self.running_second(false);
        let (health, strain) = self.health(&sums, now);
        let health = Health { saturated: health::judge(&health, &strain, &self.job.plan), ..health };
        let sending = control.started().map_or(0, |started| now.saturating_sub(started));
        let tempo = control.tempo();
        let watch = lock(&self.watch);
        let rate_mean = rate(sums.account.answers, sending);
        let bytes = self.bytes();
        Snapshot {
            phase: if lock(&self.outcome).is_some() { Phase::Done } else { control.phase() },
            paused: tempo.paused,
            stopping: control.is_stopping(),
            elapsed: Duration::from_nanos(now),
            sending: Duration::from_nanos(sending),
            progress: self.progress(&sums, sending, rate_mean),
            account: sums.account,
            connections: sums.connections,
            rate_asked: tempo.rate,
            rate_now: watch.line.has_whole_second().then_some(watch.line.last.answered as f64),
            rate_mean,
            in_flight: sums.account.outstanding,
            now: watch.line.last.heat.clone(),
            latencies: sums.latencies,
            recent: watch.line.recent(running),
            marks: control.marks(),
            health,
            errors: sums.errors,
            bytes: Bytes { received: bytes.0, sent: bytes.1 },
            faults: self.fault_accounts(),
            fan_out: self.job.rules.fan.as_ref().map(|fan| fan.report()),
        }
    }

    /// What the generator suffers from, not judged yet.
    pub(super) fn health(&self, sums: &Sums, now: u64) -> (Health, Strain) {
        let control = &self.job.control;
        let watch = lock(&self.watch);
        let (running, sending) = match (control.started(), watch.sent_for) {
            (None, _) => (0, 0),
            (Some(started), 0) => (now.saturating_sub(started), now.saturating_sub(started)),
            (Some(started), sent_for) => (now.saturating_sub(started), sent_for),
        };
        let spent = watch.spent_after.clone().unwrap_or_else(|| self.spent());
        let spent: Vec<_> = spent.iter().zip(&watch.spent_before).map(|(now, before)| now.since(*before)).collect();
        let cpu: u64 = spent.iter().map(|spent| spent.cpu).sum();
        let workers = spent.iter().zip(&sums.stalls).map(|(spent, stall)| spent.health(running, *stall)).collect();
        let most = sums.connections.open_max.max(1);
        let sources = self.job.sources.len().max(1) as u64;
        let servers = if self.job.are_servers { self.job.addresses.len() as u64 } else { 1 };
        let health = Health {
            workers,
            send_lag_p99: sums.latencies.lag.clone().without(&sums.unconnected_lags).quantile(0.99),
            stall_max: sums.stalls.iter().copied().max().unwrap_or_default(),
            descriptors: watch.descriptors_before + sums.own_table.max(sums.shared_table),
            descriptors_max: descriptors::max(),
            ports: most.div_ceil(sources * servers),
            ports_max: watch.ports_max,
            memory_bytes: health::memory_bytes(),
            client_bytes: match most {
                ..CLIENTS_TO_SHARE => 0,
                _ => watch.memory_most.saturating_sub(watch.memory_before) / most,
            },
            messages_per_cpu_second: rate(sums.account.answers, cpu),
            saturated: Vec::new(),
        };
        let mut strain = Strain {
            behind: watch.behind,
            held: sums.held,
            unconnected: sums.unconnected,
            sending,
            ..Strain::default()
        };
        strain.note_errors(&sums.errors);
        (health, strain)
    }

    pub(super) fn fault_accounts(&self) -> Vec<FaultAccount> {
        lock(&self.faults).accounts(&self.job.plan.plan().faults)
    }

    fn progress(&self, sums: &Sums, sending: u64, rate: f64) -> Progress {
        let plan = &self.job.plan;
        let asked = plan.plan();
        let messages = asked.messages.or(asked.per_connection.map(|each| each * u64::from(plan.connections_max)));
        let done = sums.account.settled();
        let by_messages = messages.map(|messages| done as f64 / messages.max(1) as f64);
        let by_time = plan.duration.map(|time| sending as f64 / crate::shape::nanos(time).max(1) as f64);
        let left_time = plan.duration.map(|time| time.saturating_sub(Duration::from_nanos(sending)));
        let left_messages = messages
            .filter(|_| rate > 0.0)
            .and_then(|messages| Duration::try_from_secs_f64(messages.saturating_sub(done) as f64 / rate).ok());
        Progress {
            messages,
            duration: plan.duration,
            share: by_messages.into_iter().chain(by_time).fold(0.0, f64::max).min(1.0),
            left: left_time.into_iter().chain(left_messages).min(),
        }
    }
}

/// Per second, of a count in so many nanoseconds.
pub(super) fn rate(count: u64, nanos: u64) -> f64 {
    if nanos == 0 { 0.0 } else { count as f64 * 1e9 / nanos as f64 }
}

fn add(sum: &mut Connections, other: &Connections) {
    sum.opening += other.opening;
    sum.open += other.open;
    sum.opened += other.opened;
    sum.failed += other.failed;
    sum.lost += other.lost;
    sum.recovered += other.recovered;
    sum.closed += other.closed;
    sum.cut += other.cut;
    // Workers need not be at their most at the same moment; they are, unless stages go down.
    sum.open_max += other.open_max;
}

/// Below this many connections, memory per client says more of the run than of its clients.
const CLIENTS_TO_SHARE: u64 = 1000;
