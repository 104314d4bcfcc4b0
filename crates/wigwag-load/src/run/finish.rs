//! The end of a run: everything is settled, judged, and published.

use std::time::{Duration, SystemTime};

use super::{
    State,
    look::{Sums, rate},
};
use crate::{
    control::lock,
    environment, health,
    outcome::{FORMAT, Offender, Outcome, Timeline},
    plan::Expect,
    snapshot::{Bytes, Health, Phase},
    verdict::Evidence,
};

impl State {
    /// To be called when no connection is left.
    pub(super) fn finish(&self, interrupted: bool) {
        // All take what came on others' connections before any of them judges what is left.
        self.each(crate::worker::Core::finish_notes);
        self.each(crate::worker::Core::finish);
        self.roll_last();
        let outcome = self.outcome(interrupted);
        self.job.control.set_phase(Phase::Done);
        *lock(&self.outcome) = Some(outcome);
        self.done.notify_all();
    }

    fn outcome(&self, interrupted: bool) -> Outcome {
        let (job, control) = (&self.job, &self.job.control);
        let now = control.now();
        let sums = self.sums();
        let started = control.started();
        // Where nobody answers, what was sent is what was done.
        let silent = matches!(job.plan.plan().expect, Expect::Nothing);
        let sending = match started {
            _ if silent => lock(&self.watch).sent_for,
            started => started.map_or(0, |started| sums.last_answer.saturating_sub(started)),
        };
        let (health, strain) = self.health(&sums, now);
        let health = Health { saturated: health::judge(&health, &strain, &job.plan), ..health };
        let answered = rate(if silent { sums.account.ok } else { sums.account.answers }, sending);
        let faults = self.fault_accounts();
        let before_cut = lock(&self.watch).in_doubt_before_cut;
        let evidence = Evidence {
            plan: &job.plan,
            account: &sums.account,
            connections: &sums.connections,
            errors: &sums.errors,
            latencies: &sums.latencies,
            health: &health,
            strain: &strain,
            faults: &faults,
            unsent: sums.unsent,
            rate: answered,
            interrupted,
            cut: before_cut.map(|before| sums.account.in_doubt.saturating_sub(before)),
        };
        let judgement = evidence.judge();
        let line = lock(&self.watch).line.clone();
        let bytes = self.bytes();
        let unexplained = unexplained(&sums, silent);
        Outcome {
            format: FORMAT,
            judgement,
            offenders: self.offenders(started.unwrap_or(0)),
            account: sums.account,
            unsent: sums.unsent,
            latencies: sums.latencies,
            rate: answered,
            rate_asked: job.plan.plan().rate,
            bytes: Bytes { received: bytes.0, sent: bytes.1 },
            connections: sums.connections,
            errors: sums.errors,
            fan_out: job.rules.fan.as_ref().map(|fan| fan.report()),
            faults,
            unexplained,
            health,
            timeline: Timeline { marks: control.marks(), ..line.finish() },
            plan: job.plan.settings(),
            seed: job.plan.seed,
            expect: job.rules.found(),
            started_unix: self.began.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
            elapsed: Duration::from_nanos(now),
            sending: Duration::from_nanos(sending),
            environment: environment::here(),
        }
    }

    /// The first ones of all workers, in the order in which they were seen.
    fn offenders(&self, started: u64) -> Vec<Offender> {
        let mut all: Vec<Offender> =
            self.each(|core| core.ledger.tally.offenders.clone()).into_iter().flatten().collect();
        all.sort_by(|one, other| one.at.total_cmp(&other.at));
        all.truncate(self.job.rules.offenders_max);
        all.iter_mut().for_each(|one| one.at -= started as f64 / 1e9);
        all
    }
}

/// What happened to connections that no fault was injected into: faults have connections of their own.
/// Where no answer is expected, whatever comes is as it should be.
fn unexplained(sums: &Sums, silent: bool) -> u64 {
    let account = &sums.account;
    let surplus = if silent { 0 } else { account.duplicate + account.unsolicited };
    account.sent - account.ok.min(account.sent) + surplus + sums.connections.lost
}
