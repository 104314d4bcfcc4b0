//! A comparison in words.

use super::{Change, Comparison, Figure, Row, SECONDS_MIN};
use crate::report::{
    summary::{Paint, Tone},
    words,
};

/// The whole comparison; ends with a line break.
#[must_use]
pub fn text(comparison: &Comparison, names: (&str, &str), paint: Paint) -> String {
    let mut out = format!("{}\n\n", verdict(comparison, paint));
    let (base, other) = names;
    out.push_str(&paint.paint(Tone::Muted, &format!("{:<15}{:>14}{:>14}   difference", "", clip(base), clip(other))));
    out.push('\n');
    for row in &comparison.rows {
        let (base, other) = (value(row.figure, row.base), value(row.figure, row.other));
        let line = format!("{:<15}{base:>14}{other:>14}   {}", row.figure.label(), difference(row, paint));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if !comparison.settings.is_empty() {
        out.push_str("\nSettings that differ\n");
        for (name, base, other) in &comparison.settings {
            out.push_str(&format!("  {name}: {} → {}\n", words::plain(base), words::plain(other)));
        }
    }
    for caution in &comparison.cautions {
        out.push_str(&format!("{} {caution}\n", paint.paint(Tone::Warn, "note:")));
    }
    out.push_str(&paint.paint(Tone::Muted, &method(comparison)));
    out.push('\n');
    out
}

fn verdict(comparison: &Comparison, paint: Paint) -> String {
    let named = |change: Change| {
        let rows = comparison.rows.iter().filter(|row| row.change == change && row.figure != Figure::Cpu);
        rows.map(|row| row.figure.label()).collect::<Vec<_>>().join(", ")
    };
    match comparison.verdict {
        Change::Worse => {
            let better = named(Change::Better);
            let but = if better.is_empty() { String::new() } else { format!("; better: {better}") };
            format!("{}  {}{but}", paint.paint(Tone::Bad, "WORSE"), named(Change::Worse))
        }
        Change::Better => format!("{}  {}", paint.paint(Tone::Ok, "BETTER"), named(Change::Better)),
        Change::Same => format!("{}  no difference beyond noise", paint.paint(Tone::Ok, "SAME")),
        Change::Unknown => {
            let word = paint.paint(Tone::Warn, "UNKNOWN");
            format!("{word}  too short to tell noise from difference: use -d 10s or longer")
        }
    }
}

fn value(figure: Figure, value: f64) -> String {
    match figure {
        Figure::Rate => words::rate(value),
        Figure::P50 | Figure::P90 | Figure::P99 => words::seconds(value),
        Figure::Cpu => words::percent(value),
        Figure::Offending => words::figure(value),
    }
}

fn difference(row: &Row, paint: Paint) -> String {
    let word = match row.change {
        Change::Better => paint.paint(Tone::Ok, "better"),
        Change::Worse if row.figure == Figure::Cpu => "different".to_owned(),
        Change::Worse => paint.paint(Tone::Bad, "worse"),
        Change::Same if row.figure == Figure::Offending => "the same".to_owned(),
        Change::Same => "no difference beyond noise".to_owned(),
        Change::Unknown => "–".to_owned(),
    };
    match row.ratio {
        Some(ratio) => {
            let [value, low, high] = [ratio.value, ratio.low, ratio.high].map(|ratio| (ratio - 1.0) * 100.0);
            format!("{value:>+6.1} %  ({low:+.1} to {high:+.1} %)  {word}")
        }
        None => word,
    }
}

fn method(comparison: &Comparison) -> String {
    let (base, other) = comparison.seconds;
    format!(
        "Difference: medians of {base} and {other} per-second values; in brackets what chance makes of it (95 %, block \
         bootstrap;\nneeds {SECONDS_MIN} whole seconds each). Two runs cannot show what differs from run to run: repeat them."
    )
}

/// A file's name, short enough for its column.
fn clip(name: &str) -> String {
    let name = std::path::Path::new(name).file_name().map_or(name.into(), |name| name.to_string_lossy());
    let name = words::plain(&name).into_owned();
    if name.chars().count() <= 13 { name } else { name.chars().take(12).chain(['…']).collect() }
}
