//! The charts over time but the heat map: throughput, connections, the generator.

use super::{
    axis::{Linear, Tick, round_count, time_ticks},
    chart::{Chart, Label, Readings, Series, marks, spread, steps},
    columns::Column,
};
use crate::{outcome::Outcome, report::words};

/// One line of a chart over time.
struct Line<'a> {
    name: &'static str,
    class: &'static str,
    value: &'a dyn Fn(&Column) -> f64,
    text: &'a dyn Fn(f64) -> String,
    /// Filled below.
    is_area: bool,
}

pub(super) fn throughput(outcome: &Outcome, columns: &[Column]) -> Option<Chart> {
    let rate = |value: f64| words::rate(value);
    let answered = |column: &Column| column.per_second(column.data.answered);
    let sent = |column: &Column| column.per_second(column.data.sent);
    let asked = |column: &Column| column.data.rate_asked;
    let offending = |column: &Column| column.per_second(column.data.offending);
    let mut lines = vec![
        Line { name: "answered", class: "in", value: &answered, text: &rate, is_area: true },
        Line { name: "sent", class: "out", value: &sent, text: &rate, is_area: false },
    ];
    if outcome.rate_asked.is_some() {
        lines.push(Line { name: "asked for", class: "asked", value: &asked, text: &rate, is_area: false });
    }
    if columns.iter().any(|column| column.data.offending > 0) {
        lines.push(Line { name: "offending", class: "bad", value: &offending, text: &rate, is_area: true });
    }
    let description =
        format!("Answered messages per second over time; {} over the whole run.", words::rate(outcome.rate));
    over_time(outcome, columns, &lines, round_count, ("Throughput", "messages per second", description))
}

pub(super) fn connections(outcome: &Outcome, columns: &[Column]) -> Option<Chart> {
    let number = |value: f64| words::count(value.round() as u64);
    let open = |column: &Column| column.data.open as f64;
    let errors = |column: &Column| column.data.errors as f64;
    let mut lines = vec![Line { name: "open", class: "in", value: &open, text: &number, is_area: true }];
    if columns.iter().any(|column| column.data.errors > 0) {
        lines.push(Line { name: "failed or died", class: "bad", value: &errors, text: &number, is_area: true });
    }
    let most = words::count(outcome.connections.open_max);
    let description = format!("Open connections over time; {most} connections open at once.");
    over_time(outcome, columns, &lines, round_count, ("Connections", "open at once", description))
}

/// On a chart of its own: thousands may be under way on a handful of connections.
pub(super) fn in_flight(outcome: &Outcome, columns: &[Column]) -> Option<Chart> {
    let number = |value: f64| words::count(value.round() as u64);
    let in_flight = |column: &Column| column.data.in_flight as f64;
    let lines = [Line { name: "in flight", class: "flight", value: &in_flight, text: &number, is_area: true }];
    let most = columns.iter().map(in_flight).fold(0.0, f64::max);
    let description = format!("Messages in flight over time; {} at most.", number(most));
    over_time(outcome, columns, &lines, round_count, ("Messages in flight", "sent and not answered", description))
}

pub(super) fn generator(outcome: &Outcome, columns: &[Column]) -> Option<Chart> {
    let cores = |value: f64| format!("{value:.2} cores");
    let milliseconds = |value: f64| words::seconds(value);
    let cpu = |column: &Column| column.data.cpu;
    let stall = |column: &Column| column.data.stall;
    let lag = |column: &Column| column.data.lag.quantile(0.99).as_secs_f64();
    let lines = [Line { name: "CPU", class: "flight", value: &cpu, text: &cores, is_area: true }];
    let description = "CPU time of the generator's workers over time, in cores.".to_owned();
    let title = ("The generator itself", "CPU time of its workers, in cores", description);
    let mut chart = over_time(outcome, columns, &lines, round_count, title)?;
    // Of another unit, so not on this axis: for the pointer only.
    let read = [
        Line { name: "longest stall", class: "", value: &stall, text: &milliseconds, is_area: false },
        Line { name: "send lag p99", class: "", value: &lag, text: &milliseconds, is_area: false },
    ];
    let read = read.into_iter().take(if outcome.rate_asked.is_some() { 2 } else { 1 });
    let all: Vec<Line<'_>> = lines.into_iter().chain(read).collect();
    chart.readings = readings(columns, &all, columns.last()?.end).json();
    Some(chart)
}

fn over_time(
    outcome: &Outcome,
    columns: &[Column],
    lines: &[Line<'_>],
    tick: fn(f64) -> String,
    (title, note, description): (&str, &str, String),
) -> Option<Chart> {
    let length = columns.last()?.end;
    let values = |line: &Line<'_>| columns.iter().map(line.value).collect::<Vec<f64>>();
    let most = lines.iter().flat_map(values).fold(0.0, f64::max);
    let axis = Linear::to(most);
    let mut chart = Chart {
        title: title.to_owned(),
        note: note.to_owned(),
        description,
        x: time_ticks(length),
        y: axis.ticks(tick),
        marks: marks(&outcome.timeline, length),
        ..Chart::default()
    };
    for line in lines {
        let values = values(line);
        let points: Vec<_> = columns
            .iter()
            .zip(&values)
            .map(|(column, value)| (column.start / length, column.end / length, Some(axis.at(*value))))
            .collect();
        if line.is_area {
            chart.paths.push(steps(&points, true).done(format!("area {}", line.class)));
        }
        chart.paths.push(steps(&points, false).done(format!("line {}", line.class)));
        let last = values.last().copied().unwrap_or_default();
        chart.labels.push(Label { class: line.class, text: line.name.to_owned(), bottom: axis.at(last) * 100.0 });
    }
    spread(&mut chart.labels, 9.0);
    chart.readings = readings(columns, lines, length).json();
    Some(chart)
}

fn readings(columns: &[Column], lines: &[Line<'_>], length: f64) -> Readings {
    let series = |line: &Line<'_>| Series {
        name: line.name,
        values: columns.iter().map(|column| (line.text)((line.value)(column))).collect(),
    };
    Readings { starts: starts(columns, length), heads: heads(columns), series: lines.iter().map(series).collect() }
}

/// Where columns begin, 0 to 1, rounded to what a pointer can hit.
pub(super) fn starts(columns: &[Column], length: f64) -> Vec<f64> {
    columns.iter().map(|column| (column.start / length * 1e4).round() / 1e4).collect()
}

/// What a column is called.
pub(super) fn heads(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| format!("at {}", words::seconds(column.start))).collect()
}

/// The ticks of a chart over time; for the heat map too.
pub(super) fn time_axis(columns: &[Column]) -> Option<(f64, Vec<Tick>)> {
    let length = columns.last()?.end;
    Some((length, time_ticks(length)))
}
