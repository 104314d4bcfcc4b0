//! The time line as CSV (RFC 4180), a row per stretch: for spreadsheets and plots. Times are in seconds.

use std::io::{self, Write};

use crate::{
    latency::Heat,
    outcome::{Outcome, Timeline},
    snapshot::Second,
};

/// The names of the columns.
pub const COLUMNS: [&str; 21] = [
    "start_s",
    "length_s",
    "sent",
    "answered",
    "offending",
    "errors",
    "opened",
    "open",
    "in_flight",
    "rate_asked",
    "bytes_out",
    "bytes_in",
    "p50_s",
    "p90_s",
    "p99_s",
    "p99_9_s",
    "max_s",
    "lag_p99_s",
    "cpu_cores",
    "stall_s",
    "marks",
];

/// Writes the time line with a row of names.
///
/// # Errors
/// Where the writer fails.
pub fn write(outcome: &Outcome, mut out: impl Write) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    for (at, stretch) in outcome.timeline.stretches.iter().enumerate() {
        row(&outcome.timeline, at, stretch, &mut out)?;
    }
    out.flush()
}

fn row(timeline: &Timeline, at: usize, second: &Second, out: &mut impl Write) -> io::Result<()> {
    let start = at as f64 * timeline.stretch;
    write!(out, "{start},{},{},{},{},", timeline.stretch, second.sent, second.answered, second.offending)?;
    write!(out, "{},{},{},{},{},", second.errors, second.opened, second.open, second.in_flight, second.rate_asked)?;
    write!(out, "{},{},", second.bytes_out, second.bytes_in)?;
    for share in [0.5, 0.9, 0.99, 0.999, 1.0] {
        write!(out, "{},", time(&second.heat, share))?;
    }
    write!(out, "{},{},{},", time(&second.lag, 0.99), second.cpu, second.stall)?;
    // What happened before the first message is told in the first row.
    let from = if at == 0 { f64::NEG_INFINITY } else { start };
    let marks = timeline.marks.iter().filter(|mark| mark.at >= from && mark.at < start + timeline.stretch);
    let texts: Vec<&str> = marks.map(|mark| mark.text.as_str()).collect();
    write!(out, "{}\r\n", quoted(&texts.join("; ")))
}

/// Seconds with six digits; empty where nothing was counted.
fn time(heat: &Heat, share: f64) -> String {
    if heat.count() == 0 { String::new() } else { format!("{:.6}", heat.quantile(share).as_secs_f64()) }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
