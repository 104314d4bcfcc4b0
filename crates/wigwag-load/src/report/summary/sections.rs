//! The parts of the summary below the equations.

use std::time::Duration;

use super::{Text, Tone};
use crate::{
    latency::Latency,
    outcome::{Difference, JudgedThreshold, Offender, Outcome},
    plan::Metric,
    report::{
        command::reproduction as reproduce,
        faults::FaultLine,
        words::{self, count, counted, plain},
    },
};

pub(super) fn thresholds(text: &mut Text, outcome: &Outcome) {
    if outcome.judgement.thresholds.is_empty() {
        return;
    }
    let asked = outcome.judgement.thresholds.iter().map(|one| one.threshold.to_string().chars().count());
    let width = asked.max().unwrap_or_default();
    for one in &outcome.judgement.thresholds {
        let word = if one.held { "held  " } else { "missed" };
        let word = text.paint.paint(if one.held { Tone::Ok } else { Tone::Bad }, word);
        text.fact("Threshold", &format!("{word}  {:<width$}  {}", one.threshold.to_string(), figure(one)));
    }
    text.blank();
}

/// A threshold's figure with its unit.
pub(in crate::report) fn figure(one: &JudgedThreshold) -> String {
    match (one.actual, one.threshold.metric) {
        (None, _) => words::UNKNOWN.to_owned(),
        (Some(actual), metric) if metric.is_time() => words::seconds(actual),
        (Some(actual), Metric::Rate) => words::rate(actual),
        (Some(actual), _) => count(actual.max(0.0) as u64),
    }
}

/// The rows of the table of latencies: name, what it is, and the histogram. Those without a value are left out.
pub(in crate::report) fn rows(outcome: &Outcome) -> Vec<(&'static str, &'static str, &Latency)> {
    let all = &outcome.latencies;
    let rows = [
        ("intended → answer", "what a user would have waited", &all.intended),
        ("sent → answer", "what the server took", &all.service),
        ("intended → sent", "the generator's own lag", &all.lag),
        ("connect", "TCP alone", &all.connect),
        ("handshake", "TLS and the WebSocket handshake", &all.handshake),
        ("open", "from the first packet to an open connection", &all.open),
        ("recovery", "from a connection's death to its being open again", &all.recovery),
    ];
    rows.into_iter().filter(|(_, _, latency)| !latency.is_empty()).collect()
}

/// The columns of the table of latencies.
pub(in crate::report) const COLUMNS: [(&str, f64); 7] =
    [("min", 0.0), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

/// The time in one column of the table.
pub(in crate::report) fn cell(latency: &Latency, share: f64) -> Duration {
    if share == 0.0 { latency.min() } else { latency.quantile(share) }
}

pub(super) fn latencies(text: &mut Text, outcome: &Outcome) {
    let rows = rows(outcome);
    if rows.is_empty() {
        return;
    }
    let head: String = COLUMNS.iter().map(|(name, _)| format!(" {name:>8}")).collect();
    let head = text.paint.paint(Tone::Muted, &format!("{:<LATENCY_WIDTH$}{head}", "Latency"));
    text.line(&head);
    for (name, _, latency) in rows {
        let cells: String =
            COLUMNS.iter().map(|(_, share)| format!(" {:>8}", words::time(cell(latency, *share)))).collect();
        text.line(&format!("{:<LATENCY_WIDTH$}{cells}", name));
    }
    text.blank();
}

pub(super) fn facts(text: &mut Text, outcome: &Outcome) {
    let asked = outcome.rate_asked.map(|rate| format!(" of {} asked for", words::rate(rate))).unwrap_or_default();
    if outcome.sending.is_zero() {
        text.fact("Throughput", &format!("{}{asked}: no message was answered", words::UNKNOWN));
    } else {
        let took = words::time(outcome.sending);
        text.fact("Throughput", &format!("{}{asked}, over {took}", words::rate(outcome.rate)));
    }
    let bytes = outcome.bytes;
    text.fact("Bytes", &format!("{} sent, {} received", words::bytes(bytes.sent), words::bytes(bytes.received)));
    fan_out(text, outcome);
    connections(text, outcome);
    errors(text, outcome);
    faults(text, outcome);
    generator(text, outcome);
    text.blank();
}

fn fan_out(text: &mut Text, outcome: &Outcome) {
    let Some(fan) = &outcome.fan_out else { return };
    let (half, p99, most) = (fan.skew.quantile(0.5), fan.skew.quantile(0.99), fan.skew.max());
    let shape = fan.shape;
    let published = match shape.publishers {
        0 => "updates of".to_owned(),
        _ => format!("{} published to", count(fan.publications)),
    };
    text.fact(
        "Fan-out",
        &format!(
            "{published} {} x {}, {} came to all; first to last p50 {}, p99 {}, max {}",
            counted(shape.topics.into(), "topic"),
            counted(shape.subscribers.into(), "subscriber"),
            count(fan.complete),
            words::time(half),
            words::time(p99),
            words::time(most)
        ),
    );
}

fn connections(text: &mut Text, outcome: &Outcome) {
    let all = &outcome.connections;
    let mut parts = vec![format!("{} opened", count(all.opened)), format!("{} at once", count(all.open_max))];
    for (number, label) in [(all.failed, "could not be opened"), (all.lost, "died")] {
        if number > 0 {
            parts.push(text.paint.paint(Tone::Bad, &format!("{} {label}", count(number))));
        }
    }
    if all.recovered > 0 {
        parts.push(format!("{} open again", count(all.recovered)));
    }
    parts.push(format!("{} closed properly", count(all.closed)));
    if all.cut > 0 {
        parts.push(format!("{} cut off by hand", count(all.cut)));
    }
    text.fact("Connections", &parts.join(", "));
    let recovery = &outcome.latencies.recovery;
    if !recovery.is_empty() {
        let (half, most) = (words::time(recovery.quantile(0.5)), words::time(recovery.max()));
        text.fact("Recovery", &format!("{} in p50 {half}, max {most}", counted(recovery.count(), "connection")));
    }
}

fn errors(text: &mut Text, outcome: &Outcome) {
    if outcome.errors.is_empty() {
        text.fact("Errors", "none");
    }
    let mut errors: Vec<_> = outcome.errors.iter().collect();
    errors.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    for (at, (error, number)) in errors.iter().take(ERRORS_MAX).enumerate() {
        text.fact(if at == 0 { "Errors" } else { "" }, &format!("{:>7}  {}", count(**number), plain(error)));
    }
    if errors.len() > ERRORS_MAX {
        text.fact("", &format!("         {} more kinds: see --json or --html", errors.len() - ERRORS_MAX));
    }
}

fn faults(text: &mut Text, outcome: &Outcome) {
    for (at, fault) in outcome.faults.iter().enumerate() {
        let line = FaultLine::of(fault);
        text.fact(if at == 0 { "Faults" } else { "" }, &format!("{}: {}", line.name, line.reconciled));
        if !line.reactions.is_empty() {
            text.fact("", &format!("  {}", line.reactions));
        }
    }
    if !outcome.faults.is_empty() {
        let number = outcome.unexplained;
        let rest = format!("{} unexplained on the other connections", count(number));
        text.fact("", &if number == 0 { rest } else { text.paint.paint(Tone::Bad, &rest) });
    }
}

fn generator(text: &mut Text, outcome: &Outcome) {
    let health = &outcome.health;
    let cpu: Vec<String> = health.workers.iter().map(|worker| words::percent(worker.cpu)).collect();
    if cpu.is_empty() {
        return;
    }
    let workers = counted(cpu.len() as u64, "worker");
    let crowded = if cpu.len() > WORKERS_NAMED_MAX {
        let mean = health.workers.iter().map(|worker| worker.cpu).sum::<f64>() / cpu.len() as f64;
        format!("{workers} at {} CPU in the mean", words::percent(mean))
    } else {
        format!("{workers} at {} CPU", cpu.join(" and "))
    };
    let lag = if outcome.rate_asked.is_some() {
        format!(", send lag p99 {}", words::time(health.send_lag_p99))
    } else {
        String::new()
    };
    text.fact("Generator", &format!("{crowded}{lag}"));
    let descriptors = format!("{} of {} descriptors", count(health.descriptors), count(health.descriptors_max));
    text.fact("", &format!("longest stall {}, {descriptors}", words::time(health.stall_max)));
    let pace = format!("{} checked messages per CPU second", words::short(health.messages_per_cpu_second));
    let client = match health.client_bytes {
        0 => String::new(),
        bytes => format!("{} per client, ", words::bytes(bytes)),
    };
    text.fact("", &format!("{client}{pace}"));
    for saturation in &health.saturated {
        let word = text.paint.paint(Tone::Warn, "saturated:");
        text.fact("", &format!("{word} {}", saturation.text));
    }
}

pub(super) fn offenders(text: &mut Text, outcome: &Outcome) {
    if outcome.offenders.is_empty() {
        return;
    }
    let offending = outcome.account.sent - outcome.account.ok.min(outcome.account.sent)
        + outcome.account.duplicate
        + outcome.account.unsolicited;
    let shown = outcome.offenders.len().min(OFFENDERS_MAX);
    let head = format!("First {shown} of {}", counted(offending, "offending message"));
    let head = text.paint.paint(Tone::Muted, &head);
    text.line(&head);
    for offender in &outcome.offenders[..shown] {
        let line = offender_line(offender);
        let class = text.paint.paint(Tone::Bad, &format!("{:<11}", offender.class.label()));
        text.line(&format!("  {class} {line}"));
        if let Some(difference) = &offender.difference {
            self::difference(text, difference);
        }
    }
    if outcome.offenders.len() > shown {
        text.line("  more in --json, --html; all of them in --ledger FILE");
    }
    text.blank();
}

/// Where and when, and what more there is to say.
pub(in crate::report) fn offender_line(offender: &Offender) -> String {
    let sequence = offender.sequence.map(|sequence| format!(", message {}", count(sequence)));
    let note = if offender.note.is_empty() { String::new() } else { format!(": {}", plain(&offender.note)) };
    let connection = count(u64::from(offender.connection));
    format!("connection {connection}{}, at {}{note}", sequence.unwrap_or_default(), words::seconds(offender.at))
}

fn difference(text: &mut Text, difference: &Difference) {
    let sizes = if difference.expected_bytes == difference.got_bytes {
        format!("of {}", count(difference.got_bytes))
    } else {
        format!("({} expected, {} came)", count(difference.expected_bytes), count(difference.got_bytes))
    };
    text.line(&format!("              differs from byte {} on {sizes}", count(difference.at)));
    let (expected, got) = (plain(&difference.expected), plain(&difference.got));
    let common = expected.chars().zip(got.chars()).take_while(|(one, other)| one == other).count();
    text.line(&format!("              expected  {expected}"));
    text.line(&format!("              got       {got}"));
    let pointer = text.paint.paint(Tone::Bad, "^");
    text.line(&format!("              {:10}{}{pointer}", "", " ".repeat(common)));
}

pub(super) fn reproduction(text: &mut Text, outcome: &Outcome) {
    let reproduction = reproduce(outcome);
    text.fact("Reproduce", &reproduction.command);
    for missing in reproduction.missing {
        text.fact("", &format!("and {missing}"));
    }
}

/// With seven columns of nine: 80.
const LATENCY_WIDTH: usize = 17;
const ERRORS_MAX: usize = 10;
const OFFENDERS_MAX: usize = 10;
const WORKERS_NAMED_MAX: usize = 4;
