//! The two charts of latency: the heat map over time and the curve of percentiles.

use super::{
    axis::{Log, Tick},
    chart::{Chart, Label, Pen, Readings, Series, marks, spread, steps},
    columns::Column,
    timelines::{heads, starts, time_axis},
};
use crate::{
    latency::{Heat, Latency},
    outcome::Outcome,
    report::words,
};

/// How many answers took how long, at each moment. Darker is more, in logarithmic steps: a few slow answers are to be seen.
pub(super) fn map(outcome: &Outcome, columns: &[Column]) -> Option<Chart> {
    let (length, x) = time_axis(columns)?;
    let counts = || columns.iter().flat_map(|column| column.data.heat.counts().iter().enumerate());
    let filled = || counts().filter(|(_, count)| **count > 0).map(|(bucket, _)| bucket);
    let (low, high) = (filled().min()?, filled().max()?);
    let bound = |bucket: usize| Heat::bound(bucket).as_secs_f64();
    let axis = Log::between(low.checked_sub(1).map_or(1e-6, bound), bound(high));
    let most = counts().map(|(_, count)| *count).max()?;
    let mut levels: Vec<Pen> = (0..LEVELS).map(|_| Pen::default()).collect();
    for column in columns {
        let (left, right) = (column.start / length, column.end / length);
        for (bucket, count) in column.data.heat.counts().iter().enumerate().filter(|(_, count)| **count > 0) {
            let (bottom, top) = (axis.at_bucket(bucket), axis.at_bucket(bucket + 1));
            levels[level(*count, most)].rectangle(left, right, bottom, top);
        }
    }
    let mut chart = Chart {
        title: "Latency over time".to_owned(),
        note: "intended → answer; stronger: more answers".to_owned(),
        description: "How many answers took how long, at each moment of the run.".to_owned(),
        is_tall: true,
        x,
        y: axis.ticks(),
        marks: marks(&outcome.timeline, length),
        ..Chart::default()
    };
    let levels = levels.into_iter().enumerate().filter(|(_, pen)| !pen.is_empty());
    chart.paths = levels.map(|(level, pen)| pen.done(format!("heat heat{level}"))).collect();
    for (name, class, share) in [("p99", "p99", 0.99), ("p50", "p50", 0.5)] {
        let time = |column: &Column| {
            (column.data.heat.count() > 0).then(|| axis.at(column.data.heat.quantile(share).as_secs_f64()))
        };
        let points: Vec<_> =
            columns.iter().map(|column| (column.start / length, column.end / length, time(column))).collect();
        chart.paths.push(steps(&points, false).done(format!("line {class}")));
        let last = points.iter().rev().find_map(|(_, _, y)| *y).unwrap_or_default();
        chart.labels.push(Label { class, text: name.to_owned(), bottom: last * 100.0 });
    }
    spread(&mut chart.labels, 6.0);
    chart.readings = map_readings(columns, length).json();
    Some(chart)
}

fn level(count: u32, most: u32) -> usize {
    let share = f64::from(count).ln_1p() / f64::from(most).ln_1p();
    ((share * LEVELS as f64).ceil() as usize).clamp(1, LEVELS) - 1
}

fn map_readings(columns: &[Column], length: f64) -> Readings {
    let series = |name, share: f64| Series {
        name,
        values: columns.iter().map(|column| time(&column.data.heat, share)).collect(),
    };
    let answers = columns.iter().map(|column| words::count(column.data.heat.count())).collect();
    Readings {
        starts: starts(columns, length),
        heads: heads(columns),
        series: vec![
            series("max", 1.0),
            series("p99", 0.99),
            series("p50", 0.5),
            Series { name: "answers", values: answers },
        ],
    }
}

fn time(heat: &Heat, share: f64) -> String {
    if heat.count() == 0 { words::UNKNOWN.to_owned() } else { words::time(heat.quantile(share)) }
}

/// What share of all was at most how slow, with the slow end pulled apart: each step to the right is a tenth of the rest.
pub(super) fn curve(outcome: &Outcome) -> Option<Chart> {
    let all = &outcome.latencies;
    let is_open_loop = outcome.rate_asked.is_some();
    let mut series = vec![("intended → answer", "intended", &all.intended), ("sent → answer", "in", &all.service)];
    if is_open_loop {
        series.push(("intended → sent", "asked", &all.lag));
    }
    series.retain(|(_, _, latency)| !latency.is_empty());
    let count = series.iter().map(|(_, _, latency)| latency.count()).max()?;
    let nines = (count as f64).log10().clamp(1.0, 8.0);
    // The lag's least is 0, which a logarithmic axis does not reach: the other two say where it begins.
    let least = series.iter().take(2).map(|(_, _, latency)| latency.min().as_secs_f64()).fold(f64::INFINITY, f64::min);
    let most = series.iter().map(|(_, _, latency)| latency.max().as_secs_f64()).fold(0.0, f64::max);
    let axis = Log::between(least, most);
    let mut chart = Chart {
        title: "Latency by percentile".to_owned(),
        note: "logarithmic on both axes".to_owned(),
        description: describe(&all.intended, &all.service),
        is_tall: true,
        x: percentiles(nines),
        y: axis.ticks(),
        ..Chart::default()
    };
    let places: Vec<f64> = (0..=CURVE_POINTS).map(|at| f64::from(at) / f64::from(CURVE_POINTS)).collect();
    let share = |place: f64| if place >= 1.0 { 1.0 } else { 1.0 - 10f64.powf(-place * nines) };
    for (name, class, latency) in &series {
        let mut pen = Pen::default();
        for place in &places {
            let y = axis.at(latency.quantile(share(*place)).as_secs_f64());
            if pen.is_empty() { pen.move_to(*place, y) } else { pen.line_to(*place, y) }
        }
        chart.paths.push(pen.done(format!("line {class}")));
        let bottom = axis.at(latency.max().as_secs_f64()) * 100.0;
        chart.labels.push(Label { class, text: (*name).to_owned(), bottom });
    }
    spread(&mut chart.labels, 6.0);
    let values =
        |latency: &Latency| places.iter().map(|place| words::time(latency.quantile(share(*place)))).collect::<Vec<_>>();
    chart.readings = Readings {
        // A reading is for what is nearest, so each begins half a step before its place.
        starts: places.iter().map(|place| (place - 0.5 / f64::from(CURVE_POINTS)).max(0.0)).collect(),
        heads: places.iter().map(|place| percentile(share(*place))).collect(),
        series: series.iter().map(|(name, _, latency)| Series { name, values: values(latency) }).collect(),
    }
    .json();
    Some(chart)
}

fn percentile(share: f64) -> String {
    if share >= 1.0 { "max".to_owned() } else { format!("p{}", super::axis::trimmed_to(share * 100.0, 5)) }
}

fn percentiles(nines: f64) -> Vec<Tick> {
    let named = [
        (0.5, "p50"),
        (0.9, "p90"),
        (0.99, "p99"),
        (0.999, "p99.9"),
        (0.9999, "p99.99"),
        (0.99999, "p99.999"),
        (0.999_999, "p99.9999"),
    ];
    let place = |share: f64| -(1.0 - share).log10() / nines;
    let mut ticks: Vec<Tick> = Vec::new();
    for (share, name) in named {
        // Longer names need more room; `max` stands at the end.
        let (at, room) = (place(share), 0.014 * (name.len() + 4) as f64);
        if at < 1.0 - room && ticks.last().is_none_or(|last| at - last.at > room) {
            ticks.push(Tick { at, label: name.to_owned() });
        }
    }
    ticks.push(Tick { at: 1.0, label: "max".to_owned() });
    ticks
}

fn describe(intended: &Latency, service: &Latency) -> String {
    let figures = |latency: &Latency| {
        let [half, tail] = [0.5, 0.99].map(|share| words::time(latency.quantile(share)));
        format!("p50 {half}, p99 {tail}, max {}", words::time(latency.max()))
    };
    format!(
        "Time from intended sending to answer: {}. From sending to answer: {}.",
        figures(intended),
        figures(service)
    )
}

const LEVELS: usize = 8;
const CURVE_POINTS: u32 = 160;
