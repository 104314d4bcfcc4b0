//! A run as lines on standard error: one per second at first, fewer later.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use wigwag_load::{
    Outcome, RunHandle,
    account::Class,
    report::words::{UNKNOWN, clock, count, percent, rate, time},
    snapshot::{Phase, Snapshot},
};

/// Prints lines until the run is over.
pub(super) fn watch(run: &RunHandle) -> Outcome {
    let mut printed = 0u32;
    loop {
        if let Some(outcome) = run.wait_for(pause(printed)) {
            return outcome;
        }
        // Where nobody reads them any more, the run goes on.
        let _ = writeln!(io::stderr(), "{}", line(&run.snapshot()));
        printed += 1;
    }
}

/// A second at first, then 5 s, after two minutes 30 s: a log of an hour is to be read too.
fn pause(printed: u32) -> Duration {
    Duration::from_secs(match printed {
        0..10 => 1,
        10..32 => 5,
        _ => 30,
    })
}

fn line(snapshot: &Snapshot) -> String {
    let phase = phase(snapshot);
    let mut parts = vec![format!("{:>5}  {phase}", clock(snapshot.elapsed))];
    if snapshot.phase == Phase::Opening {
        parts.push(format!("{} of {} open", count(snapshot.connections.open), count(snapshot.connections.wanted)));
        return parts.join("  ");
    }
    parts.push(format!("{} sent ({})", count(snapshot.account.sent), percent(snapshot.progress.share)));
    parts.push(snapshot.rate_now.map_or_else(|| UNKNOWN.to_owned(), rate));
    let latency =
        |share| if snapshot.now.count() == 0 { UNKNOWN.to_owned() } else { time(snapshot.now.quantile(share)) };
    parts.push(format!("p50 {} p99 {}", latency(0.5), latency(0.99)));
    parts.push(format!("{} open", count(snapshot.connections.open)));
    let offending = offending(snapshot);
    parts.push(if offending.is_empty() { "all ok so far".to_owned() } else { offending });
    if let Some(left) = snapshot.progress.left {
        parts.push(format!("{} left", clock(left)));
    }
    parts.join("  ")
}

/// `37 lost, 2 altered`; empty where all is well.
fn offending(snapshot: &Snapshot) -> String {
    let classes = Class::SENT.into_iter().chain(Class::SURPLUS).filter(|class| *class != Class::Ok);
    let present = classes.map(|class| (snapshot.account[class], class.label())).filter(|(number, _)| *number > 0);
    present.map(|(number, label)| format!("{} {label}", count(number))).collect::<Vec<_>>().join(", ")
}

/// How far the run is, in a word.
pub(super) const fn phase(snapshot: &Snapshot) -> &'static str {
    match snapshot.phase {
        Phase::Running if snapshot.paused => "paused",
        Phase::Opening => "opening",
        Phase::Running => "sending",
        Phase::Draining => "waiting for answers",
        Phase::Closing => "closing",
        Phase::Done => "done",
    }
}
