//! What the tabs with load tests share: the equation, the verdict, and a run's progress.

use eframe::egui::{self, RichText};
use wigwag_load::{Account, Class, Outcome, Snapshot, Verdict, report::equation::Equation};

use crate::{look, trial::Trial, words};

/// How far a run is, with a button that stops it.
pub(super) fn progress(ui: &mut egui::Ui, trial: &mut Trial) {
    let Some(snapshot) = trial.snapshot() else {
        if trial.is_running() {
            ui.weak("starting …");
        }
        return;
    };
    let share = snapshot.progress.share as f32;
    let left = snapshot.progress.left.filter(|_| trial.is_running());
    let left = left.map_or_else(String::new, |left| format!(", {} left", words::time(left)));
    let stopping = snapshot.stopping;
    ui.horizontal(|ui| {
        let text = format!("{:.0} %{left}", share * 100.0);
        let fill = look::tokens(ui).sea.gamma_multiply(0.35);
        let width = (ui.available_width() - 120.0).max(120.0);
        let bar = egui::ProgressBar::new(share).text(text).fill(fill).desired_width(width);
        ui.add(bar).accessible_name("Progress");
        if trial.is_running() && ui.button(if stopping { "Stop now" } else { "Stop" }).clicked() {
            trial.stop();
        }
    });
}

/// `10,000 sent = 9,963 ok + 37 lost`, in the colour of what it says.
pub(super) fn equation(ui: &mut egui::Ui, account: &Account) {
    let tokens = look::tokens(ui);
    let sent = Equation::of_sent(account);
    let clean = sent.balances && !sent.terms.iter().any(|term| term.offends);
    let words = format!("{} {} {}", sent.total, sent.sign(), sent.right());
    let colour = if clean { tokens.ink } else { tokens.bad };
    ui.label(RichText::new(words).monospace().size(16.0).color(colour));
}

/// Sent, answered, and the two ways in which a message goes wrong most often.
pub(super) fn classes(ui: &mut egui::Ui, account: &Account) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 24.0;
        look::figure(ui, "sent", &words::count(account.sent));
        look::figure(ui, "answered", &words::count(account.answers));
        look::figure(ui, "lost", &words::count(account[Class::Lost]));
        look::figure(ui, "altered", &words::count(account[Class::Altered]));
    });
}

/// PASS, FAIL or INCONCLUSIVE, and why.
pub(super) fn verdict(ui: &mut egui::Ui, outcome: &Outcome) {
    let tokens = look::tokens(ui);
    let colour = match outcome.judgement.verdict {
        Verdict::Pass => tokens.ok,
        Verdict::Fail => tokens.bad,
        Verdict::Inconclusive => tokens.warn,
    };
    ui.label(RichText::new(outcome.judgement.verdict.to_string()).size(28.0).strong().color(colour));
    for reason in outcome.judgement.reasons.iter().take(REASONS_MAX) {
        ui.label(reason);
    }
}

/// Why a run could not be started.
pub(super) fn trouble(ui: &mut egui::Ui, why: Option<&str>) {
    if let Some(why) = why {
        let bad = look::tokens(ui).bad;
        ui.label(RichText::new(why).color(bad));
    }
}

/// Messages per second, in flight, and latencies.
pub(super) fn pace(ui: &mut egui::Ui, snapshot: &Snapshot, outcome: Option<&Outcome>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 24.0;
        let rate = outcome.map_or_else(|| snapshot.rate_now.unwrap_or(snapshot.rate_mean), |outcome| outcome.rate);
        look::figure(ui, "messages per second", &words::short(rate.round()));
        look::figure(ui, "under way", &words::count(snapshot.in_flight));
        let latency = &snapshot.latencies.service;
        let quantile = |share| {
            if latency.is_empty() { words::UNKNOWN.to_owned() } else { words::time(latency.quantile(share)) }
        };
        look::figure(ui, "p50", &quantile(0.5));
        look::figure(ui, "p99", &quantile(0.99));
        let max = if latency.is_empty() { words::UNKNOWN.to_owned() } else { words::time(latency.max()) };
        look::figure(ui, "max", &max);
    });
}

const REASONS_MAX: usize = 8;
