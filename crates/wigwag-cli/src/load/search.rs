//! `wigwag load --search`: the flags, the trials as lines, and the end in words or as JSON.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use wigwag_load::{
    Plan,
    plan::{Threshold, number},
    report::{
        summary::{Paint, Tone, verdict_tone},
        words,
    },
    search::{
        Held, Purpose, SearchError, SearchEvent, SearchHandle, SearchOutcome, SearchPlan, Subject, TrialReport,
        run_search,
    },
};

use super::{LoadArgs, args::count};

/// What to search.
#[derive(Args)]
pub(super) struct SearchArgs {
    /// Find the highest load that holds, by doubling and bisection; starts at -c or -r, each trial as long as -d (5s)
    #[arg(long, value_name = "WHAT", requires = "until", help_heading = SEARCH)]
    search: Option<Searched>,
    /// What must hold in each trial, such as 'p99<50ms && lost==0'
    #[arg(long, value_name = "LIST", value_parser = Threshold::parse_all, requires = "search", help_heading = SEARCH)]
    until: Vec<Vec<Threshold>>,
    /// No load above N is tried [default: 1m, or what descriptors and ports allow]
    #[arg(long, value_name = "N", value_parser = count, requires = "search", help_heading = SEARCH)]
    search_max: Option<u64>,
    /// How near to the limit, in percent of the load [default: 5]
    #[arg(long, value_name = "PERCENT", value_parser = percent, requires = "search", help_heading = SEARCH)]
    search_precision: Option<f64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Searched {
    /// How many connections hold
    Connections,
    /// How many messages per second hold, over -c connections
    Rate,
}

impl SearchArgs {
    /// What is to be searched, if anything is.
    pub(super) fn subject(&self) -> Option<Subject> {
        self.search.map(|what| match what {
            Searched::Connections => Subject::Connections,
            Searched::Rate => Subject::Rate,
        })
    }

    fn plan(&self, subject: Subject, plan: &Plan) -> SearchPlan {
        let default = SearchPlan::default();
        let start = match subject {
            Subject::Connections => plan.connections.into(),
            Subject::Rate => plan.rate.map_or(RATE_START, |rate| (rate as u64).max(1)),
        };
        SearchPlan {
            start,
            most: self.search_max.unwrap_or(default.most),
            precision: self.search_precision.unwrap_or(default.precision),
            ..default
        }
    }
}

/// Runs the search. The exit code is its verdict's.
pub(super) fn run(args: &LoadArgs, subject: Subject) -> anyhow::Result<ExitCode> {
    let plan = match check(args) {
        Ok(plan) => plan,
        Err(error) => return Ok(refuse(&error)),
    };
    let handle = SearchHandle::default();
    stop_on_ctrl_c(&handle)?;
    let search = args.search.plan(subject, &plan);
    let mut lines = Lines { subject, quiet: args.view.quiet };
    let until = args.search.until.concat();
    match run_search(&plan, subject, search, &until, &handle, |event| lines.show(event)) {
        Ok(outcome) => {
            finish(args, &outcome)?;
            Ok(ExitCode::from(outcome.exit_code))
        }
        Err(error @ (SearchError::Plan(_) | SearchError::Needs(..))) => Ok(refuse(&error.into())),
        Err(error) => Err(error.into()),
    }
}

fn check(args: &LoadArgs) -> anyhow::Result<Plan> {
    if let Some(flag) = args.view.of_one_run() {
        bail!("{flag} is about one run: search first, then run the load that was found with it");
    }
    args.unchecked((None, false))
}

fn refuse(error: &anyhow::Error) -> ExitCode {
    anstream::eprintln!("\x1b[1;31merror:\x1b[0m {error:#}");
    ExitCode::from(crate::EXIT_USAGE)
}

/// The first ctrl-c ends the trial gently and the search with it, the second at once; both with what is known.
fn stop_on_ctrl_c(handle: &SearchHandle) -> anyhow::Result<()> {
    let handle = handle.clone();
    let presses = AtomicU32::new(0);
    ctrlc::set_handler(move || match presses.fetch_add(1, Relaxed) {
        0 => {
            anstream::eprintln!("stopping the search (ctrl-c again ends at once)");
            handle.stop();
        }
        _ => handle.abort(),
    })
    .context("cannot watch for ctrl-c")
}

/// The trials as lines on standard error.
struct Lines {
    subject: Subject,
    quiet: bool,
}

impl Lines {
    fn show(&mut self, event: SearchEvent<'_>) {
        if let SearchEvent::Ended(report) = event
            && !self.quiet
        {
            anstream::eprintln!("{}", line(report, self.subject, Paint::Ansi));
        }
    }
}

fn line(report: &TrialReport, subject: Subject, paint: Paint) -> String {
    let (tone, held) = match report.held {
        Held::Yes => (Tone::Ok, "holds"),
        Held::No => (Tone::Bad, "does not"),
        Held::Unknown => (Tone::Warn, "unknown"),
    };
    let mut text = format!(
        "{:>3}  {:>9} {}  {}  p50 {:>8}  p99 {:>8}  {:>12}",
        report.number,
        words::count(report.trial.load),
        subject.unit(),
        paint.paint(tone, &format!("{held:<8}")),
        words::time(report.p50),
        words::time(report.p99),
        words::rate(report.rate),
    );
    match (report.held, report.trial.purpose) {
        (Held::Yes, Purpose::Confirmation) => text.push_str("  once more"),
        (Held::Yes, _) => {}
        _ => {
            text.push_str("  ");
            text.push_str(&report.reasons.join("; "));
        }
    }
    text
}

fn finish(args: &LoadArgs, outcome: &SearchOutcome) -> anyhow::Result<()> {
    let text = summary(outcome, Paint::Ansi);
    if args.view.quiet {
    } else if args.view.json_on_stdout() {
        anstream::stderr().lock().write_all(text.as_bytes())?;
    } else {
        anstream::stdout().lock().write_all(text.as_bytes())?;
    }
    args.view.write_json(|out| {
        serde_json::to_writer_pretty(&mut *out, outcome).map_err(io::Error::from)?;
        writeln!(out)
    })
}

fn summary(outcome: &SearchOutcome, paint: Paint) -> String {
    let until: Vec<String> = outcome.until.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        format!("{}  {}", paint.paint(verdict_tone(outcome.verdict), &outcome.verdict.to_string()), outcome.reason),
        String::new(),
        format!("  until       {}, and no message comes to harm", until.join(", ")),
    ];
    if let Some(load) = outcome.found.lowest_missed {
        lines.push(format!("  first miss  {}: {}", outcome.subject.counted(load), outcome.missed.join("; ")));
    }
    let ceiling = outcome.ceiling;
    lines.push(format!("  ceiling     {}, {}", outcome.subject.counted(ceiling.load), ceiling.limit.label()));
    lines.push(format!(
        "  trials      {} of {}, seed {}",
        outcome.trials.len(),
        words::time(outcome.duration),
        outcome.seed
    ));
    lines.join("\n") + "\n"
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = number(text.trim_end_matches(['%', ' '])).filter(|percent| (0.1..=50.0).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or_else(|| "use percent from 0.1 to 50, such as 5 or 2%".to_owned())
}

const SEARCH: &str = "Search";
/// The first rate that is tried, where -r does not say.
const RATE_START: u64 = 1000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wigwag_load::{
        Verdict,
        search::{Ceiling, End, Found, Limit, Trial},
    };

    use super::*;

    fn report() -> TrialReport {
        TrialReport {
            number: 7,
            trial: Trial { load: 12_800, purpose: Purpose::Doubling },
            held: Held::No,
            verdict: Verdict::Fail,
            exit_code: 4,
            reasons: vec!["p99<50ms was missed: 61.2 ms".to_owned()],
            sent: 64_000,
            ok: 64_000,
            rate: 12_750.0,
            p50: Duration::from_micros(800),
            p99: Duration::from_micros(61_200),
            connections: 10,
            seed: 1,
        }
    }

    #[test]
    fn a_trial_is_a_line_with_what_it_missed() {
        assert_eq!(
            line(&report(), Subject::Rate, Paint::Plain),
            "  7     12,800 messages/s  does not  p50   800 µs  p99  61.2 ms  12.8 k msg/s  p99<50ms was missed: 61.2 ms"
        );
    }

    #[test]
    fn the_summary_says_what_holds_and_what_the_first_failing_load_missed() {
        let outcome = SearchOutcome {
            format: 1,
            verdict: Verdict::Pass,
            exit_code: 0,
            reason: "12,400 messages/s hold (seen 3 x)".to_owned(),
            subject: Subject::Rate,
            until: Threshold::parse_all("p99<50ms && lost==0").expect("thresholds"),
            ceiling: Ceiling { load: 1_000_000, limit: Limit::Asked },
            found: Found { highest: Some(12_400), held: 3, lowest_missed: Some(12_800), end: End::Confirmed },
            missed: report().reasons,
            duration: Duration::from_secs(5),
            url: "ws://127.0.0.1:8765/echo".to_owned(),
            seed: 42,
            trials: vec![report(); 9],
        };
        let expected = "\
PASS  12,400 messages/s hold (seen 3 x)

  until       p99<50ms, lost==0, and no message comes to harm
  first miss  12,800 messages/s: p99<50ms was missed: 61.2 ms
  ceiling     1,000,000 messages/s, the most that was to be tried (--search-max)
  trials      9 of 5.00 s, seed 42
";
        assert_eq!(summary(&outcome, Paint::Plain), expected);
    }

    #[test]
    fn a_precision_is_in_percent() {
        assert_eq!(percent("5"), Ok(0.05));
        assert_eq!(percent("0.5%"), Ok(0.005));
        assert!(percent("0").is_err() && percent("x").is_err());
    }
}
