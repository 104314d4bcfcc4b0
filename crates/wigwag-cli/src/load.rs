//! `wigwag load`: flags become a plan, the plan is run, the outcome is shown, and the exit code says the verdict.
//!
//! What a run is and how it is judged is `wigwag-load`'s. Absent on purpose: everything that the desktop window or a test
//! would have to do again.

mod args;
mod payload;
mod search;
mod target;
mod view;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use anyhow::Context as _;
use wigwag_load::{Run, RunHandle, StartError};

use crate::UsageError;

pub(crate) use args::LoadArgs;

/// Runs the plan. The exit code is the verdict's.
pub(crate) fn run(args: &LoadArgs) -> anyhow::Result<ExitCode> {
    if let Some(command) = &args.command {
        return view::run_command(command);
    }
    if let Some(subject) = args.search.subject() {
        return search::run(args, subject);
    }
    // Checked before any file is made: wrong usage must not cost yesterday's ledger.
    args.view.check()?;
    args.plan((None, false)).map_err(|error| UsageError(format!("{error:#}")))?;
    let files = view::Files::prepare(&args.view, &args.url()?.to_string(), args.timeout)?;
    let plan = args.plan(files.recorder())?;
    let handle = Run::start(plan).map_err(start_error)?;
    let show = view::Show::choose(&args.view);
    stop_on_ctrl_c(&handle, show)?;
    let outcome = view::watch(&handle, show);
    view::finish(&args.view, files, &outcome)?;
    let hint = target::hint(args.url()?, &outcome).trim_start();
    if !hint.is_empty() && !args.view.quiet {
        anstream::eprintln!("{hint}");
    }
    Ok(ExitCode::from(outcome.judgement.exit_code))
}

fn start_error(error: StartError) -> anyhow::Error {
    match error {
        StartError::Source(why) => UsageError(why).into(),
        error => error.into(),
    }
}

/// The first ctrl-c stops gently, the second at once; both with a report.
fn stop_on_ctrl_c(handle: &RunHandle, show: view::Show) -> anyhow::Result<()> {
    let handle = handle.clone();
    let presses = AtomicU32::new(0);
    ctrlc::set_handler(move || match presses.fetch_add(1, Relaxed) {
        0 => {
            // A screen shows it by itself.
            if show == view::Show::Lines {
                anstream::eprintln!("stopping: waiting for answers (ctrl-c again ends at once)");
            }
            handle.stop();
        }
        _ => handle.abort(),
    })
    .context("cannot watch for ctrl-c")
}
