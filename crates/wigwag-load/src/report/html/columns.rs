//! The time line as columns of a chart: as many as a screen can show, however long the run was.

use crate::{outcome::Outcome, snapshot::Second};

/// A stretch of time and what happened in it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// In seconds since the first message.
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) data: Second,
}

impl Column {
    /// A count of this column as a rate.
    pub(super) fn per_second(&self, count: u64) -> f64 {
        count as f64 / (self.end - self.start).max(f64::MIN_POSITIVE)
    }
}

/// The columns of this run.
pub(super) fn of(outcome: &Outcome) -> Vec<Column> {
    let stretch = outcome.timeline.stretch;
    if !(stretch.is_finite() && stretch > 0.0) {
        return Vec::new();
    }
    let end = outcome.sending.as_secs_f64();
    let all = until_the_last_answer(&outcome.timeline.stretches, stretch, end);
    let together = all.len().div_ceil(COLUMNS_MAX).max(1);
    let mut columns: Vec<Column> = Vec::new();
    for (at, seconds) in all.chunks(together).enumerate() {
        let start = (at * together) as f64 * stretch;
        let mut full = start + seconds.len() as f64 * stretch;
        // The last stretch is as long as it lasted, or its rate would seem to fall.
        if (at + 1) * together >= all.len() && end > start && end < full {
            full = end;
        }
        columns.push(Column { start, end: full, data: merged(seconds) });
    }
    // A sliver at the end has a rate that means nothing.
    if columns.len() > 1 && columns.last().is_some_and(|last| last.end - last.start < stretch * SLIVER) {
        let last = columns.pop().map(|last| last.data).unwrap_or_default();
        if let Some(before) = columns.last_mut() {
            before.data = merged(&[before.data.clone(), last]);
            before.end = before.end.max(end);
        }
    }
    // At the end of the last stretch all are closed; they were open while its messages were answered.
    let before = columns.len().checked_sub(2).map_or(outcome.connections.open_max, |at| columns[at].data.open);
    if let Some(last) = columns.last_mut().filter(|last| last.data.open == 0) {
        last.data.open = before;
    }
    columns
}

/// Without what comes after the last answer: connections that close are no part of the load.
fn until_the_last_answer(all: &[Second], stretch: f64, end: f64) -> &[Second] {
    let is_over = |(at, second): (usize, &Second)| at as f64 * stretch >= end && second.sent + second.answered == 0;
    let over = all.iter().enumerate().rev().take_while(|(at, second)| *at > 0 && is_over((*at, second))).count();
    &all[..all.len() - over]
}

fn merged(seconds: &[Second]) -> Second {
    let mut all = Second::default();
    for second in seconds {
        all.sent += second.sent;
        all.answered += second.answered;
        all.offending += second.offending;
        all.errors += second.errors;
        all.opened += second.opened;
        all.bytes_out += second.bytes_out;
        all.bytes_in += second.bytes_in;
        all.cpu += second.cpu / seconds.len() as f64;
        all.stall = all.stall.max(second.stall);
        all.heat.add(&second.heat);
        all.lag.add(&second.lag);
        (all.open, all.in_flight, all.rate_asked) = (second.open, second.in_flight, second.rate_asked);
    }
    all
}

const COLUMNS_MAX: usize = 300;
/// A stretch shorter than this share of a whole one is shown as part of the one before.
const SLIVER: f64 = 0.2;
