//! The judgement of a finished run, and its exit code. The first that applies, in this order: interrupted (130), could not
//! run (1), integrity violated (3), inconclusive (5), threshold missed (4), pass (0).

use std::{collections::BTreeMap, time::Duration};

use crate::{
    account::{Account, Class},
    health::Strain,
    outcome::{JudgedThreshold, Judgement, Verdict},
    plan::{CheckedPlan, Expect, Metric},
    report::words,
    snapshot::{Connections, FaultAccount, Health, Latencies, SaturationKind},
};

/// What is judged.
pub(crate) struct Evidence<'a> {
    pub(crate) plan: &'a CheckedPlan,
    pub(crate) account: &'a Account,
    pub(crate) connections: &'a Connections,
    pub(crate) errors: &'a BTreeMap<String, u64>,
    pub(crate) latencies: &'a Latencies,
    pub(crate) health: &'a Health,
    pub(crate) strain: &'a Strain,
    pub(crate) faults: &'a [FaultAccount],
    pub(crate) unsent: u64,
    pub(crate) rate: f64,
    pub(crate) interrupted: bool,
}

/// What is wrong, by what it means.
#[derive(Default)]
struct Findings {
    /// Nothing that the generator suffers from explains these.
    standing: Vec<String>,
    /// The generator's own limits may have caused these.
    explained: Vec<String>,
}

impl Evidence<'_> {
    pub(crate) fn judge(&self) -> Judgement {
        let thresholds = self.thresholds();
        let missed: Vec<String> = thresholds.iter().filter(|one| !one.held).map(missed).collect();
        let broken = !self.account.balances() || self.account.outstanding > 0;
        let found = self.findings();
        let judgement = |verdict, exit_code, reasons| Judgement {
            verdict,
            exit_code,
            reasons,
            thresholds: thresholds.clone(),
            broken,
            interrupted: self.interrupted,
        };
        if self.interrupted {
            let verdict = if found.standing.is_empty() { Verdict::Inconclusive } else { Verdict::Fail };
            let mut reasons = vec![format!("interrupted after {} messages", self.account.sent)];
            reasons.extend(found.standing);
            return judgement(verdict, EXIT_INTERRUPTED, reasons);
        }
        if broken {
            return judgement(Verdict::Inconclusive, EXIT_NOT_RUN, vec![BROKEN.to_owned()]);
        }
        if self.connections.opened == 0 {
            let reasons = vec![format!("no connection could be opened{}", self.most_frequent_error())];
            return judgement(Verdict::Inconclusive, EXIT_NOT_RUN, reasons);
        }
        if !found.standing.is_empty() {
            let reasons = found.standing.into_iter().chain(found.explained).collect();
            return judgement(Verdict::Fail, EXIT_INTEGRITY, reasons);
        }
        if self.health.is_saturated() && (self.depends_on_generator() || !found.explained.is_empty()) {
            let saturated = self.health.saturated.iter().map(|one| one.text.clone());
            let reasons = saturated.chain(found.explained).chain(missed).collect();
            return judgement(Verdict::Inconclusive, EXIT_SATURATED, reasons);
        }
        let failed: Vec<String> = self.shortfall().into_iter().chain(missed).collect();
        if !failed.is_empty() {
            return judgement(Verdict::Fail, EXIT_THRESHOLD, failed);
        }
        judgement(Verdict::Pass, 0, vec![self.praise()])
    }

    fn findings(&self) -> Findings {
        let mut found = Findings::default();
        let plan = self.plan.plan();
        let count = |class: Class| self.account[class];
        let messages = |count: u64, what: &str| match count {
            1 => format!("1 message {}", what.replacen("were ", "was ", 1)),
            count => format!("{count} messages {what}"),
        };
        for (class, what) in [
            (Class::Altered, "were answered with something else"),
            (Class::Misrouted, "were answered on another connection"),
            (Class::Lost, "were lost"),
            (Class::Reordered, "were answered out of order"),
        ] {
            if count(class) > 0 {
                found.standing.push(messages(count(class), what));
            }
        }
        if count(Class::Duplicate) > 0 {
            found.standing.push(messages(count(Class::Duplicate), "came for a second time"));
        }
        if count(Class::Unsolicited) > 0 && !matches!(plan.expect, Expect::Nothing) {
            found.standing.push(messages(count(Class::Unsolicited), "came that answer nothing"));
        }
        if count(Class::Late) > 0 {
            let text = messages(count(Class::Late), "were answered after the time-out");
            if self.is_slow() { found.explained.push(text) } else { found.standing.push(text) }
        }
        for fault in self.faults.iter().filter(|fault| fault.detected < fault.injected) {
            let (unseen, all, kind) = (fault.injected - fault.detected, fault.injected, fault.kind.name());
            found.standing.push(format!("{unseen} of {all} faults ({kind}) were not noticed by the server"));
        }
        if plan.reconnect.is_none() {
            self.find_dead(&mut found);
        }
        if self.unsent > 0 && found.standing.is_empty() && found.explained.is_empty() {
            let text = messages(self.unsent, "were never sent");
            if self.is_out_of_sockets() { found.explained.push(text) } else { found.standing.push(text) }
        }
        found
    }

    /// Connections that died or never opened, where they are not to be opened again.
    fn find_dead(&self, found: &mut Findings) {
        let Connections { lost, failed, .. } = *self.connections;
        if self.account.in_doubt > 0 {
            found.standing.push(format!("{} messages are in doubt: their connection died", self.account.in_doubt));
        }
        if lost > 0 {
            found.standing.push(format!("{lost} connections died{}", self.most_frequent_error()));
        }
        if failed > 0 {
            let text = format!("{failed} connections could not be opened{}", self.most_frequent_error());
            if self.is_out_of_sockets() { found.explained.push(text) } else { found.standing.push(text) }
        }
    }

    /// Why the asked rate was not reached, where that was the server's doing.
    fn shortfall(&self) -> Vec<String> {
        let strain = self.strain;
        let mut reasons = Vec::new();
        if strain.is_short() && strain.is_held() {
            reasons.push("the server did not take messages at the asked rate: its connections' queues were full".to_owned());
        }
        if strain.is_short() && !strain.is_short_itself() {
            let [none, behind] =
                [strain.unconnected, strain.behind.nanos].map(|nanos| words::time(Duration::from_nanos(nanos)));
            reasons.push(format!(
                "no connection was open for {none}, and the asked rate was not reached: {behind} behind when sending ended"
            ));
        }
        reasons
    }

    fn thresholds(&self) -> Vec<JudgedThreshold> {
        let quantile = |latency: &crate::Latency, share: f64| match share {
            0.0 => latency.min().as_secs_f64(),
            share => latency.quantile(share).as_secs_f64(),
        };
        let figure = |metric: Metric| match metric {
            Metric::Latency(share) => quantile(&self.latencies.intended, share),
            Metric::Service(share) => quantile(&self.latencies.service, share),
            Metric::Lag(share) => quantile(&self.latencies.lag, share),
            Metric::Connect(share) => quantile(&self.latencies.open, share),
            Metric::Mean => self.latencies.intended.mean().as_secs_f64(),
            Metric::Rate => self.rate,
            Metric::Sent => self.account.sent as f64,
            Metric::Class(class) => self.account[class] as f64,
            Metric::Errors => (self.connections.failed + self.connections.lost) as f64,
        };
        let judged = |threshold: &crate::plan::Threshold| {
            let actual = figure(threshold.metric);
            JudgedThreshold { threshold: threshold.clone(), actual, held: threshold.holds(actual) }
        };
        self.plan.plan().thresholds.iter().map(judged).collect()
    }

    /// Whether something was asked for that a saturated generator makes worthless.
    fn depends_on_generator(&self) -> bool {
        let plan = self.plan.plan();
        plan.rate.is_some() || plan.thresholds.iter().any(|one| one.metric.depends_on_generator())
    }

    /// Whether the generator may have seen an answer after the time-out that had come before it.
    fn is_slow(&self) -> bool {
        let no_time = self.health.saturated.iter().any(|one| one.kind == SaturationKind::Cpu);
        no_time || self.health.stall_max > self.plan.plan().timeout / 4
    }

    fn is_out_of_sockets(&self) -> bool {
        use SaturationKind::{Descriptors, Ports};
        self.health.saturated.iter().any(|one| matches!(one.kind, Descriptors | Ports))
    }

    fn most_frequent_error(&self) -> String {
        let most = self.errors.iter().max_by_key(|(_, count)| **count);
        most.map(|(what, count)| format!(" ({count} x {what})")).unwrap_or_default()
    }

    fn praise(&self) -> String {
        let Account { sent, ok, .. } = *self.account;
        if matches!(self.plan.plan().expect, Expect::Nothing) {
            return format!("all {sent} messages were sent, and every connection closed properly");
        }
        if ok == sent && self.plan.plan().fan_out.is_some() {
            return format!("all {sent} deliveries came once, in order and in time");
        }
        if ok == sent && self.plan.plan().script.is_some() {
            return format!("all {sent} answers that the script expects came once, in order, unaltered and in time");
        }
        if ok == sent {
            return format!("all {sent} messages were answered once, in order, unaltered and in time");
        }
        let doubt = self.account.in_doubt;
        format!(
            "{ok} of {sent} messages were answered once, in order, unaltered and in time; {doubt} are in doubt, for their \
                 connections died and were opened again"
        )
    }
}

fn missed(one: &JudgedThreshold) -> String {
    let actual = if one.threshold.metric.is_time() {
        format!("{:.3} ms", one.actual * 1e3)
    } else if one.actual.fract() == 0.0 {
        format!("{}", one.actual)
    } else {
        format!("{:.1}", one.actual)
    };
    format!("{} was missed: {actual}", one.threshold)
}

pub(crate) const EXIT_NOT_RUN: u8 = 1;
pub(crate) const EXIT_INTEGRITY: u8 = 3;
pub(crate) const EXIT_THRESHOLD: u8 = 4;
pub(crate) const EXIT_SATURATED: u8 = 5;
pub(crate) const EXIT_INTERRUPTED: u8 = 130;
const BROKEN: &str = "the ledger does not balance: this is a bug of wigwag load, and nothing it says of this run is proved; please \
                      report it with the command line and the JSON report";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        health::Behind,
        latency::Latency,
        plan::{Backoff, Plan, Threshold},
        snapshot::Saturation,
    };

    /// A run of 100 messages over 10 connections, all well; `change` makes it otherwise.
    struct Case {
        plan: Plan,
        account: Account,
        connections: Connections,
        health: Health,
        strain: Strain,
        unsent: u64,
        interrupted: bool,
    }

    impl Case {
        fn new() -> Self {
            Self {
                plan: Plan::default(),
                account: Account { sent: 100, ok: 100, arrivals: 100, answers: 100, ..Account::default() },
                connections: Connections { opened: 10, closed: 10, open_max: 10, ..Connections::default() },
                health: Health::default(),
                strain: Strain { sending: 1_000_000_000, ..Strain::default() },
                unsent: 0,
                interrupted: false,
            }
        }

        fn turn_into(&mut self, class: Class) {
            self.account.ok -= 1;
            self.account[class] += 1;
            if !class.is_answered() {
                self.account.answers -= 1;
                self.account.arrivals -= 1;
            }
        }

        fn saturate(&mut self, kind: SaturationKind) {
            self.health.saturated.push(Saturation { kind, text: format!("{kind:?}") });
        }

        fn threshold(&mut self, text: &str) {
            self.plan.thresholds = Threshold::parse_all(text).expect(text);
        }

        fn judge(self) -> Judgement {
            let plan = self.plan.check().expect("a valid plan");
            let mut latencies = Latencies::default();
            let mut times = Latency::default();
            times.record(Duration::from_millis(10));
            latencies.intended = times;
            let evidence = Evidence {
                plan: &plan,
                account: &self.account,
                connections: &self.connections,
                errors: &BTreeMap::new(),
                latencies: &latencies,
                health: &self.health,
                strain: &self.strain,
                faults: &[],
                unsent: self.unsent,
                rate: 1000.0,
                interrupted: self.interrupted,
            };
            evidence.judge()
        }
    }

    #[track_caller]
    fn check(expected: u8, change: impl FnOnce(&mut Case)) {
        let mut case = Case::new();
        change(&mut case);
        let judgement = case.judge();
        assert_eq!(judgement.exit_code, expected, "{:?}", judgement.reasons);
        let verdict = match expected {
            0 => Verdict::Pass,
            3 | 4 => Verdict::Fail,
            _ => Verdict::Inconclusive,
        };
        if expected != 130 {
            assert_eq!(judgement.verdict, verdict);
        }
    }

    #[test]
    fn each_violation_fails() {
        check(0, |_| ());
        for class in [Class::Lost, Class::Reordered, Class::Altered, Class::Misrouted, Class::Late, Class::InDoubt] {
            check(3, |case| case.turn_into(class));
        }
        for class in Class::SURPLUS {
            check(3, |case| {
                case.account[class] += 1;
                case.account.arrivals += 1;
            });
        }
        check(3, |case| case.connections.lost = 1);
        check(3, |case| case.connections.failed = 1);
        check(3, |case| case.unsent = 1);
    }

    #[test]
    fn saturation_counts_only_where_a_rate_or_a_time_was_asked_for() {
        check(0, |case| case.saturate(SaturationKind::Cpu));
        check(5, |case| {
            case.plan.rate = Some(10.0);
            case.saturate(SaturationKind::Cpu);
        });
        check(5, |case| {
            case.threshold("p99<1s");
            case.saturate(SaturationKind::Crowded);
        });
        check(0, |case| {
            case.threshold("lost==0");
            case.saturate(SaturationKind::Cpu);
        });
    }

    #[test]
    fn saturation_explains_lateness_and_failed_connections_but_no_loss() {
        check(5, |case| {
            case.turn_into(Class::Late);
            case.saturate(SaturationKind::Cpu);
        });
        check(3, |case| {
            case.turn_into(Class::Late);
            case.saturate(SaturationKind::Crowded);
        });
        check(5, |case| {
            case.connections.failed = 3;
            case.saturate(SaturationKind::Descriptors);
        });
        for class in [Class::Lost, Class::Altered, Class::Misrouted] {
            check(3, |case| {
                case.plan.rate = Some(10.0);
                case.turn_into(class);
                case.saturate(SaturationKind::Cpu);
            });
        }
    }

    #[test]
    fn earlier_exit_codes_take_precedence() {
        let missed = |case: &mut Case| case.threshold("p99<1ms");
        check(4, missed);
        check(5, |case| {
            missed(case);
            case.saturate(SaturationKind::SendLag);
        });
        check(3, |case| {
            missed(case);
            case.saturate(SaturationKind::SendLag);
            case.turn_into(Class::Altered);
        });
        check(1, |case| {
            case.turn_into(Class::Altered);
            case.account.sent += 1;
        });
        check(1, |case| case.connections = Connections { failed: 10, ..Connections::default() });
        check(130, |case| {
            case.account.sent += 1;
            case.interrupted = true;
        });
    }

    #[test]
    fn with_reconnects_doubt_is_no_failure_but_loss_is() {
        let reconnect = |case: &mut Case| case.plan.reconnect = Some(Backoff::default());
        check(0, |case| {
            reconnect(case);
            case.turn_into(Class::InDoubt);
            case.connections.lost = 1;
            case.connections.failed = 4;
        });
        check(3, |case| {
            reconnect(case);
            case.turn_into(Class::Lost);
        });
    }

    #[test]
    fn a_server_that_keeps_messages_back_misses_the_rate() {
        check(4, |case| {
            case.plan.rate = Some(10.0);
            case.strain.behind = Behind { nanos: 500_000_000, own_nanos: 500_000_000 };
            case.strain.held = 500_000_000;
        });
    }

    #[test]
    fn a_rate_that_was_not_reached_for_want_of_a_connection_is_missed() {
        let mut case = Case::new();
        case.plan.rate = Some(10.0);
        (case.plan.reconnect, case.connections.lost) = (Some(Backoff::default()), 10);
        case.strain.behind = Behind { nanos: 510_000_000, own_nanos: 10_000_000 };
        case.strain.unconnected = 500_000_000;
        let judgement = case.judge();
        assert_eq!((judgement.verdict, judgement.exit_code), (Verdict::Fail, 4));
        let said = "no connection was open for 500 ms, and the asked rate was not reached: 510 ms behind when sending ended";
        assert_eq!(judgement.reasons, [said]);
    }

    #[test]
    fn an_outage_that_was_made_up_for_misses_nothing() {
        check(0, |case| {
            (case.plan.rate, case.plan.reconnect) = (Some(10.0), Some(Backoff::default()));
            (case.connections.lost, case.connections.recovered) = (10, 10);
            case.strain.unconnected = 500_000_000;
        });
    }
}
