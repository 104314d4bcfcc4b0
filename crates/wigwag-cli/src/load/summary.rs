//! The outcome in words: verdict first, then the equations, then the figures.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use wigwag_load::{Account, Latency, Outcome, account::Class};

/// Prints the outcome to standard output.
pub(super) fn print(outcome: &Outcome) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}: {}", outcome.judgement.verdict, outcome.judgement.reasons.join("; "))?;
    writeln!(out, "  {}", sent(&outcome.account))?;
    writeln!(out, "  {}", arrivals(&outcome.account))?;
    for (name, latency) in [
        ("intended to answer", &outcome.latencies.intended),
        ("sent to answer", &outcome.latencies.service),
        ("intended to sent", &outcome.latencies.lag),
        ("open", &outcome.latencies.open),
    ] {
        if !latency.is_empty() {
            writeln!(out, "  {name:<18} {}", quantiles(latency))?;
        }
    }
    writeln!(
        out,
        "  {:.0} messages/s over {:.3} s, {:.0} checked per CPU second, {} bytes per client",
        outcome.rate,
        outcome.sending.as_secs_f64(),
        outcome.health.messages_per_cpu_second,
        outcome.health.client_bytes,
    )?;
    for (error, count) in &outcome.errors {
        writeln!(out, "  {count} x {error}")?;
    }
    for offender in &outcome.offenders {
        let sequence = offender.sequence.map(|sequence| format!(" message {sequence}")).unwrap_or_default();
        let (class, connection, note) = (offender.class.label(), offender.connection, &offender.note);
        writeln!(out, "  {class}: connection {connection}{sequence} {note}")?;
        if let Some(difference) = &offender.difference {
            writeln!(out, "    expected {}", difference.expected)?;
            writeln!(out, "    got      {}", difference.got)?;
        }
    }
    Ok(())
}

fn sent(account: &Account) -> String {
    let classes = Class::SENT.iter().map(|class| format!("{} {}", account[*class], class.label()));
    format!("{} sent = {}", account.sent, classes.collect::<Vec<_>>().join(" + "))
}

fn arrivals(account: &Account) -> String {
    let Account { arrivals, answers, duplicate, unsolicited, .. } = account;
    format!("{arrivals} arrivals = {answers} answers + {duplicate} duplicate + {unsolicited} unsolicited")
}

fn quantiles(latency: &Latency) -> String {
    let millis = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
    let all = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
    let all = all.map(|(name, share)| format!("{name} {}", millis(latency.quantile(share))));
    format!("min {} {} max {} ms", millis(latency.min()), all.join(" "), millis(latency.max()))
}
