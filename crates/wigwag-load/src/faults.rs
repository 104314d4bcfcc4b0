//! Faults that the tester injects itself: one bystander after the other does the server some harm, on a connection of its
//! own, while the others are verified. Plain blocking sockets on one thread: what a bystander does, no reactor would.

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
    deeds::{Effect, Held},
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
    reactions: BTreeMap<String, u64>,
}

impl Injected {
    pub(crate) fn accounts(&self, planned: &[Fault]) -> Vec<FaultAccount> {
        let mut wanted: BTreeMap<FaultKind, u64> = BTreeMap::new();
        planned.iter().for_each(|fault| *wanted.entry(fault.kind).or_default() += u64::from(fault.count));
        let account = |(kind, planned): (FaultKind, u64)| {
            let Count { injected, detected, reactions } = self.kinds.get(&kind).cloned().unwrap_or_default();
            FaultAccount { kind, planned, injected, detected, reactions }
        };
        wanted.into_iter().map(account).collect()
    }

    fn note(&mut self, kind: FaultKind, effect: Effect) {
        let count = self.kinds.entry(kind).or_default();
        count.detected += u64::from(effect.is_right);
        let known = count.reactions.contains_key(&effect.text) || count.reactions.len() < REACTIONS_MAX;
        *count.reactions.entry(if known { effect.text } else { "other".to_owned() }).or_default() += 1;
    }
}

/// Faults under way.
pub(crate) struct Faults {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Faults {
    /// The run is over: those that were waited for are judged as they are.
    pub(crate) fn finish(self) {
        self.over.store(true, Relaxed);
        // Where the thread panicked, what it had counted stands.
        let _ = self.thread.join();
    }
}

/// Begins to inject what the plan asks for; `None` where it asks for nothing, or no thread can be had.
pub(crate) fn start(job: &Arc<Job>, injected: &Arc<Mutex<Injected>>) -> Option<Faults> {
    if job.plan.plan().faults.is_empty() {
        return None;
    }
    let over = Arc::new(AtomicBool::new(false));
    let injector = Injector { job: job.clone(), injected: injected.clone(), over: over.clone(), held: Vec::new() };
    let thread = std::thread::Builder::new().name("wigwag-faults".to_owned()).spawn(move || injector.run()).ok()?;
    Some(Faults { over, thread })
}

struct Injector {
    job: Arc<Job>,
    injected: Arc<Mutex<Injected>>,
    over: Arc<AtomicBool>,
    /// Bystanders whose harm lasts.
    held: Vec<Held>,
}

impl Injector {
    fn run(mut self) {
        let began = Instant::now();
        let queue = mixed(&self.job.plan.plan().faults);
        let pause = self.pause(queue.len());
        for (number, kind) in queue.into_iter().enumerate() {
            self.wait_until(began + pause * (number as u32 + 1));
            if self.over.load(Relaxed) {
                break;
            }
            self.inject(kind, number);
        }
        while !self.over.load(Relaxed) {
            self.look_at_held();
            std::thread::sleep(LOOK_EVERY);
        }
        for held in std::mem::take(&mut self.held) {
            let (kind, effect) = held.finish();
            lock(&self.injected).note(kind, effect);
        }
    }

    fn inject(&mut self, kind: FaultKind, number: usize) {
        let mut bystander = match Bystander::open(&self.job) {
            Ok(bystander) => bystander,
            Err(error) => {
                let text = format!("no connection for it: {error}");
                return lock(&self.injected).note(kind, Effect { is_right: false, text });
            }
        };
        let done = match kind {
            FaultKind::SlowReader => Ok(Held::slow(bystander)),
            FaultKind::HalfOpen => Held::half_open(bystander),
            FaultKind::CutFrame => Err(deeds::cut_frame(&mut bystander)),
            FaultKind::Malformed => Err(deeds::malform(&mut bystander, number)),
        };
        let mut injected = lock(&self.injected);
        let count = injected.kinds.entry(kind).or_default();
        count.injected += 1;
        let text = format!("{} {}", kind.name(), count.injected);
        match done {
            Ok(held) => self.held.push(held),
            Err(effect) => injected.note(kind, effect),
        }
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
        while !self.over.load(Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.look_at_held();
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    fn look_at_held(&mut self) {
        let mut over = Vec::new();
        self.held.retain_mut(|held| match held.look() {
            Some(effect) => {
                over.push((held.kind(), effect));
                false
            }
            None => true,
        });
        for (kind, effect) in over {
            lock(&self.injected).note(kind, effect);
        }
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
        injected.kinds.entry(FaultKind::Malformed).or_default().injected = 2;
        injected.note(FaultKind::Malformed, Effect { is_right: true, text: "closed with 1002".to_owned() });
        injected.note(FaultKind::Malformed, Effect { is_right: false, text: "nothing".to_owned() });
        let accounts = injected.accounts(&["malformed:3".parse().unwrap(), "half-open".parse().unwrap()]);
        let counts: Vec<_> = accounts.iter().map(|one| (one.kind, one.planned, one.injected, one.detected)).collect();
        assert_eq!(counts, [(FaultKind::HalfOpen, 1, 0, 0), (FaultKind::Malformed, 3, 2, 1)]);
    }
}
