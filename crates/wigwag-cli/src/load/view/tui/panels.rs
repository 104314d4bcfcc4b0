//! What stands in the panels.

use std::cmp::Reverse;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Sparkline,
};
use wigwag_load::{
    account::Class,
    latency::Heat,
    report::{
        equation::Equation,
        words::{self, UNKNOWN, count, percent, rate, time},
    },
    snapshot::{MarkKind, Second, Snapshot},
};

use super::style::Style;

/// Connections, rates, what is under way.
pub(super) fn load(snapshot: &Snapshot, style: Style) -> Vec<Line<'static>> {
    let connections = &snapshot.connections;
    let row = |label: &str, spans: Vec<Span<'static>>| {
        let label = Span::styled(format!(" {label:<12}"), style.muted());
        Line::from_iter([label].into_iter().chain(spans))
    };
    let mut open = vec![Span::styled(count(connections.open), style.strong()), Span::raw(" open")];
    if connections.opening > 0 {
        open.push(Span::raw(format!(", {} opening", count(connections.opening))));
    }
    let unknown = || UNKNOWN.to_owned();
    let now = match snapshot.rate_asked {
        None => vec![Span::styled(snapshot.rate_now.map_or_else(unknown, rate), style.strong())],
        Some(asked) => vec![
            Span::styled(snapshot.rate_now.map_or_else(unknown, words::short), style.strong()),
            Span::styled(format!(" of {}", rate(asked)), style.muted()),
        ],
    };
    let bytes = &snapshot.bytes;
    vec![
        row("connections", open),
        row(
            "",
            vec![
                trouble(connections.lost, "lost", style),
                Span::raw(", "),
                trouble(connections.failed, "failed", style),
            ],
        ),
        row("rate now", now),
        row("rate mean", vec![Span::raw(rate(snapshot.rate_mean))]),
        row(
            "in flight",
            vec![
                Span::raw(count(snapshot.in_flight)),
                Span::styled(format!("  {} out", words::bytes(bytes.sent)), style.muted()),
            ],
        ),
    ]
}

fn trouble(number: u64, label: &str, style: Style) -> Span<'static> {
    let text = format!("{} {label}", count(number));
    if number == 0 { Span::raw(text) } else { Span::styled(text, style.bad()) }
}

/// Percentiles, of the last second and of all.
pub(super) fn latency(snapshot: &Snapshot, style: Style) -> Vec<Line<'static>> {
    let (now, all) = (&snapshot.now, &snapshot.latencies.intended);
    let head = Line::styled(format!(" {:<7}{:>13}{:>13}", "", "last second", "all"), style.muted());
    let row = |(label, share): (&'static str, f64)| {
        let now = if now.count() == 0 { UNKNOWN.to_owned() } else { time(now.quantile(share)) };
        let all = if all.is_empty() { UNKNOWN.to_owned() } else { time(all.quantile(share)) };
        Line::from(vec![
            Span::styled(format!(" {label:<7}"), style.muted()),
            Span::styled(format!("{now:>13}"), style.strong()),
            Span::raw(format!("{all:>13}")),
        ])
    };
    [head].into_iter().chain([("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)].map(row)).collect()
}

/// The equation, then every class that should be empty.
pub(super) fn ledger(snapshot: &Snapshot, style: Style, width: u16) -> Vec<Line<'static>> {
    let account = &snapshot.account;
    let sent = Equation::of_sent(account);
    let mut spans =
        vec![Span::styled(format!(" {} ", sent.total), style.strong()), Span::raw(format!("{} ", sent.sign()))];
    for (at, term) in sent.terms.iter().enumerate() {
        if at > 0 {
            spans.push(Span::raw(" + "));
        }
        let ink = if term.offends && term.count > 0 {
            style.bad()
        } else if at == 0 {
            style.ok()
        } else {
            style.muted()
        };
        spans.push(Span::styled(term.to_string(), ink));
    }
    let classes = || Class::SENT.into_iter().chain(Class::SURPLUS).filter(|class| *class != Class::Ok);
    let texts: Vec<(String, String, bool)> =
        classes().map(|class| (class.label().to_owned(), number(account[class]), account[class] > 0)).collect();
    let used: usize = texts.iter().map(|(label, number, _)| label.len().max(number.chars().count())).sum();
    let gap = (usize::from(width).saturating_sub(used + 1) / texts.len()).clamp(1, 4);
    let (mut labels, mut numbers) = (vec![Span::raw(" ")], vec![Span::raw(" ")]);
    for (label, number, offends) in texts {
        let column = label.len().max(number.chars().count()) + gap;
        labels.push(Span::styled(format!("{label:<column$}"), style.muted()));
        numbers.push(Span::styled(format!("{number:<column$}"), if offends { style.bad() } else { style.strong() }));
    }
    vec![Line::from(spans), Line::from(labels), Line::from(numbers)]
}

/// Exact as long as it fits into its column.
fn number(number: u64) -> String {
    if number < 1_000_000 { count(number) } else { words::short(number as f64) }
}

/// The most frequent errors, faults and the fan-out so far; at least one line.
pub(super) fn errors(snapshot: &Snapshot, style: Style, most: usize) -> Vec<Line<'static>> {
    let mut errors: Vec<_> = snapshot.errors.iter().collect();
    errors.sort_by_key(|(_, number)| Reverse(**number));
    let mut lines: Vec<Line<'static>> = Vec::new();
    if errors.is_empty() {
        lines.push(Line::from(vec![Span::styled(" errors     ", style.muted()), Span::raw("none")]));
    }
    for (at, (error, number)) in errors.iter().take(most).enumerate() {
        let more = if at + 1 == most && errors.len() > most {
            format!("  (+{} kinds)", errors.len() - most)
        } else {
            String::new()
        };
        lines.push(Line::from(vec![
            Span::styled(if at == 0 { " errors     " } else { "            " }, style.muted()),
            Span::styled(count(**number), style.bad()),
            Span::raw(format!("  {}{more}", words::plain(error))),
        ]));
    }
    if !snapshot.faults.is_empty() {
        let fault = |fault: &wigwag_load::snapshot::FaultAccount| {
            format!("{} {}/{}", fault.kind.name(), count(fault.injected), count(fault.planned))
        };
        let text = snapshot.faults.iter().map(fault).collect::<Vec<_>>().join("  ");
        lines.push(Line::from(vec![Span::styled(" faults     ", style.muted()), Span::raw(text)]));
    }
    if let Some(fan) = &snapshot.fan_out {
        lines.push(Line::from(vec![Span::styled(" fan-out    ", style.muted()), Span::raw(skew(fan))]));
    }
    lines
}

/// How far apart subscribers got what was published.
fn skew(fan: &wigwag_load::outcome::FanReport) -> String {
    let time = |share| if fan.skew.is_empty() { UNKNOWN.to_owned() } else { time(fan.skew.quantile(share)) };
    let complete = count(fan.complete);
    format!("{complete} came to all, first to last p50 {} p99 {} max {}", time(0.5), time(0.99), time(1.0))
}

/// What the generator itself suffers from, in a line.
pub(super) fn generator(snapshot: &Snapshot, style: Style) -> Line<'static> {
    let health = &snapshot.health;
    let label = Span::styled(" generator  ", style.muted());
    if let Some(worst) = health.saturated.first() {
        return Line::from(vec![label, Span::styled("saturated: ", style.warn()), Span::raw(worst.text.clone())]);
    }
    let most = health.workers.iter().map(|worker| worker.cpu).fold(0.0, f64::max);
    let lag = match snapshot.rate_asked {
        Some(_) => format!("lag p99 {}, ", time(health.send_lag_p99)),
        None => String::new(),
    };
    let (descriptors, most_descriptors) = (count(health.descriptors), count(health.descriptors_max));
    let text = format!(
        "CPU {} at most, {lag}stall {}, {descriptors} of {most_descriptors} fds",
        percent(most),
        time(health.stall_max)
    );
    Line::from(vec![label, Span::raw(text)])
}

/// Answers per second up to now, what happened below, and the scale.
pub(super) fn draw_timeline(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, style: Style) {
    let [bars, axis] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(area);
    // The last second is not whole, and would always look like a fall.
    let whole = snapshot.recent.len().saturating_sub(1).max(1).min(snapshot.recent.len());
    let seconds: &[Second] = &snapshot.recent[..whole];
    let shown = &seconds[seconds.len().saturating_sub(usize::from(bars.width))..];
    let values: Vec<u64> = shown.iter().map(|second| second.answered).collect();
    let most = values.iter().copied().max().unwrap_or_default();
    // Now is at the right edge.
    let indent = bars.width.saturating_sub(values.len() as u16);
    let place = Rect { x: bars.x + indent, width: bars.width - indent, ..bars };
    frame.render_widget(Sparkline::default().data(&values).max(most.max(1)).style(style.sea()), place);
    let scale = Line::styled(words::short(most as f64), style.muted());
    if indent as usize > scale.width() + 1 {
        frame.render_widget(scale, Rect { height: 1, ..bars });
    }
    let left = format!("-{}", words::clock(std::time::Duration::from_secs(u64::from(bars.width))));
    let happened = marks(snapshot, usize::from(bars.width), style);
    match happened {
        Some(line) => frame.render_widget(line, axis),
        None => {
            let gap = usize::from(axis.width).saturating_sub(left.len() + 3);
            frame.render_widget(Line::styled(format!("{left}{}now", " ".repeat(gap)), style.muted()), axis);
        }
    }
}

/// A sign under each second in which something happened; `None` where nothing did.
fn marks(snapshot: &Snapshot, width: usize, style: Style) -> Option<Line<'static>> {
    let now = snapshot.sending.as_secs_f64().floor();
    let mut cells = vec![Span::raw(" "); width];
    let mut any = false;
    for mark in &snapshot.marks {
        let back = (now - mark.at.floor()).max(0.0) as usize;
        // The running second is not shown.
        let Some(at) = width.checked_sub(back.max(1)) else { continue };
        any = true;
        cells[at] = match mark.kind {
            MarkKind::Fault => Span::styled("!", style.warn()),
            MarkKind::Lost => Span::styled("x", style.bad()),
            MarkKind::Recovered => Span::styled("^", style.ok()),
            MarkKind::Load => Span::styled("|", style.muted()),
        };
    }
    any.then(|| Line::from(cells))
}

/// All latencies so far, from fast to slow in logarithmic steps.
pub(super) fn draw_histogram(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, style: Style) {
    let [bars, axis] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(area);
    let mut heat = Heat::default();
    snapshot.recent.iter().for_each(|second| heat.add(&second.heat));
    let counts = heat.counts();
    let (Some(low), high) = (counts.iter().position(|count| *count > 0), counts.len()) else {
        frame.render_widget(Line::styled(" appears with the first answers", style.muted()), bars);
        return;
    };
    let (width, span) = (usize::from(bars.width).max(1), high - low);
    // Buckets and columns are spread over each other; where several buckets share a column, the fullest is shown.
    let column = |at: usize| {
        let from = low + at * span / width;
        let to = (low + (at + 1) * span / width).max(from + 1).min(high);
        let most = counts[from..to].iter().copied().max().unwrap_or_default();
        // The square root lets the slow ones be seen beside the many.
        (f64::from(most).sqrt() * 8.0).ceil() as u64
    };
    let values: Vec<u64> = (0..width).map(column).collect();
    let most = values.iter().copied().max().unwrap_or(1).max(1);
    frame.render_widget(Sparkline::default().data(&values).max(most).style(style.sea()), bars);
    let begin = low.checked_sub(1).map_or_else(|| "0".to_owned(), |before| time(Heat::bound(before)));
    let (middle, end) = (time(Heat::bound(low + span / 2)), time(Heat::bound(high - 1)));
    let used = width;
    let gap = |text: &str, at: usize| " ".repeat(at.saturating_sub(text.chars().count()));
    let mut line = begin;
    let place = used / 2;
    if place > line.chars().count() + middle.chars().count() / 2 + 1 {
        let pad = gap(&line, place.saturating_sub(middle.chars().count() / 2));
        line = format!("{line}{pad}{middle}");
    }
    let pad = gap(&line, used.saturating_sub(end.chars().count()).max(line.chars().count() + 1));
    frame.render_widget(Line::styled(format!("{line}{pad}{end}"), style.muted()), axis);
}
