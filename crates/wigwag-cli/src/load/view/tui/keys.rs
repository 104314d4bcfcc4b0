//! What a key does.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use wigwag_load::snapshot::{Phase, Snapshot};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Nothing,
    Help,
    Pause,
    Resume,
    /// Stop gracefully.
    Stop,
    /// Stop gracefully, and when asked again at once.
    Interrupt,
    /// A new rate for the open loop.
    Rate(f64),
    /// The closed loop has no rate.
    NoRate,
}

pub(super) fn action(key: KeyEvent, snapshot: &Snapshot) -> Action {
    if key.kind == KeyEventKind::Release {
        return Action::Nothing;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { Action::Interrupt } else { Action::Nothing };
    }
    let rate = |factor: f64| match snapshot.rate_asked {
        Some(rate) => Action::Rate(rounded(rate * factor)),
        None => Action::NoRate,
    };
    match key.code {
        KeyCode::Char('p' | ' ') if snapshot.paused => Action::Resume,
        KeyCode::Char('p' | ' ') if snapshot.phase <= Phase::Running => Action::Pause,
        KeyCode::Char('s' | 'q') | KeyCode::Esc => Action::Stop,
        KeyCode::Char('+' | '=') => rate(STEP),
        KeyCode::Char('-') => rate(1.0 / STEP),
        KeyCode::Char('?' | 'h') => Action::Help,
        _ => Action::Nothing,
    }
}

/// To three digits: a rate of 10,000 that was raised and lowered is 10,000 again.
fn rounded(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.log10().floor() - 2.0);
    ((rate / unit).round() * unit).clamp(RATE_MIN, RATE_MAX)
}

const STEP: f64 = 1.1;
const RATE_MIN: f64 = 0.01;
const RATE_MAX: f64 = 1e8;
