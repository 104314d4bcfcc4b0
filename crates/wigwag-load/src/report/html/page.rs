//! What the template fills in: every figure as text already.

use askama::Template;

use super::{
    chart::{Chart, mark_class},
    columns, heat, timelines,
};
use crate::{
    account::Class,
    outcome::{Offender, Outcome, Verdict},
    report::{
        command::{Reproduction, reproduction},
        equation::Equation,
        faults::FaultLine,
        summary::{COLUMNS, cell, figure, offender_line, rows},
        words::{self, count, plain},
    },
    snapshot::Mark,
};

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    style: &'static str,
    script: &'static str,
    title: String,
    url: String,
    when: String,
    verdict: Banner,
    equations: [Equation; 2],
    unsent: Option<String>,
    figures: Vec<Fact>,
    thresholds: Vec<Threshold>,
    classes: Vec<ClassRow>,
    offenders: Vec<Offence>,
    offending: String,
    columns: Vec<&'static str>,
    latencies: Vec<LatencyRow>,
    latency_charts: Vec<Chart>,
    load_charts: Vec<Chart>,
    generator_charts: Vec<Chart>,
    health: Vec<Fact>,
    saturated: Vec<String>,
    errors: Vec<(String, String)>,
    faults: Vec<FaultLine>,
    unexplained: Option<String>,
    connections: Vec<Fact>,
    fan_out: Vec<Fact>,
    settings: Vec<(String, String)>,
    environment: Vec<(&'static str, String)>,
    reproduction: Reproduction,
    marks: Vec<(String, &'static str, String)>,
}

struct Banner {
    word: String,
    class: &'static str,
    reasons: Vec<String>,
    is_broken: bool,
    is_interrupted: bool,
}

/// A figure and what it is.
struct Fact {
    label: String,
    value: String,
    note: String,
}

struct Threshold {
    text: String,
    figure: String,
    held: bool,
}

struct ClassRow {
    label: &'static str,
    count: String,
    share: String,
    meaning: &'static str,
    offends: bool,
    is_ok: bool,
}

struct LatencyRow {
    name: &'static str,
    meaning: &'static str,
    cells: Vec<String>,
}

/// An offending message, and how what came differs.
struct Offence {
    class: &'static str,
    line: String,
    difference: Option<Excerpts>,
}

struct Excerpts {
    head: String,
    expected: Excerpt,
    got: Excerpt,
}

/// What both sides begin with, what differs, and what both end with.
struct Excerpt {
    before: String,
    different: String,
    after: String,
}

impl Page {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let columns = columns::of(outcome);
        let some = |charts: &mut [Option<Chart>]| charts.iter_mut().filter_map(Option::take).collect();
        let verdict = outcome.judgement.verdict.to_string();
        let url = outcome.plan.0.get("url").cloned().unwrap_or_default();
        Self {
            style: include_str!("../../../templates/report.css"),
            script: include_str!("../../../templates/report.js"),
            title: format!("{verdict}: wigwag load {url}"),
            when: words::moment(outcome.started_unix),
            verdict: banner(outcome),
            equations: [Equation::of_sent(&outcome.account), Equation::of_arrivals(&outcome.account)],
            unsent: (outcome.unsent > 0).then(|| count(outcome.unsent)),
            figures: figures(outcome),
            thresholds: thresholds(outcome),
            classes: classes(outcome),
            offenders: outcome.offenders.iter().map(Offence::of).collect(),
            offending: count(
                outcome.account.settled() - outcome.account.ok
                    + outcome.account.duplicate
                    + outcome.account.unsolicited,
            ),
            columns: COLUMNS.iter().map(|(name, _)| *name).collect(),
            latencies: latencies(outcome),
            latency_charts: some(&mut [heat::curve(outcome), heat::map(outcome, &columns)]),
            load_charts: some(&mut [
                timelines::throughput(outcome, &columns),
                timelines::connections(outcome, &columns),
                timelines::in_flight(outcome, &columns),
            ]),
            generator_charts: some(&mut [timelines::generator(outcome, &columns)]),
            health: health(outcome),
            saturated: outcome.health.saturated.iter().map(|one| one.text.clone()).collect(),
            errors: errors(outcome),
            faults: outcome.faults.iter().map(FaultLine::of).collect(),
            unexplained: (!outcome.faults.is_empty()).then(|| count(outcome.unexplained)),
            connections: connections(outcome),
            fan_out: fan_out(outcome),
            settings: outcome.plan.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            environment: environment(outcome),
            reproduction: reproduction(outcome),
            marks: marks(outcome),
            url,
        }
    }
}

fn banner(outcome: &Outcome) -> Banner {
    let judgement = &outcome.judgement;
    Banner {
        word: judgement.verdict.to_string(),
        class: match judgement.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        },
        reasons: judgement.reasons.iter().map(|reason| plain(reason).into_owned()).collect(),
        is_broken: judgement.broken,
        is_interrupted: judgement.interrupted,
    }
}

fn fact(label: &str, value: String, note: String) -> Fact {
    Fact { label: label.to_owned(), value, note }
}

fn figures(outcome: &Outcome) -> Vec<Fact> {
    let intended = &outcome.latencies.intended;
    let asked = outcome.rate_asked.map(|rate| format!("{} asked for", words::rate(rate)));
    let latency = |share: f64| {
        if intended.is_empty() { words::UNKNOWN.to_owned() } else { words::time(intended.quantile(share)) }
    };
    let over = words::time(outcome.sending);
    let throughput = if outcome.sending.is_zero() { words::UNKNOWN.to_owned() } else { words::rate(outcome.rate) };
    vec![
        fact("throughput", throughput, asked.unwrap_or_else(|| format!("over {over}"))),
        fact("latency p50", latency(0.5), "intended → answer".to_owned()),
        fact("latency p99", latency(0.99), "intended → answer".to_owned()),
        fact("latency max", latency(1.0), "intended → answer".to_owned()),
        fact(
            "connections",
            count(outcome.connections.open_max),
            if outcome.connections.lost > 0 {
                format!("at once, {} died", count(outcome.connections.lost))
            } else {
                "at once".to_owned()
            },
        ),
        fact(
            "bytes",
            words::bytes(outcome.bytes.sent),
            format!("sent, {} received", words::bytes(outcome.bytes.received)),
        ),
    ]
}

fn thresholds(outcome: &Outcome) -> Vec<Threshold> {
    let all = outcome.judgement.thresholds.iter();
    all.map(|one| Threshold { text: one.threshold.to_string(), figure: figure(one), held: one.held }).collect()
}

fn classes(outcome: &Outcome) -> Vec<ClassRow> {
    let account = &outcome.account;
    let row = |class: Class| {
        let number = account[class];
        let of = if Class::SURPLUS.contains(&class) { account.arrivals } else { account.sent };
        let share = if of == 0 { words::UNKNOWN.to_owned() } else { share(number, of) };
        let offends = class != Class::Ok && number > 0;
        ClassRow {
            label: class.label(),
            count: count(number),
            share,
            meaning: meaning(class),
            offends,
            is_ok: class == Class::Ok,
        }
    };
    Class::SENT.into_iter().chain(Class::SURPLUS).map(row).collect()
}

/// As per cent; what is not all does not show as 100 %, what is not nothing not as 0 %.
fn share(number: u64, of: u64) -> String {
    let percent = number as f64 / of as f64 * 100.0;
    match number {
        0 => "0 %".to_owned(),
        _ if number == of => "100 %".to_owned(),
        _ if percent > 99.99 => "> 99.99 %".to_owned(),
        _ if percent < 0.01 => "< 0.01 %".to_owned(),
        _ => format!("{percent:.2} %"),
    }
}

const fn meaning(class: Class) -> &'static str {
    match class {
        Class::Ok => "answered once, on its own connection, unaltered, in order, in time",
        Class::Lost => "no answer until the connection was properly closed",
        Class::Reordered => "answered after a later message of its connection",
        Class::Altered => "the answer is not what it should be",
        Class::Misrouted => "the answer came on another connection",
        Class::Late => "the right answer, after the time-out",
        Class::InDoubt => "the connection died before the answer",
        Class::Duplicate => "an arrival that answers a message again",
        Class::Unsolicited => "an arrival that answers nothing of this run",
    }
}

fn latencies(outcome: &Outcome) -> Vec<LatencyRow> {
    let row = |(name, meaning, latency)| LatencyRow {
        name,
        meaning,
        cells: COLUMNS.iter().map(|(_, share)| words::time(cell(latency, *share))).collect(),
    };
    rows(outcome).into_iter().map(row).collect()
}

fn health(outcome: &Outcome) -> Vec<Fact> {
    let health = &outcome.health;
    let none = String::new;
    let mut facts: Vec<Fact> = health
        .workers
        .iter()
        .take(WORKERS_SHOWN_MAX)
        .enumerate()
        .map(|(at, worker)| {
            let (cpu, waiting) = (words::percent(worker.cpu), words::percent(worker.waiting));
            let note = format!("waited for a core {waiting}, longest stall {}", words::time(worker.stall_max));
            fact(&format!("worker {}", at + 1), format!("{cpu} CPU"), note)
        })
        .collect();
    if health.workers.len() > WORKERS_SHOWN_MAX {
        facts.push(fact("more workers", count((health.workers.len() - WORKERS_SHOWN_MAX) as u64), none()));
    }
    let known = |number: u64, text: String| if number == 0 { words::UNKNOWN.to_owned() } else { text };
    if outcome.rate_asked.is_some() {
        facts.push(fact("send lag p99", words::time(health.send_lag_p99), "intended → sent".to_owned()));
    }
    let (descriptors, ports) = (count(health.descriptors), count(health.ports));
    facts.push(fact("descriptors", descriptors, format!("of {}", count(health.descriptors_max))));
    facts.push(fact("ports per address", ports, format!("of {}", count(health.ports_max))));
    let client = known(health.client_bytes, words::bytes(health.client_bytes));
    facts.push(fact("memory per client", client, format!("{} in all", words::bytes(health.memory_bytes))));
    let pace = words::short(health.messages_per_cpu_second);
    facts.push(fact("checked messages", pace, "per CPU second of the workers".to_owned()));
    facts
}

fn errors(outcome: &Outcome) -> Vec<(String, String)> {
    let mut errors: Vec<_> = outcome.errors.iter().collect();
    errors.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    errors.into_iter().map(|(error, number)| (count(*number), plain(error).into_owned())).collect()
}

fn connections(outcome: &Outcome) -> Vec<Fact> {
    let all = &outcome.connections;
    let numbers = [
        ("opened", all.opened, true),
        ("could not be opened", all.failed, all.failed > 0),
        ("died", all.lost, all.lost > 0),
        ("open again after that", all.recovered, all.recovered > 0),
        ("closed properly", all.closed, true),
        ("cut off by hand", all.cut, all.cut > 0),
    ];
    let shown = numbers.into_iter().filter(|(_, _, shown)| *shown);
    let mut facts: Vec<Fact> = shown.map(|(label, number, _)| fact(label, count(number), String::new())).collect();
    let recovery = &outcome.latencies.recovery;
    if !recovery.is_empty() {
        let half = words::time(recovery.quantile(0.5));
        facts.push(fact("recovery p50", half, format!("max {}", words::time(recovery.max()))));
    }
    facts
}

/// How far apart subscribers got what was published; empty where there is no fan-out.
fn fan_out(outcome: &Outcome) -> Vec<Fact> {
    let Some(fan) = &outcome.fan_out else { return Vec::new() };
    let (topics, subscribers) = (u64::from(fan.shape.topics), u64::from(fan.shape.subscribers));
    let shape = format!("{} x {}", words::counted(topics, "topic"), words::counted(subscribers, "subscriber"));
    let published = match fan.shape.publishers {
        0 => words::UNKNOWN.to_owned(),
        _ => count(fan.publications),
    };
    let skew = |share: f64| match fan.skew.is_empty() {
        true => words::UNKNOWN.to_owned(),
        false => words::time(fan.skew.quantile(share)),
    };
    let skews = [("skew p50", 0.5), ("skew p99", 0.99), ("skew max", 1.0)];
    let facts =
        [fact("published", published, shape), fact("came to all", count(fan.complete), "subscribers".to_owned())];
    let first_to_last = |(label, share)| fact(label, skew(share), "first subscriber → last".to_owned());
    facts.into_iter().chain(skews.map(first_to_last)).collect()
}

/// What happened and when, for readers of paper and small screens; the charts name only some.
fn marks(outcome: &Outcome) -> Vec<(String, &'static str, String)> {
    let all = &outcome.timeline.marks;
    let row = |mark: &Mark| (words::seconds(mark.at), mark_class(mark), plain(&mark.text).into_owned());
    let mut rows: Vec<_> = all.iter().take(MARKS_LISTED_MAX).map(row).collect();
    if all.len() > MARKS_LISTED_MAX {
        let more = (all.len() - MARKS_LISTED_MAX) as u64;
        rows.push((String::new(), "load", format!("{} more, in --json", count(more))));
    }
    rows
}

fn environment(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let place = &outcome.environment;
    let all = [
        ("wigwag", place.version.clone()),
        ("machine", place.host.clone()),
        ("system", format!("{} {}", place.system, place.architecture)),
        ("processor", place.processor.clone()),
        ("cores", count(place.cores)),
        ("started", words::moment(outcome.started_unix)),
        ("took", words::time(outcome.elapsed)),
        ("expected", outcome.expect.clone()),
        ("seed", outcome.seed.to_string()),
        ("report format", outcome.format.to_string()),
    ];
    all.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect()
}

impl Offence {
    fn of(offender: &Offender) -> Self {
        let difference = offender.difference.as_ref().map(|difference| {
            let (expected, got) = (plain(&difference.expected), plain(&difference.got));
            let (expected_bytes, got_bytes) = (count(difference.expected_bytes), count(difference.got_bytes));
            Excerpts {
                head: format!(
                    "from byte {} on; {expected_bytes} bytes expected, {got_bytes} came",
                    count(difference.at)
                ),
                expected: Excerpt::of(&expected, &got),
                got: Excerpt::of(&got, &expected),
            }
        });
        Self { class: offender.class.label(), line: offender_line(offender), difference }
    }
}

impl Excerpt {
    /// The text, where it differs from the other.
    fn of(text: &str, other: &str) -> Self {
        let same = |(one, two): &(char, char)| one == two;
        let bytes =
            |pairs: &mut dyn Iterator<Item = (char, char)>| pairs.take_while(same).map(|(c, _)| c.len_utf8()).sum();
        let before: usize = bytes(&mut text.chars().zip(other.chars()));
        let (text_rest, other_rest) = (&text[before..], &other[before..]);
        let after: usize = bytes(&mut text_rest.chars().rev().zip(other_rest.chars().rev()));
        let end = text.len() - after;
        Self {
            before: text[..before].to_owned(),
            different: text[before..end].to_owned(),
            after: text[end..].to_owned(),
        }
    }
}

const MARKS_LISTED_MAX: usize = 40;
const WORKERS_SHOWN_MAX: usize = 16;
