//! Two runs side by side, with a verdict that knows what noise is.
//!
//! The method: each run's whole seconds are its samples (the first and the last one, which are not whole, left out). A
//! figure's difference is the ratio of the medians of its per-second values. How far that ratio wanders by chance is
//! estimated by a moving-block bootstrap (blocks of the cube root of the number of seconds, because neighbouring seconds
//! resemble each other; 2,000 draws, a fixed seed): the middle 95 % of the drawn ratios. Beyond noise means that this
//! interval excludes 1 and that the ratio is at least 3 % away from it.
//!
//! What it cannot know: two runs differ also by what else the machine did; only more runs tell.

mod bootstrap;
mod text;

use serde::Serialize;

use self::bootstrap::interval;
pub use self::text::text;
use crate::{
    latency::Heat,
    outcome::{Outcome, Verdict},
    snapshot::Second,
};

/// Two runs compared; the first is the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Worse than the base in something, beyond noise.
    pub verdict: Change,
    /// Figure by figure.
    pub rows: Vec<Row>,
    /// Settings that differ: name, base, other.
    pub settings: Vec<(String, String, String)>,
    /// Why the comparison should be taken with care.
    pub cautions: Vec<String>,
    /// Seconds that were compared, of the base and of the other.
    pub seconds: (usize, usize),
}

/// One figure of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is.
    pub figure: Figure,
    /// Of the whole base run.
    pub base: f64,
    /// Of the whole other run.
    pub other: f64,
    /// The per-second medians, other divided by base, and the middle 95 % of what chance makes of it.
    pub ratio: Option<Ratio>,
    /// What that means.
    pub change: Change,
}

/// A ratio and how far it wanders by chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Other divided by base.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The figures that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Answered messages per second.
    Rate,
    /// Median time from intended sending to answer.
    P50,
    /// Its 90th percentile.
    P90,
    /// Its 99th percentile.
    P99,
    /// The generator's CPU time per second.
    Cpu,
    /// Messages and arrivals that are not ok; compared as counts, without noise.
    Offending,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Better beyond noise.
    Better,
    /// Worse beyond noise.
    Worse,
    /// No difference beyond noise.
    Same,
    /// Too few whole seconds to tell.
    Unknown,
}

impl Figure {
    /// The name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rate => "throughput",
            Self::P50 => "latency p50",
            Self::P90 => "latency p90",
            Self::P99 => "latency p99",
            Self::Cpu => "generator CPU",
            Self::Offending => "offending",
        }
    }

    /// Whether a larger value is the better one; `None` where neither is.
    const fn wants_more(self) -> Option<bool> {
        match self {
            Self::Rate => Some(true),
            Self::P50 | Self::P90 | Self::P99 | Self::Offending => Some(false),
            Self::Cpu => None,
        }
    }
}

/// Compares two runs.
#[must_use]
pub fn compare(base: &Outcome, other: &Outcome) -> Comparison {
    let seconds = [base, other].map(whole_seconds);
    let mut rows = Vec::new();
    for figure in [Figure::Rate, Figure::P50, Figure::P90, Figure::P99, Figure::Cpu] {
        let samples = seconds.each_ref().map(|seconds| samples(figure, seconds));
        let stretch = [base.timeline.stretch, other.timeline.stretch];
        let [base_samples, other_samples] = &samples;
        let ratio =
            interval(&per_second(figure, base_samples, stretch[0]), &per_second(figure, other_samples, stretch[1]));
        let (base, other) = (of_run(figure, base), of_run(figure, other));
        rows.push(Row { figure, base, other, ratio, change: change(figure, ratio) });
    }
    rows.push(offending(base, other));
    let judged = rows.iter().filter(|row| row.figure.wants_more().is_some()).map(|row| row.change);
    let verdict = overall(&judged.collect::<Vec<_>>());
    Comparison {
        verdict,
        rows,
        settings: settings(base, other),
        cautions: cautions(base, other),
        seconds: (seconds[0].len(), seconds[1].len()),
    }
}

fn overall(changes: &[Change]) -> Change {
    let any = |wanted| changes.contains(&wanted);
    match () {
        () if any(Change::Worse) => Change::Worse,
        () if any(Change::Unknown) => Change::Unknown,
        () if any(Change::Better) => Change::Better,
        () => Change::Same,
    }
}

/// The stretches between the first and the last, which are not whole and where a run starts and ends.
fn whole_seconds(outcome: &Outcome) -> &[Second] {
    match outcome.timeline.stretches.as_slice() {
        [_, whole @ .., _] => whole,
        _ => &[],
    }
}

fn samples(figure: Figure, seconds: &[Second]) -> Vec<f64> {
    let latency = |share: f64| {
        let answered = seconds.iter().filter(|second| second.heat.count() > 0);
        answered.map(|second| quantile(&second.heat, share)).collect()
    };
    match figure {
        Figure::Rate => seconds.iter().map(|second| second.answered as f64).collect(),
        Figure::P50 => latency(0.5),
        Figure::P90 => latency(0.9),
        Figure::P99 => latency(0.99),
        Figure::Cpu => seconds.iter().map(|second| second.cpu).collect(),
        Figure::Offending => Vec::new(),
    }
}

/// Counts of a stretch become counts of a second.
fn per_second(figure: Figure, samples: &[f64], stretch: f64) -> Vec<f64> {
    let by = if figure == Figure::Rate { stretch.max(f64::MIN_POSITIVE) } else { 1.0 };
    samples.iter().map(|sample| sample / by).collect()
}

/// A quantile in seconds, between the ends of its bucket by rank: a step of 9 % would look like a difference.
fn quantile(heat: &Heat, share: f64) -> f64 {
    let wanted = share * heat.count() as f64;
    let mut below = 0.0;
    for (bucket, count) in heat.counts().iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = f64::from(*count);
        if below + count >= wanted {
            let upper = Heat::bound(bucket).as_secs_f64();
            let lower = bucket.checked_sub(1).map_or(0.0, |before| Heat::bound(before).as_secs_f64());
            return lower + (upper - lower) * ((wanted - below) / count).clamp(0.0, 1.0);
        }
        below += count;
    }
    0.0
}

fn of_run(figure: Figure, outcome: &Outcome) -> f64 {
    let latency = |share: f64| outcome.latencies.intended.quantile(share).as_secs_f64();
    match figure {
        Figure::Rate => outcome.rate,
        Figure::P50 => latency(0.5),
        Figure::P90 => latency(0.9),
        Figure::P99 => latency(0.99),
        Figure::Cpu => outcome.health.workers.iter().map(|worker| worker.cpu).sum(),
        Figure::Offending => offending_count(outcome) as f64,
    }
}

fn change(figure: Figure, ratio: Option<Ratio>) -> Change {
    let Some(ratio) = ratio else { return Change::Unknown };
    let beyond_noise = ratio.low > 1.0 || ratio.high < 1.0;
    if !beyond_noise || (ratio.value - 1.0).abs() < LEAST_DIFFERENCE {
        return Change::Same;
    }
    match figure.wants_more() {
        Some(more) if more == (ratio.value > 1.0) => Change::Better,
        _ => Change::Worse,
    }
}

/// Integrity has no noise: one lost message more is one too many.
fn offending(base: &Outcome, other: &Outcome) -> Row {
    let change = match offending_count(other).cmp(&offending_count(base)) {
        std::cmp::Ordering::Less => Change::Better,
        std::cmp::Ordering::Equal => Change::Same,
        std::cmp::Ordering::Greater => Change::Worse,
    };
    let figure = Figure::Offending;
    Row { figure, base: of_run(figure, base), other: of_run(figure, other), ratio: None, change }
}

fn offending_count(outcome: &Outcome) -> u64 {
    let account = &outcome.account;
    account.settled() - account.ok + account.duplicate + account.unsolicited
}

fn settings(base: &Outcome, other: &Outcome) -> Vec<(String, String, String)> {
    let names = base.plan.0.keys().chain(other.plan.0.keys());
    let names: std::collections::BTreeSet<&String> = names.filter(|name| *name != "seed").collect();
    let value = |outcome: &Outcome, name: &str| outcome.plan.0.get(name).cloned().unwrap_or_else(|| "–".to_owned());
    let all = names.into_iter().map(|name| (name.clone(), value(base, name), value(other, name)));
    all.filter(|(_, one, two)| one != two).collect()
}

fn cautions(base: &Outcome, other: &Outcome) -> Vec<String> {
    let mut cautions = Vec::new();
    for (name, outcome) in [("base", base), ("other", other)] {
        if outcome.judgement.verdict == Verdict::Inconclusive {
            cautions.push(format!("the {name} run was inconclusive: its figures may be the generator's"));
        }
        if outcome.judgement.interrupted {
            cautions.push(format!("the {name} run was stopped by hand"));
        }
        if !outcome.faults.is_empty() {
            cautions.push(format!("the {name} run injected faults"));
        }
    }
    if base.environment != other.environment {
        let (one, two) = (&base.environment, &other.environment);
        if (&one.host, &one.processor, one.cores) != (&two.host, &two.processor, two.cores) {
            cautions.push("the runs took place on different machines".to_owned());
        }
        if one.version != two.version {
            cautions.push(format!("the runs were made by wigwag {} and {}", one.version, two.version));
        }
    }
    cautions
}

/// Smaller differences are nobody's concern, however sure.
const LEAST_DIFFERENCE: f64 = 0.03;
/// Fewer whole seconds say nothing about noise.
pub const SECONDS_MIN: usize = 5;
