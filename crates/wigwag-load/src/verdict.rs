//! The judgement of a finished run, and its exit code. The first that applies, in this order: interrupted (130), could not
//! run (1), integrity violated (3), inconclusive (5), threshold missed (4), pass (0).

use std::{collections::BTreeMap, time::Duration};

use crate::{
    account::{Account, Class},
    health::Strain,
    latency::Latency,
    outcome::{JudgedThreshold, Judgement, Verdict},
    plan::{CheckedPlan, Expect, Metric},
    report::words::{self, count, counted},
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
    /// Messages that were under way when the run was cut off by hand; `None` where it was not.
    pub(crate) cut: Option<u64>,
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
            let reasons = self.interruption().into_iter().chain(found.standing).collect();
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
        let skipped = self.skipped_faults();
        if !skipped.is_empty() {
            let reasons = skipped.into_iter().chain(missed).collect();
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
        let messages = |class: Class, one: &str, many: &str| {
            let count = self.account[class];
            (count > 0).then(|| clause(count, "message", one, many))
        };
        found.standing.extend(
            [
                messages(Class::Altered, "was answered with something else", "were answered with something else"),
                messages(Class::Misrouted, "was answered on another connection", "were answered on another connection"),
                messages(Class::Lost, "was lost", "were lost"),
                messages(Class::Reordered, "was answered out of order", "were answered out of order"),
                messages(Class::Duplicate, "came for a second time", "came for a second time"),
                messages(Class::Unsolicited, "came that answers nothing", "came that answer nothing")
                    .filter(|_| !matches!(plan.expect, Expect::Nothing)),
            ]
            .into_iter()
            .flatten(),
        );
        if let Some(text) = messages(Class::Late, "was answered after the time-out", "were answered after the time-out")
        {
            if self.is_slow() { found.explained.push(text) } else { found.standing.push(text) }
        }
        // Where the run was cut off by hand, the server had no time to notice.
        let unseen = |fault: &&FaultAccount| fault.unnoticed() > 0 && self.cut.is_none();
        for fault in self.faults.iter().filter(unseen) {
            let (unseen, kind) = (fault.unnoticed(), fault.kind.name());
            let (all, were) = (counted(fault.injected, "fault"), if unseen == 1 { "was" } else { "were" });
            found.standing.push(format!("{} of {all} ({kind}) {were} not noticed by the server", count(unseen)));
        }
        if plan.reconnect.is_none() {
            self.find_dead(&mut found);
        }
        let left = self.unsent > 0 && !self.interrupted;
        if left && found.standing.is_empty() && found.explained.is_empty() {
            let text = clause(self.unsent, "message", "was never sent", "were never sent");
            if self.is_out_of_sockets() { found.explained.push(text) } else { found.standing.push(text) }
        }
        found
    }

    /// What was to be done to the server and was not: nothing is known of how it bears it.
    fn skipped_faults(&self) -> Vec<String> {
        let text = |fault: &FaultAccount| {
            let (skipped, planned, kind) = (count(fault.skipped()), counted(fault.planned, "fault"), fault.kind.name());
            format!("{skipped} of {planned} ({kind}) not injected: the run ended before, or no connection was had")
        };
        self.faults.iter().filter(|fault| fault.skipped() > 0).map(text).collect()
    }

    /// Connections that died or never opened, where they are not to be opened again.
    fn find_dead(&self, found: &mut Findings) {
        let Connections { lost, failed, .. } = *self.connections;
        let in_doubt = self.account.in_doubt.saturating_sub(self.cut.unwrap_or(0));
        if in_doubt > 0 {
            let (one, many) = ("is in doubt: its connection died", "are in doubt: their connections died");
            found.standing.push(clause(in_doubt, "message", one, many));
        }
        if lost > 0 {
            found.standing.push(format!("{} died{}", counted(lost, "connection"), self.most_frequent_error()));
        }
        if failed > 0 {
            let connections = counted(failed, "connection");
            let text = format!("{connections} could not be opened{}", self.most_frequent_error());
            if self.is_out_of_sockets() { found.explained.push(text) } else { found.standing.push(text) }
        }
    }

    /// That the run was stopped by hand, and what that left.
    fn interruption(&self) -> Vec<String> {
        let mut reasons = vec![format!("interrupted after {}", counted(self.account.sent, "message"))];
        if self.connections.cut > 0 {
            let connections = clause(self.connections.cut, "connection", "was cut off by hand", "were cut off by hand");
            let messages = match self.cut {
                None | Some(0) => String::new(),
                Some(left) => format!(", {} under way", counted(left, "message")),
            };
            reasons.push(connections + &messages);
        }
        reasons
    }

    /// Why the asked rate was not reached, where that was the server's doing.
    fn shortfall(&self) -> Vec<String> {
        let strain = self.strain;
        let mut reasons = Vec::new();
        if strain.is_short() && strain.is_held() {
            reasons.push(
                "the server did not take messages at the asked rate: its connections' queues were full".to_owned(),
            );
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
        let times = self.latencies;
        let known = |latency: &Latency, time: Duration| (!latency.is_empty()).then_some(time.as_secs_f64());
        let quantile = |latency: &Latency, share: f64| match share {
            0.0 => known(latency, latency.min()),
            share => known(latency, latency.quantile(share)),
        };
        let figure = |metric: Metric| match metric {
            Metric::Latency(share) => quantile(&times.intended, share),
            Metric::Service(share) => quantile(&times.service, share),
            Metric::Lag(share) => quantile(&times.lag, share),
            Metric::Connect(share) => quantile(&times.open, share),
            Metric::Mean => known(&times.intended, times.intended.mean()),
            Metric::Rate => Some(self.rate),
            Metric::Sent => Some(self.account.sent as f64),
            Metric::Class(class) => Some(self.account[class] as f64),
            Metric::Errors => Some((self.connections.failed + self.connections.lost) as f64),
        };
        let judged = |threshold: &crate::plan::Threshold| {
            let actual = figure(threshold.metric);
            let held = actual.is_some_and(|actual| threshold.holds(actual));
            JudgedThreshold { threshold: threshold.clone(), actual, held }
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
        most.map(|(what, number)| format!(" ({} x {what})", count(*number))).unwrap_or_default()
    }

    fn praise(&self) -> String {
        let Account { sent, ok, in_doubt, .. } = *self.account;
        let Connections { lost, recovered, .. } = *self.connections;
        let plan = self.plan.plan();
        let all = |noun: &str, one: &str, many: &str| match sent {
            1 => format!("the one {noun} {one}"),
            _ => format!("all {}", clause(sent, noun, one, many)),
        };
        let mut text = if ok < sent {
            let answered = format!("{} of {}", count(ok), counted(sent, "message"));
            format!("{answered} answered once, in order, unaltered and in time; {} in doubt", count(in_doubt))
        } else if matches!(plan.expect, Expect::Nothing) {
            all("message", "was sent", "were sent")
        } else if plan.fan_out.is_some() {
            all("delivery", "came once, in order and in time", "came once, in order and in time")
        } else if plan.script.is_some() {
            const ONCE: &str = "that the script expects came once, in order, unaltered and in time";
            all("answer", ONCE, ONCE)
        } else {
            const ONCE: &str = "answered once, in order, unaltered and in time";
            all("message", &format!("was {ONCE}"), &format!("were {ONCE}"))
        };
        if lost > 0 {
            text += &format!("; {} died, {} came back", counted(lost, "connection"), count(recovered));
        } else if matches!(plan.expect, Expect::Nothing) {
            text += ", and every connection closed properly";
        }
        text
    }
}

/// A number, its noun, and what is said of one or of several.
fn clause(number: u64, noun: &str, one: &str, many: &str) -> String {
    format!("{} {}", counted(number, noun), if number == 1 { one } else { many })
}

fn missed(one: &JudgedThreshold) -> String {
    let actual = match (one.actual, one.threshold.metric) {
        (None, metric) => format!("{} ({})", words::UNKNOWN, unmeasured(metric)),
        (Some(actual), metric) if metric.is_time() => words::seconds(actual),
        (Some(actual), Metric::Rate) => format!("{} messages/s", words::short(actual)),
        (Some(actual), _) => count(actual as u64),
    };
    format!("{} was missed: {actual}", one.threshold)
}

/// Why a figure is not known.
const fn unmeasured(metric: Metric) -> &'static str {
    match metric {
        Metric::Lag(_) => "no message had an intended time: use -r",
        Metric::Connect(_) => "no connection was opened",
        _ => "no answer was timed",
    }
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
        faults: Vec<FaultAccount>,
        unsent: u64,
        interrupted: bool,
        cut: Option<u64>,
        is_timed: bool,
    }

    impl Case {
        fn new() -> Self {
            Self {
                plan: Plan::default(),
                account: Account { sent: 100, ok: 100, arrivals: 100, answers: 100, ..Account::default() },
                connections: Connections { opened: 10, closed: 10, open_max: 10, ..Connections::default() },
                health: Health::default(),
                strain: Strain { sending: 1_000_000_000, ..Strain::default() },
                faults: Vec::new(),
                unsent: 0,
                interrupted: false,
                cut: None,
                is_timed: true,
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
            if self.is_timed {
                latencies.intended.record(Duration::from_millis(10));
            }
            let evidence = Evidence {
                plan: &plan,
                account: &self.account,
                connections: &self.connections,
                errors: &BTreeMap::new(),
                latencies: &latencies,
                health: &self.health,
                strain: &self.strain,
                faults: &self.faults,
                unsent: self.unsent,
                rate: 1000.0,
                interrupted: self.interrupted,
                cut: self.cut,
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
    fn faults_are_to_be_injected_and_noticed_or_borne() {
        let fault = |planned, injected, detected, borne| {
            let (kind, reactions) = (crate::plan::FaultKind::Malformed, BTreeMap::new());
            move |case: &mut Case| {
                case.faults = vec![FaultAccount { kind, planned, injected, detected, borne, reactions }]
            }
        };
        check(0, fault(5, 5, 5, 0));
        check(0, fault(5, 5, 3, 2));
        check(3, fault(5, 5, 3, 1));
        check(5, fault(5, 4, 4, 0));
        check(3, fault(5, 4, 3, 0));
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
        let said =
            "no connection was open for 500 ms, and the asked rate was not reached: 510 ms behind when sending ended";
        assert_eq!(judgement.reasons, [said]);
    }

    /// What is said of a run, after `change`.
    #[track_caller]
    fn says(expected: &[&str], change: impl FnOnce(&mut Case)) {
        let mut case = Case::new();
        change(&mut case);
        assert_eq!(case.judge().reasons, expected);
    }

    #[test]
    fn numbers_in_sentences_agree_with_their_nouns_and_have_units() {
        says(&["1 message is in doubt: its connection died", "1 connection died"], |case| {
            case.turn_into(Class::InDoubt);
            case.connections.lost = 1;
        });
        says(&["1,024 messages are in doubt: their connections died"], |case| {
            case.account.sent = 1124;
            case.account.in_doubt = 1024;
        });
        says(&["1 message was lost"], |case| case.turn_into(Class::Lost));
        says(
            &["p99<5ms was missed: 10.0 ms", "rate>10m was missed: 1,000 messages/s", "sent>1k was missed: 100"],
            |case| {
                case.threshold("p99<5ms,rate>10m,sent>1k");
            },
        );
        says(&["all 100 messages were answered once, in order, unaltered and in time"], |_| ());
        says(&["the one message was answered once, in order, unaltered and in time"], |case| {
            case.account = Account { sent: 1, ok: 1, arrivals: 1, answers: 1, ..Account::default() };
        });
    }

    #[test]
    fn a_time_that_was_not_measured_is_not_held() {
        check(4, |case| {
            case.threshold("p99<50ms");
            case.is_timed = false;
        });
        for (text, said) in [
            ("p99<50ms", "p99<50ms was missed: – (no answer was timed)"),
            ("max>1s", "max>1s was missed: – (no answer was timed)"),
            ("mean<50ms", "mean<50ms was missed: – (no answer was timed)"),
            ("lag.p99<50ms", "lag.p99<50ms was missed: – (no message had an intended time: use -r)"),
            ("connect.p99<1s", "connect.p99<1s was missed: – (no connection was opened)"),
        ] {
            says(&[said], |case| {
                case.threshold(text);
                case.is_timed = false;
            });
        }
    }

    #[test]
    fn a_pass_under_reconnect_says_how_many_died_and_how_many_came_back() {
        let said = "98 of 100 messages answered once, in order, unaltered and in time; 2 in doubt; 20 connections died, 0 came back";
        says(&[said], |case| {
            case.plan.reconnect = Some(Backoff::default());
            (0..2).for_each(|_| case.turn_into(Class::InDoubt));
            case.connections.lost = 20;
        });
    }

    #[test]
    fn what_was_cut_off_by_hand_is_nobodys_fault() {
        let cut = |case: &mut Case| {
            (case.interrupted, case.cut, case.connections.cut) = (true, Some(1), 10);
            case.turn_into(Class::InDoubt);
            case.unsent = 5;
        };
        let mut case = Case::new();
        cut(&mut case);
        let judgement = case.judge();
        assert_eq!((judgement.verdict, judgement.exit_code), (Verdict::Inconclusive, 130));
        assert_eq!(
            judgement.reasons,
            ["interrupted after 100 messages", "10 connections were cut off by hand, 1 message under way"]
        );
        let mut case = Case::new();
        cut(&mut case);
        case.turn_into(Class::InDoubt);
        assert_eq!(case.judge().verdict, Verdict::Fail, "one was in doubt before");
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
