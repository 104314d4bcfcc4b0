//! Runs a search: a run per trial, judged, until the search knows.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Ceiling, End, Found, Held, Limit, Search, SearchPlan, Trial, judge::judge};
use crate::{
    control::lock,
    outcome::{FORMAT, Outcome, Verdict},
    plan::{Plan, PlanError, Threshold},
    report::words,
    run::{Run, RunHandle, StartError},
    verdict::{EXIT_INTERRUPTED, EXIT_NOT_RUN, EXIT_SATURATED, EXIT_THRESHOLD},
};

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// How many connections hold.
    Connections,
    /// How many messages per second hold, over the plan's connections.
    Rate,
}

impl Subject {
    /// What the load's number counts.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Rate => "messages/s",
        }
    }

    /// A load and what it counts: `1 connection`, `12,800 messages/s`.
    #[must_use]
    pub fn counted(self, load: u64) -> String {
        match self {
            Self::Connections => words::counted(load, "connection"),
            Self::Rate => format!("{}/s", words::counted(load, "message")),
        }
    }

    /// The plan of one trial. A connection stands for somebody who waits for an answer, unless the plan says otherwise:
    /// with several messages under way, the number of connections would not be what is searched.
    fn apply(self, plan: &Plan, load: u64) -> Plan {
        match self {
            Self::Connections => Plan {
                connections: u32::try_from(load).unwrap_or(u32::MAX),
                in_flight: plan.in_flight.or((plan.rate.is_none() && plan.script.is_none()).then_some(1)),
                ..plan.clone()
            },
            Self::Rate => Plan { rate: Some(load as f64), ..plan.clone() },
        }
    }
}

/// Why a search cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The plan of a trial cannot be run.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A trial could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something in the plan that a search decides.
    #[error("{0} does not go with a search: {1}")]
    Needs(&'static str, &'static str),
    /// The first trial opened no connection.
    #[error("{0}")]
    Unreachable(String),
    /// A bug of the tester.
    #[error("{0}")]
    Broken(String),
}

/// What happens in a search, in order.
#[derive(Clone, Copy, Debug)]
pub enum SearchEvent<'a> {
    /// A trial begins; its run can be watched.
    Begins {
        /// From 1.
        number: u32,
        /// What is tried.
        trial: Trial,
        /// The trial's run.
        run: &'a RunHandle,
    },
    /// A trial is over.
    Ended(&'a TrialReport),
}

/// What came of one trial. Times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialReport {
    /// From 1.
    pub number: u32,
    /// The load, and why it was tried.
    #[serde(flatten)]
    pub trial: Trial,
    /// Whether it held.
    pub held: Held,
    /// The run's own verdict.
    pub verdict: Verdict,
    /// The run's own exit code.
    pub exit_code: u8,
    /// Why it did not hold, or what was proved.
    pub reasons: Vec<String>,
    /// Messages sent, and those that are ok.
    pub sent: u64,
    /// See [`Class::Ok`](crate::Class::Ok).
    pub ok: u64,
    /// Answered messages per second.
    pub rate: f64,
    /// Half of all answers came within this time from when their messages were to be sent.
    #[serde(with = "crate::seconds")]
    pub p50: Duration,
    /// 99 % of them did.
    #[serde(with = "crate::seconds")]
    pub p99: Duration,
    /// Most connections that were open at once.
    pub connections: u64,
    /// What the run's random values were drawn from.
    pub seed: u64,
}

impl TrialReport {
    fn new(number: u32, trial: Trial, outcome: &Outcome) -> Self {
        Self {
            number,
            trial,
            held: judge(outcome),
            verdict: outcome.judgement.verdict,
            exit_code: outcome.judgement.exit_code,
            reasons: outcome.judgement.reasons.clone(),
            sent: outcome.account.sent,
            ok: outcome.account.ok,
            rate: outcome.rate,
            p50: outcome.latencies.intended.quantile(0.5),
            p99: outcome.latencies.intended.quantile(0.99),
            connections: outcome.connections.open_max,
            seed: outcome.seed,
        }
    }
}

/// A finished search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchOutcome {
    /// [`FORMAT`].
    pub format: u32,
    /// PASS: the highest load that holds is known. FAIL: none holds. INCONCLUSIVE: the generator was the limit, or the
    /// search was stopped.
    pub verdict: Verdict,
    /// 0 found, 4 nothing holds, 5 inconclusive, 130 interrupted.
    pub exit_code: u8,
    /// In a sentence.
    pub reason: String,
    /// What was searched.
    pub subject: Subject,
    /// What had to hold, besides that no message is lost, altered, doubled, reordered or misrouted.
    pub until: Vec<Threshold>,
    /// No load above it was tried.
    pub ceiling: Ceiling,
    /// What is known.
    pub found: Found,
    /// Why the lowest load that did not hold did not.
    pub missed: Vec<String>,
    /// How long each trial sent.
    #[serde(with = "crate::seconds")]
    pub duration: Duration,
    /// Where to.
    pub url: String,
    /// What all trials' seeds were made of.
    pub seed: u64,
    /// All trials, in order.
    pub trials: Vec<TrialReport>,
}

/// Stops a search; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SearchHandle {
    state: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    stopping: bool,
    run: Option<RunHandle>,
}

impl SearchHandle {
    /// Ends the search with what is known; the trial under way is stopped and not counted.
    pub fn stop(&self) {
        let mut running = lock(&self.state);
        running.stopping = true;
        if let Some(run) = &running.run {
            run.stop();
        }
    }

    /// As [`Self::stop`], but does not wait for answers.
    pub fn abort(&self) {
        self.stop();
        if let Some(run) = &lock(&self.state).run {
            run.abort();
        }
    }

    fn is_stopping(&self) -> bool {
        lock(&self.state).stopping
    }

    /// Notes the run under way, and stops it where a stop came before it.
    fn enter(&self, run: &RunHandle) {
        let mut running = lock(&self.state);
        if running.stopping {
            run.stop();
        }
        running.run = Some(run.clone());
    }
}

/// Searches for the highest load under which all of `until` holds and no message comes to harm. Takes as long as its trials;
/// `observe` hears of each.
///
/// # Errors
/// Where a trial cannot be run at all, or the first one finds no server.
pub fn run_search(
    plan: &Plan,
    subject: Subject,
    asked: SearchPlan,
    until: &[Threshold],
    handle: &SearchHandle,
    mut observe: impl FnMut(SearchEvent<'_>),
) -> Result<SearchOutcome, SearchError> {
    let plan = trial_plan(plan, until)?;
    let ceiling = Ceiling::of(&plan, subject, &asked);
    let mut search = Search::new(SearchPlan { most: ceiling.load, ..asked });
    let seed = plan.seed.unwrap_or_else(|| fastrand::u64(..1 << 48));
    let mut trials: Vec<TrialReport> = Vec::new();
    let mut interrupted = false;
    while let Some(trial) = search.next() {
        let number = trials.len() as u32 + 1;
        // A seed of its own: what comes from an earlier trial belongs to no message of this one.
        let one = Plan { seed: Some(seed.wrapping_add(u64::from(number) - 1)), ..subject.apply(&plan, trial.load) };
        let run = Run::start(one.check()?)?;
        handle.enter(&run);
        observe(SearchEvent::Begins { number, trial, run: &run });
        let outcome = run.wait();
        if outcome.judgement.interrupted || handle.is_stopping() {
            interrupted = true;
            break;
        }
        let report = TrialReport::new(number, trial, &outcome);
        check_ran(&outcome, number)?;
        search.observe(report.held);
        observe(SearchEvent::Ended(&report));
        trials.push(report);
    }
    let (found, duration) = (search.found(), plan.duration.unwrap_or(TRIAL_DURATION));
    let (verdict, exit_code) = verdict(&found, &trials, ceiling.limit, interrupted);
    Ok(SearchOutcome {
        format: FORMAT,
        verdict,
        exit_code,
        reason: reason(&found, exit_code, subject, ceiling),
        subject,
        until: until.to_vec(),
        ceiling,
        missed: missed(&found, &trials),
        found,
        duration,
        url: plan.url.to_string(),
        seed,
        trials,
    })
}

/// What all trials have in common.
fn trial_plan(plan: &Plan, until: &[Threshold]) -> Result<Plan, SearchError> {
    const TIME: &str = "each trial sends for as long as -d says (5 s by default)";
    const LOAD: &str = "the search decides the load of each trial";
    let refused = [
        (plan.messages.is_some(), "-n", TIME),
        (plan.per_connection.is_some(), "--per-connection", TIME),
        (plan.ramp.is_some(), "--ramp", LOAD),
        (!plan.stages.is_empty(), "--stage", LOAD),
        (plan.recorder.is_some(), "--ledger", "it holds the messages of one run"),
    ];
    if let Some((_, flag, why)) = refused.into_iter().find(|(is_there, ..)| *is_there) {
        return Err(SearchError::Needs(flag, why));
    }
    let thresholds = plan.thresholds.iter().chain(until).cloned().collect();
    Ok(Plan { duration: plan.duration.or(Some(TRIAL_DURATION)), thresholds, ..plan.clone() })
}

/// A trial that proves nothing because there is no server, or because the tester is broken, ends the search.
fn check_ran(outcome: &Outcome, number: u32) -> Result<(), SearchError> {
    let why = || outcome.judgement.reasons.join("; ");
    match outcome.judgement.exit_code {
        _ if outcome.judgement.broken => Err(SearchError::Broken(why())),
        EXIT_NOT_RUN if number == 1 => Err(SearchError::Unreachable(why())),
        _ => Ok(()),
    }
}

fn verdict(found: &Found, trials: &[TrialReport], limit: Limit, interrupted: bool) -> (Verdict, u8) {
    let unknown = |load: Option<u64>| {
        load.is_some_and(|load| trials.iter().any(|one| one.trial.load == load && one.held == Held::Unknown))
    };
    match found.end {
        _ if interrupted => (Verdict::Inconclusive, EXIT_INTERRUPTED),
        End::Confirmed => (Verdict::Pass, 0),
        End::AtMost if limit.is_of_machine() => (Verdict::Inconclusive, EXIT_SATURATED),
        End::AtMost => (Verdict::Pass, 0),
        End::NothingHolds if !unknown(found.lowest_missed) => (Verdict::Fail, EXIT_THRESHOLD),
        End::NothingHolds | End::GeneratorLimit | End::OutOfTrials => (Verdict::Inconclusive, EXIT_SATURATED),
    }
}

fn reason(found: &Found, exit_code: u8, subject: Subject, ceiling: Ceiling) -> String {
    let known = match found.highest {
        Some(load) => {
            let holds = if load == 1 { "holds" } else { "hold" };
            format!("{} {holds} (seen {} x)", subject.counted(load), found.held)
        }
        None => "no load is known to hold".to_owned(),
    };
    match (exit_code, found.end) {
        (EXIT_INTERRUPTED, _) => format!("interrupted; {known}"),
        (_, End::Confirmed) => known,
        (_, End::AtMost) => format!("{known}, and this is {}", ceiling.limit.label()),
        (_, End::GeneratorLimit) => format!("{known}; above, this machine was the limit and not the server"),
        (_, End::NothingHolds) if exit_code == EXIT_THRESHOLD => format!("not even {} holds", subject.counted(1)),
        (_, End::NothingHolds) => "this machine was the limit at every load: nothing is known of the server".to_owned(),
        (_, End::OutOfTrials) => format!("{known}; the trials ran out before more was known"),
    }
}

/// What the lowest load that did not hold missed, when it was tried first.
fn missed(found: &Found, trials: &[TrialReport]) -> Vec<String> {
    let first = trials.iter().find(|one| Some(one.trial.load) == found.lowest_missed && one.held != Held::Yes);
    first.map(|one| one.reasons.clone()).unwrap_or_default()
}

/// How long a trial sends, where the plan does not say.
const TRIAL_DURATION: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Purpose;

    fn report(load: u64, held: Held) -> TrialReport {
        TrialReport {
            number: 1,
            trial: Trial { load, purpose: Purpose::Doubling },
            held,
            verdict: Verdict::Pass,
            exit_code: 0,
            reasons: vec![format!("{load} was too much")],
            sent: 1,
            ok: 1,
            rate: 1.0,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            connections: 1,
            seed: 1,
        }
    }

    fn found(highest: Option<u64>, lowest_missed: Option<u64>, end: End) -> Found {
        Found { highest, held: 3, lowest_missed, end }
    }

    #[test]
    fn the_end_of_a_search_has_a_verdict_and_an_exit_code() {
        let trials = [report(100, Held::Yes), report(200, Held::No)];
        let confirmed = found(Some(100), Some(200), End::Confirmed);
        let exit = |found: &Found, limit, interrupted| verdict(found, &trials, limit, interrupted).1;
        assert_eq!(exit(&confirmed, Limit::Asked, false), 0);
        assert_eq!(exit(&confirmed, Limit::Asked, true), 130);
        assert_eq!(exit(&found(Some(100), None, End::AtMost), Limit::Asked, false), 0);
        assert_eq!(exit(&found(Some(100), None, End::AtMost), Limit::Descriptors, false), 5);
        assert_eq!(exit(&found(Some(100), Some(200), End::GeneratorLimit), Limit::Asked, false), 5);
        assert_eq!(exit(&found(None, Some(200), End::NothingHolds), Limit::Asked, false), 4);
    }

    #[test]
    fn where_the_generator_was_the_limit_even_at_one_nothing_is_said_of_the_server() {
        let none = found(None, Some(1), End::NothingHolds);
        assert_eq!(verdict(&none, &[report(1, Held::Unknown)], Limit::Asked, false).1, EXIT_SATURATED);
        let ceiling = Ceiling { load: 10, limit: Limit::Asked };
        let text = reason(&none, EXIT_SATURATED, Subject::Rate, ceiling);
        assert!(text.contains("nothing is known of the server"), "{text}");
    }

    #[test]
    fn what_holds_is_said_with_its_number() {
        let ceiling = Ceiling { load: 10, limit: Limit::Asked };
        for (subject, load, expected) in [
            (Subject::Connections, 1, "1 connection holds (seen 3 x)"),
            (Subject::Connections, 12_800, "12,800 connections hold (seen 3 x)"),
            (Subject::Rate, 1, "1 message/s holds (seen 3 x)"),
            (Subject::Rate, 12_800, "12,800 messages/s hold (seen 3 x)"),
        ] {
            assert_eq!(reason(&found(Some(load), None, End::Confirmed), 0, subject, ceiling), expected);
        }
        let none = found(None, Some(1), End::NothingHolds);
        assert_eq!(reason(&none, EXIT_THRESHOLD, Subject::Connections, ceiling), "not even 1 connection holds");
    }

    #[test]
    fn what_the_first_failing_load_missed_is_said() {
        let trials = [report(100, Held::Yes), report(400, Held::No), report(200, Held::No), report(100, Held::Yes)];
        assert_eq!(missed(&found(Some(100), Some(200), End::Confirmed), &trials), ["200 was too much"]);
    }

    #[test]
    fn a_trial_of_connections_waits_for_each_answer() {
        let plan = Subject::Connections.apply(&Plan::default(), 500);
        assert_eq!((plan.connections, plan.in_flight, plan.rate), (500, Some(1), None));
        let plan = Subject::Rate.apply(&Plan { connections: 7, ..Plan::default() }, 500);
        assert_eq!((plan.connections, plan.in_flight, plan.rate), (7, None, Some(500.0)));
    }

    #[test]
    fn what_a_search_decides_is_refused_in_its_plan() {
        let error = trial_plan(&Plan { messages: Some(5), ..Plan::default() }, &[]).expect_err("refused").to_string();
        assert!(error.starts_with("-n does not go with a search"), "{error}");
        assert_eq!(trial_plan(&Plan::default(), &[]).expect("fine").duration, Some(TRIAL_DURATION));
    }
}
