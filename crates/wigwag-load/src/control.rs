//! What a run's threads share: how far it is, what was asked of it by hand, and its clock.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use crate::{
    ledger::Note,
    snapshot::{Mark, MarkKind, Phase},
};

/// What a run's threads share.
#[derive(Debug)]
pub(crate) struct Control {
    /// When the run was started; all times of the run are nanoseconds since.
    pub(crate) origin: Instant,
    phase: AtomicU8,
    /// When the first message could be sent, plus one; 0 before.
    started: AtomicU64,
    stopping: AtomicBool,
    aborting: AtomicBool,
    tempo: Mutex<Tempo>,
    /// Counts the changes of `tempo`.
    tempo_changes: AtomicU32,
    /// What arrived elsewhere than where it belongs, by the worker that it belongs to.
    notes: Vec<Mutex<Vec<Note>>>,
    marks: Mutex<Vec<Mark>>,
}

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tempo {
    /// Messages per second in all, in the open loop.
    pub(crate) rate: Option<f64>,
    pub(crate) paused: bool,
    /// Since when, in the run's time.
    pub(crate) since: u64,
}

impl Control {
    pub(crate) fn new(origin: Instant, rate: Option<f64>, workers: usize) -> Self {
        Self {
            origin,
            phase: AtomicU8::new(Phase::Opening as u8),
            started: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            aborting: AtomicBool::new(false),
            tempo: Mutex::new(Tempo { rate, paused: false, since: 0 }),
            tempo_changes: AtomicU32::new(0),
            notes: (0..workers).map(|_| Mutex::default()).collect(),
            marks: Mutex::default(),
        }
    }

    /// Nanoseconds since the run began.
    #[inline]
    pub(crate) fn at(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.origin).as_nanos() as u64
    }

    pub(crate) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Opening,
            1 => Phase::Running,
            2 => Phase::Draining,
            3 => Phase::Closing,
            _ => Phase::Done,
        }
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    /// When the first message could be sent.
    pub(crate) fn started(&self) -> Option<u64> {
        self.started.load(Relaxed).checked_sub(1)
    }

    pub(crate) fn start(&self, at: u64) {
        self.started.store(at + 1, Relaxed);
        let mut tempo = lock(&self.tempo);
        tempo.since = tempo.since.max(at);
        drop(tempo);
        self.set_phase(Phase::Running);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    pub(crate) fn is_aborting(&self) -> bool {
        self.aborting.load(Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub(crate) fn abort(&self) {
        self.stop();
        self.aborting.store(true, Relaxed);
    }

    pub(crate) fn tempo(&self) -> Tempo {
        *lock(&self.tempo)
    }

    #[inline]
    pub(crate) fn tempo_changes(&self) -> u32 {
        self.tempo_changes.load(Relaxed)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        let now = self.now();
        let mut tempo = lock(&self.tempo);
        if tempo.paused != paused {
            (tempo.paused, tempo.since) = (paused, now);
            drop(tempo);
            self.tempo_changes.fetch_add(1, Relaxed);
            self.mark(MarkKind::Load, if paused { "paused" } else { "resumed" }.to_owned());
        }
    }

    pub(crate) fn set_rate(&self, rate: f64) {
        let now = self.now();
        let mut tempo = lock(&self.tempo);
        if tempo.rate.is_some() && rate.is_finite() && rate > 0.0 {
            (tempo.rate, tempo.since) = (Some(rate), now);
            drop(tempo);
            self.tempo_changes.fetch_add(1, Relaxed);
            self.mark(MarkKind::Load, format!("rate {rate:.0}/s"));
        }
    }

    /// Notes something for the time line; the first ones are kept.
    pub(crate) fn mark(&self, kind: MarkKind, text: String) {
        self.mark_at(self.now(), kind, text);
    }

    /// As [`Self::mark`], for what is known only later than it happened; in nanoseconds since the run began.
    pub(crate) fn mark_at(&self, at: u64, kind: MarkKind, text: String) {
        let at = at as f64 / 1e9;
        let mut marks = lock(&self.marks);
        if marks.len() < MARKS_MAX {
            marks.push(Mark { at, kind, text });
        }
    }

    /// What was noted, in the order in which it happened; times since the first message.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let start = self.started().unwrap_or_default() as f64 / 1e9;
        let mut marks: Vec<Mark> =
            lock(&self.marks).iter().map(|mark| Mark { at: mark.at - start, ..mark.clone() }).collect();
        marks.sort_by(|one, other| one.at.total_cmp(&other.at));
        marks
    }

    pub(crate) fn send_note(&self, worker: u32, note: Note) {
        lock(&self.notes[worker as usize]).push(note);
    }

    pub(crate) fn take_notes(&self, worker: u32) -> Vec<Note> {
        std::mem::take(&mut *lock(&self.notes[worker as usize]))
    }
}

/// What a panicking thread left behind is as good as before: every change is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const MARKS_MAX: usize = 1000;
