//! Faults that the tester injects itself: one bystander after the other does the server some harm, on a connection of its
//! own, while the others are verified. Plain sockets on one thread: what a bystander does, no reactor would. Only opening one
//! takes time; whatever the server does about it is looked for while the next are on their way.

mod bystander;
mod deeds;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use self::{
    bystander::Bystander,
    deeds::{Effect, Held, Judged},
};
use crate::{
    control::lock,
    plan::{Fault, FaultKind},
    snapshot::{FaultAccount, MarkKind},
    worker::Job,
};

/// What was injected and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Injected {
    kinds: BTreeMap<FaultKind, Count>,
}

#[derive(Clone, Debug, Default)]
struct Count {
    injected: u64,
    detected: u64,
    borne: u64,
    reactions: BTreeMap<String, u64>,
}

impl Injected {
    pub(crate) fn accounts(&self, planned: &[Fault]) -> Vec<FaultAccount> {
        let mut wanted: BTreeMap<FaultKind, u64> = BTreeMap::new();
        planned.iter().for_each(|fault| *wanted.entry(fault.kind).or_default() += u64::from(fault.count));
        let account = |(kind, planned): (FaultKind, u64)| {
            let Count { injected, detected, borne, reactions } = self.kinds.get(&kind).cloned().unwrap_or_default();
            FaultAccount { kind, planned, injected, detected, borne, reactions }
        };
        wanted.into_iter().map(account).collect()
    }

    fn note(&mut self, kind: FaultKind, effect: Effect) {
        let count = self.kinds.entry(kind).or_default();
        match effect.judged {
            Judged::Detected => count.detected += 1,
            Judged::Borne => count.borne += 1,
            Judged::Unnoticed => {}
        }
        let known = count.reactions.contains_key(&effect.text) || count.reactions.len() < REACTIONS_MAX;
        *count.reactions.entry(if known { effect.text } else { "other".to_owned() }).or_default() += 1;
    }
}

/// Faults under way.
pub(crate) struct Faults {
    signals: Arc<Signals>,
    thread: JoinHandle<()>,
}

/// What the run and its injector tell each other.
#[derive(Default)]
struct Signals {
    /// Nothing more is to be injected.
    over: AtomicBool,
    /// All messages are sent: what is left is to be injected at once.
    hurry: AtomicBool,
    /// Each fault was injected, or could not be.
    all_tried: AtomicBool,
}

impl Faults {
    /// Whether each fault was injected, or could not be.
    pub(crate) fn are_tried(&self) -> bool {
        self.signals.all_tried.load(Relaxed) || self.thread.is_finished()
    }

    /// All messages are sent: what is left is to be injected at once.
    pub(crate) fn hurry(&self) {
        self.signals.hurry.store(true, Relaxed);
    }

    /// The run is over: consequences that are still to come have a few more seconds.
    pub(crate) fn finish(self) {
        self.signals.over.store(true, Relaxed);
        // Where the thread panicked, what it had counted stands.
        let _ = self.thread.join();
    }
}

/// Begins to inject what the plan asks for; `None` where it asks for nothing, or no thread can be had.
pub(crate) fn start(job: &Arc<Job>, injected: &Arc<Mutex<Injected>>) -> Option<Faults> {
    if job.plan.plan().faults.is_empty() {
        return None;
    }
    let signals = Arc::new(Signals::default());
    let injector = Injector {
        job: job.clone(),
        injected: injected.clone(),
        signals: signals.clone(),
        held: Vec::new(),
        looked: Instant::now(),
    };
    let thread = std::thread::Builder::new().name("wigwag-faults".to_owned()).spawn(move || injector.run()).ok()?;
    Some(Faults { signals, thread })
}

struct Injector {
    job: Arc<Job>,
    injected: Arc<Mutex<Injected>>,
    signals: Arc<Signals>,
    /// Bystanders whose consequence is waited for.
    held: Vec<Held>,
    looked: Instant,
}

impl Injector {
    fn run(mut self) {
        let began = Instant::now();
        let queue = mixed(&self.job.plan.plan().faults);
        let pause = self.pause(queue.len());
        let mut numbers: BTreeMap<FaultKind, usize> = BTreeMap::new();
        for (place, kind) in queue.into_iter().enumerate() {
            self.wait_until(began + pause * (place as u32 + 1));
            if self.signals.over.load(Relaxed) {
                break;
            }
            let number = numbers.entry(kind).or_default();
            self.inject(kind, *number);
            *number += 1;
        }
        self.signals.all_tried.store(true, Relaxed);
        while !self.signals.over.load(Relaxed) {
            self.look_at_held(None);
            std::thread::sleep(LOOK_EVERY);
        }
        let ended = Instant::now();
        while !self.held.is_empty() {
            self.look_at_held(Some(ended.elapsed()));
            std::thread::sleep(LOOK_EVERY_AT_END);
        }
    }

    fn inject(&mut self, kind: FaultKind, number: usize) {
        let held = match Bystander::open(&self.job).and_then(|bystander| Held::begin(kind, bystander, number)) {
            Ok(held) => held,
            Err(error) => {
                let text = format!("no connection for it: {error}");
                return lock(&self.injected).note(kind, Effect { judged: Judged::Unnoticed, text });
            }
        };
        self.held.push(held);
        let mut injected = lock(&self.injected);
        let count = injected.kinds.entry(kind).or_default();
        count.injected += 1;
        let text = format!("{} {}", kind.name(), count.injected);
        drop(injected);
        self.job.control.mark(MarkKind::Fault, text);
    }

    /// Evenly over the middle of the run where its length is known, else one soon after the other.
    fn pause(&self, count: usize) -> Duration {
        let span = self.job.plan.duration.map(|duration| duration.mul_f64(0.8));
        let even = span.map(|span| span / (count as u32 + 1));
        even.unwrap_or(PAUSE)
    }

    fn wait_until(&mut self, due: Instant) {
        let asked = Instant::now();
        while !self.signals.over.load(Relaxed) {
            let hurried = if self.signals.hurry.load(Relaxed) { due.min(asked + PAUSE) } else { due };
            let left = hurried.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if self.looked.elapsed() >= LOOK_EVERY {
                self.look_at_held(None);
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// `over` is for how long the run has been over.
    fn look_at_held(&mut self, over: Option<Duration>) {
        let injected = &self.injected;
        self.held.retain_mut(|held| match held.look(over) {
            Some(effect) => {
                lock(injected).note(held.kind(), effect);
                false
            }
            None => true,
        });
        self.looked = Instant::now();
    }
}

/// All faults, the kinds taking turns.
fn mixed(faults: &[Fault]) -> Vec<FaultKind> {
    let mut left: Vec<Fault> = faults.to_vec();
    let mut queue = Vec::new();
    while !left.is_empty() {
        queue.extend(left.iter().map(|fault| fault.kind));
        left.iter_mut().for_each(|fault| fault.count -= 1);
        left.retain(|fault| fault.count > 0);
    }
    queue
}

/// Between two faults, where the run's length is not known.
const PAUSE: Duration = Duration::from_millis(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Nobody's report waits for longer than it must.
const LOOK_EVERY_AT_END: Duration = Duration::from_millis(5);
/// Different reactions that are told apart.
const REACTIONS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_take_turns() {
        let faults = ["malformed:3", "cut-frame:1"].map(|text| text.parse().expect(text));
        use FaultKind::{CutFrame, Malformed};
        assert_eq!(mixed(&faults), [Malformed, CutFrame, Malformed, Malformed]);
    }

    #[test]
    fn injected_and_detected_are_counted_by_kind() {
        let mut injected = Injected::default();
        injected.kinds.entry(FaultKind::Malformed).or_default().injected = 3;
        injected.note(FaultKind::Malformed, Effect { judged: Judged::Detected, text: "closed with 1002".to_owned() });
        injected.note(FaultKind::Malformed, Effect { judged: Judged::Unnoticed, text: "nothing".to_owned() });
        injected.note(FaultKind::Malformed, Effect { judged: Judged::Borne, text: "nothing".to_owned() });
        let accounts = injected.accounts(&["malformed:4".parse().unwrap(), "half-open".parse().unwrap()]);
        let counts =
            |one: &FaultAccount| (one.kind, one.planned, one.injected, one.detected, one.borne, one.unnoticed());
        let counts: Vec<_> = accounts.iter().map(counts).collect();
        assert_eq!(counts, [(FaultKind::HalfOpen, 1, 0, 0, 0, 0), (FaultKind::Malformed, 4, 3, 1, 1, 1)]);
    }
}
