//! The HTML report: one file that needs nothing else, offline, from a disk or an e-mail.
//!
//! The charts are SVG drawn here, not by a script: they follow light and dark by style sheet alone, print as vectors, and
//! are there without scripts. (uPlot draws on a canvas: it would print as pixels, in the colours of the screen, and weigh
//! 51 KB.) A script of 2 KB adds exact values under the pointer. Text of peers is escaped by the template; the page's
//! policy forbids it to load or send anything.

mod axis;
mod chart;
mod columns;
mod heat;
mod page;
mod timelines;

use std::io::{self, Write};

use askama::Template as _;

use self::page::Page;
use crate::outcome::Outcome;

/// Writes the report.
///
/// # Errors
/// Where the writer fails.
pub fn write(outcome: &Outcome, mut out: impl Write) -> io::Result<()> {
    out.write_all(render(outcome).as_bytes())?;
    out.flush()
}

/// The report as text.
#[must_use]
pub fn render(outcome: &Outcome) -> String {
    // Writing to a string fails only where a value's `Display` does, and none of these does.
    Page::of(outcome).render().unwrap_or_else(|error| format!("<!doctype html><p>The report cannot be made: {error}"))
}
