//! The judgement of a finished run, and its exit code. The first that applies, in this order: interrupted (130), could not
//! run (1), integrity violated (3), inconclusive (5), threshold missed (4), pass (0).

use std::collections::BTreeMap;

use crate::{
    account::{Account, Class},
    health::Strain,
    outcome::{JudgedThreshold, Judgement, Verdict},
    plan::{CheckedPlan, Expect, Metric},
    snapshot::{Connections, Health, Latencies, SaturationKind},
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
        let mut missed = missed;
        if self.strain.is_short() && self.strain.is_held() {
            missed.insert(
                0,
                "the server did not take messages at the asked rate: its connections' queues were full".to_owned(),
            );
        }
        if !missed.is_empty() {
            return judgement(Verdict::Fail, EXIT_THRESHOLD, missed);
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

    /// Whether the generator may have been too slow to see an answer in time.
    fn is_slow(&self) -> bool {
        use SaturationKind::{Cpu, Crowded, SendLag, Stall};
        self.health.saturated.iter().any(|one| matches!(one.kind, Cpu | Crowded | SendLag | Stall))
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

const EXIT_NOT_RUN: u8 = 1;
const EXIT_INTEGRITY: u8 = 3;
const EXIT_THRESHOLD: u8 = 4;
const EXIT_SATURATED: u8 = 5;
const EXIT_INTERRUPTED: u8 = 130;
const BROKEN: &str = "the ledger does not balance: this is a bug of wigwag load, and nothing it says of this run is proved; please \
                      report it with the command line and the JSON report";
