//! `wigwag load compare` and `wigwag load verify`: finished runs, from their files.

use std::{
    fs::File,
    io::{self, BufReader, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use wigwag_load::{
    Outcome,
    report::{
        compare::{Change, Comparison, compare, text},
        equation::Equation,
        verify::{Verification, verify},
        words,
    },
};

use super::{
    args::{CompareArgs, LoadCommand, VerifyArgs},
    baseline, ignore_broken_pipe,
};

/// Runs the command.
pub(crate) fn run(command: &LoadCommand) -> anyhow::Result<ExitCode> {
    match command {
        LoadCommand::Compare(args) => run_compare(args),
        LoadCommand::Verify(args) => run_verify(args),
    }
}

fn run_compare(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (base, other) = (report(&args.base)?, report(&args.other)?);
    let comparison = compare(&base, &other);
    ignore_broken_pipe(print_comparison(args, &comparison))?;
    Ok(ExitCode::from(match comparison.verdict {
        Change::Better | Change::Same => 0,
        Change::Worse => EXIT_WORSE,
        Change::Unknown => EXIT_UNKNOWN,
    }))
}

fn print_comparison(args: &CompareArgs, comparison: &Comparison) -> io::Result<()> {
    if args.json {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, comparison)?;
        return writeln!(out);
    }
    let names = (args.base.to_string_lossy(), args.other.to_string_lossy());
    let text = text(comparison, (&names.0, &names.1), wigwag_load::report::summary::Paint::Ansi);
    anstream::stdout().lock().write_all(text.as_bytes())
}

/// A file, or a baseline of that name.
fn report(path: &Path) -> anyhow::Result<Outcome> {
    match path.to_str() {
        Some(name) if !path.exists() && baseline::path(name).is_ok_and(|path| path.exists()) => baseline::read(name),
        _ => baseline::read_file(path),
    }
}

fn run_verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let name = args.ledger.display();
    let file = File::open(&args.ledger).with_context(|| format!("cannot open {name}"))?;
    let mut found = verify(BufReader::with_capacity(1 << 18, file)).with_context(|| format!("cannot read {name}"))?;
    if let Some(report) = &args.report {
        found.compare_with(&baseline::read_file(report)?);
    }
    ignore_broken_pipe(print(&found))?;
    Ok(ExitCode::from(if found.holds() { 0 } else { EXIT_BROKEN }))
}

fn print(found: &Verification) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let which = if found.head.all { "all messages" } else { "messages that are not ok" };
    let lines = words::counted(found.lines, "line");
    if found.holds() {
        writeln!(out, "\x1b[1;32mVERIFIED\x1b[0m  {lines} of {which} prove the totals")?;
    } else {
        writeln!(out, "\x1b[1;31mNOT VERIFIED\x1b[0m  {lines} of {which} do not prove the totals")?;
    }
    if let Some(totals) = &found.totals {
        writeln!(out, "\n  {}\n  {}", Equation::of_sent(&totals.account), Equation::of_arrivals(&totals.account))?;
        writeln!(out, "  verdict {}, seed {}\n", totals.verdict, totals.seed)?;
    }
    for problem in &found.problems {
        writeln!(out, "  \x1b[1;31m✗\x1b[0m {problem}")?;
    }
    for agreed in &found.agrees {
        writeln!(out, "  \x1b[1;32m✓\x1b[0m {agreed}")?;
    }
    Ok(())
}

/// As for a threshold that is missed.
const EXIT_WORSE: u8 = 4;
/// As for an inconclusive run.
const EXIT_UNKNOWN: u8 = 5;
/// As for a run whose integrity is violated.
const EXIT_BROKEN: u8 = 3;
