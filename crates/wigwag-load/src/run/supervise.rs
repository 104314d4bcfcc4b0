//! The supervisor of a run: a thread that moves it from phase to phase, and keeps its time line.

use std::{
    sync::MutexGuard,
    time::{Duration, Instant},
};

use wigwag_net::Net;

use super::{State, Watch};
use crate::{
    control::lock,
    faults,
    health::{self, Behind, Spent},
    report::words::counted,
    snapshot::{MarkKind, Phase, Second},
    worker::Core,
};

/// Runs until the outcome is there.
pub(super) fn run(state: &State, nets: Vec<Net>) {
    let mut course = Course::new();
    loop {
        course.wait(state);
        if state.job.control.is_aborting() {
            course.interrupted = true;
            state.note_cut();
            break;
        }
        if course.step(state) {
            break;
        }
    }
    state.job.control.set_phase(Phase::Closing);
    state.note_spent();
    // What is left is cut off, and its clients hear of it.
    drop(nets);
    if let Some(faults) = course.faults {
        faults.finish();
    }
    state.finish(course.interrupted);
}

/// How far a run is.
struct Course {
    phase_since: Instant,
    /// When the running second of the time line ends.
    second: Instant,
    interrupted: bool,
    faults: Option<faults::Faults>,
    /// When all was sent, where faults are still to be injected.
    sent_all: Option<Instant>,
}

impl Course {
    fn new() -> Self {
        let now = Instant::now();
        Self { phase_since: now, second: now + SECOND, interrupted: false, faults: None, sent_all: None }
    }

    /// Waits until it is time to look again; keeps the time line.
    fn wait(&mut self, state: &State) {
        let tick = (self.phase_since.elapsed() / TICKS).clamp(TICK_MIN, TICK_MAX);
        std::thread::sleep(tick.min(self.second.saturating_duration_since(Instant::now())));
        if Instant::now() >= self.second {
            self.second += SECOND;
            state.roll();
        }
    }

    /// Goes on to the next phase if its time has come; whether all is over.
    fn step(&mut self, state: &State) -> bool {
        let control = &state.job.control;
        let before = control.phase();
        match before {
            Phase::Opening => self.end_opening(state),
            Phase::Running => self.end_running(state),
            Phase::Draining => {
                let patience = self.phase_since.elapsed() >= state.job.plan.drain;
                let delivered = state.job.rules.fan.as_ref().is_none_or(|fan| fan.is_complete());
                if patience || (delivered && state.all(|core| core.ledger.tally.account.outstanding == 0)) {
                    control.set_phase(Phase::Closing);
                }
            }
            Phase::Closing => return state.all(Core::is_empty) || self.phase_since.elapsed() >= CLOSING_MAX,
            Phase::Done => {}
        }
        if control.phase() != before {
            self.phase_since = Instant::now();
        }
        false
    }

    /// Messages may be sent once every connection was tried; where they come one after the other, at once.
    fn end_opening(&mut self, state: &State) {
        let (control, is_steady) = (&state.job.control, state.job.crowd.is_steady());
        if control.is_stopping() {
            self.interrupted = true;
            control.set_phase(Phase::Closing);
        } else if !is_steady || state.all(Core::has_tried_all) {
            if state.any(|core| core.connections.opened > 0) || !is_steady || state.may_come() {
                state.begin_sending();
                self.second = Instant::now() + SECOND;
                self.faults = faults::start(&state.job, &state.faults);
            } else {
                control.set_phase(Phase::Closing);
            }
        }
    }

    /// Nothing more is sent once all was, or somebody stops it; faults that are still to be injected are waited for.
    fn end_running(&mut self, state: &State) {
        let mut over = state.is_over();
        if let Some(faults) = self.faults.as_ref().filter(|faults| over && !faults.are_tried() && state.may_go_on()) {
            faults.hurry();
            state.note_sent();
            over = self.sent_all.get_or_insert_with(Instant::now).elapsed() >= INJECTING_MAX;
        }
        if over || state.job.control.is_stopping() {
            self.interrupted = !over;
            state.end_sending();
        }
    }
}

impl State {
    /// Calls `look` for each worker, one after the other.
    pub(super) fn each<T>(&self, mut look: impl FnMut(&mut Core) -> T) -> Vec<T> {
        self.cores.iter().map(|core| look(&mut lock(core))).collect()
    }

    fn all(&self, holds: impl Fn(&Core) -> bool) -> bool {
        self.cores.iter().all(|core| holds(&lock(core)))
    }

    fn any(&self, holds: impl Fn(&Core) -> bool) -> bool {
        self.cores.iter().any(|core| holds(&lock(core)))
    }

    /// Whether connections that failed are tried again.
    fn may_come(&self) -> bool {
        self.job.plan.plan().reconnect.is_some()
    }

    /// Threads that have ended cannot be asked what they spent.
    fn note_spent(&self) {
        let spent = self.spent();
        lock(&self.watch).spent_after = Some(spent);
    }

    /// What is in doubt from now on is so because of the cut.
    fn note_cut(&self) {
        let in_doubt = self.each(|core| core.ledger.tally.account.in_doubt).into_iter().sum();
        lock(&self.watch).in_doubt_before_cut = Some(in_doubt);
    }

    fn begin_sending(&self) {
        let now = self.job.control.now();
        let mut watch = lock(&self.watch);
        watch.spent_before = self.spent();
        watch.spent_last = watch.spent_before.clone();
        watch.memory_most = health::memory_bytes();
        drop(watch);
        self.each(|core| {
            core.ledger.tally.second = Second::default();
            core.first_death = None;
        });
        self.job.control.start(now);
    }

    fn end_sending(&self) {
        let control = &self.job.control;
        let now = control.now();
        control.set_phase(Phase::Draining);
        let behind = self.each(|core| core.behind(now)).into_iter().fold(Behind::default(), Behind::max);
        let mut watch = lock(&self.watch);
        watch.behind = if control.tempo().paused { Behind::default() } else { behind };
        watch.memory_most = watch.memory_most.max(health::memory_bytes());
        drop(watch);
        self.note_sent();
    }

    /// Nothing more is to be sent; the first time counts.
    fn note_sent(&self) {
        let control = &self.job.control;
        let mut watch = lock(&self.watch);
        if watch.sent_for == 0 {
            let now = control.now();
            watch.sent_for = now.saturating_sub(control.started().unwrap_or(now));
        }
    }

    /// Whether everything that was asked for is done, or nothing more can be.
    fn is_over(&self) -> bool {
        !self.may_go_on() || self.all(Core::has_sent_all)
    }

    /// Whether there is time left, and a connection.
    fn may_go_on(&self) -> bool {
        let control = &self.job.control;
        let sending = control.now().saturating_sub(control.started().unwrap_or_default());
        let time_is_up = self.job.plan.duration.is_some_and(|duration| sending >= crate::shape::nanos(duration));
        !time_is_up && !self.all(Core::is_deserted)
    }

    /// The workers' CPU times.
    pub(super) fn spent(&self) -> Vec<Spent> {
        self.each(|core| core.thread)
            .into_iter()
            .map(|thread| thread.map(Spent::of_thread).unwrap_or_default())
            .collect()
    }

    /// Bytes received and sent so far.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let routes = self.metrics.iter().flat_map(|workers| workers.iter().map(|worker| &worker.routes[0]));
        routes.fold((0, 0), |(received, sent), route| (received + route.bytes_in.get(), sent + route.bytes_out.get()))
    }

    /// The figures since the last second ended.
    pub(super) fn running_second(&self, take: bool) -> Second {
        let mut sum = Second::default();
        for core in &self.cores {
            let mut core = lock(core);
            core.ledger.tally.enter_times(self.job.rules.open_loop);
            let mut second =
                if take { std::mem::take(&mut core.ledger.tally.second) } else { core.ledger.tally.second.clone() };
            second.open = core.connections.open;
            second.in_flight = core.ledger.tally.account.outstanding;
            sum.add(&second);
        }
        sum.rate_asked = self.job.control.tempo().rate.unwrap_or(0.0);
        sum
    }

    /// Ends a second of the time line.
    fn roll(&self) {
        if self.job.control.started().is_none() {
            return;
        }
        let mut second = self.running_second(true);
        let first_death = self.each(|core| core.first_death.take()).into_iter().flatten().min();
        let spent = lock(&self.watch).spent_after.clone().unwrap_or_else(|| self.spent());
        let mut watch = lock(&self.watch);
        watch.complete(&mut second, spent, self.bytes());
        self.mark_losses(&second, first_death, &watch);
        watch.line.push(second);
    }

    /// The last, unfinished second.
    pub(super) fn roll_last(&self) {
        self.roll();
    }

    /// `first_death` is when the first connection of this second died.
    fn mark_losses(&self, second: &Second, first_death: Option<u64>, watch: &MutexGuard<'_, Watch>) {
        let control = &self.job.control;
        if second.lost > 0 {
            let at = first_death.unwrap_or_else(|| control.now());
            control.mark_at(at, MarkKind::Lost, format!("{} lost", counted(second.lost, "connection")));
        }
        let recovered = second.opened > 0 && watch.line.last.errors + second.errors > 0;
        if recovered && self.may_come() {
            control.mark(MarkKind::Recovered, format!("{} opened again", counted(second.opened, "connection")));
        }
    }
}

impl Watch {
    /// Adds what is counted elsewhere.
    fn complete(&mut self, second: &mut Second, spent: Vec<Spent>, bytes: (u64, u64)) {
        let cpu = spent.iter().zip(&self.spent_last).map(|(now, before)| now.since(*before).cpu);
        second.cpu = (cpu.max().unwrap_or(0) as f64 / SECOND.as_nanos() as f64).min(1.0);
        self.spent_last = spent;
        second.bytes_in = bytes.0.saturating_sub(self.bytes_last.0);
        second.bytes_out = bytes.1.saturating_sub(self.bytes_last.1);
        self.bytes_last = bytes;
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// A phase is looked at so often that it is not made longer, by whoever watches it, than by this part of it; and so seldom
/// that it costs nothing: with 5 ms always, it was 1 % of what a busy worker spent.
const TICKS: u32 = 200;
const TICK_MIN: Duration = Duration::from_millis(1);
const TICK_MAX: Duration = Duration::from_millis(25);
/// Messages are few and faults are many: connections are kept open for them no longer than this.
const INJECTING_MAX: Duration = Duration::from_secs(60);
/// A peer has five seconds for its Close; then everyone is gone.
const CLOSING_MAX: Duration = Duration::from_secs(15);
