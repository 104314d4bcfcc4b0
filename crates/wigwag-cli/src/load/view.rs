//! What a person sees of a run: while it goes on, at its end, and in the files that remain.
//!
//! At a terminal a full screen ([`tui`]), else lines on standard error ([`lines`]). What the texts and files say is
//! `wigwag-load`'s `report`; here is where they go.

mod args;
mod baseline;
mod files;
mod finished;
mod lines;
mod tui;

use std::io::{self, IsTerminal as _, Write as _};

use wigwag_load::{
    Outcome, RunHandle,
    report::{
        compare::{self, compare},
        summary::{Paint, summary},
    },
};

pub(super) use self::{
    args::{LoadCommand, ViewArgs},
    files::Files,
    finished::run as run_command,
};

/// How a run is shown while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// A full screen on standard error, keys from standard input.
    Screen,
    /// Lines on standard error.
    Lines,
    /// Nothing.
    Nothing,
}

impl Show {
    /// A screen where there is one to draw on and a keyboard.
    pub(super) fn choose(args: &ViewArgs) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        match () {
            () if args.quiet => Self::Nothing,
            () if args.no_tui || (is_dumb && cfg!(unix)) => Self::Lines,
            () if io::stderr().is_terminal() && io::stdin().is_terminal() => Self::Screen,
            () => Self::Lines,
        }
    }
}

/// Shows the run until it is over.
pub(super) fn watch(run: &RunHandle, show: Show) -> Outcome {
    match show {
        // A terminal that cannot be drawn on is no reason to end a run.
        Show::Screen => tui::watch(run).unwrap_or_else(|_| lines::watch(run)),
        Show::Lines => lines::watch(run),
        Show::Nothing => run.wait(),
    }
}

/// Writes what was asked for, and prints the summary: to standard output, or to standard error where that is for JSON.
///
/// # Errors
/// Where a file cannot be written. The summary is printed all the same.
pub(super) fn finish(args: &ViewArgs, files: Files, outcome: &Outcome) -> anyhow::Result<()> {
    let printed = if args.quiet { Ok(()) } else { ignore_broken_pipe(print(args, &files, outcome)) };
    files.write(outcome, args.quiet)?;
    Ok(printed?)
}

/// A reader that has seen enough (`| head -1`) takes nothing from the verdict.
fn ignore_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

fn print(args: &ViewArgs, files: &Files, outcome: &Outcome) -> io::Result<()> {
    let mut text = summary(outcome, Paint::Ansi);
    if let Some((name, base)) = files.baseline() {
        let comparison = compare(base, outcome);
        text.push_str("\nCompared with the baseline: ");
        text.push_str(&compare::text(&comparison, (name, "this run"), Paint::Ansi));
    }
    if args.json_on_stdout() {
        anstream::stderr().lock().write_all(text.as_bytes())
    } else {
        anstream::stdout().lock().write_all(text.as_bytes())
    }
}
