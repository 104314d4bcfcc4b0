//! Starting, watching and stopping a run: [`Run`] and its [`RunHandle`].

mod begin;
mod finish;
mod look;
mod supervise;

use std::{
    fmt, io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use wigwag_net::metrics::AllMetrics;

use crate::{
    control::{Control, lock},
    faults::Injected,
    health::{Behind, Spent},
    outcome::Outcome,
    plan::CheckedPlan,
    snapshot::Snapshot,
    timeline::Line,
    worker::{Job, Shared},
};

pub(crate) use begin::ports_for;

/// Starts runs.
#[derive(Debug)]
pub struct Run;

/// Why a run could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system gives no thread, or no poll.
    #[error("cannot start the workers: {0}")]
    Workers(#[from] io::Error),
    /// No connection can be made from an address of `--source-ip`.
    #[error("{0}")]
    Source(String),
    /// The server's name has no address.
    #[error("cannot resolve {host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
}

/// A run that was started; cheap to clone. The run goes on when all handles are dropped, until it is done.
#[derive(Clone, Debug)]
pub struct RunHandle {
    state: Arc<State>,
}

/// What a run's handles and its supervisor share.
struct State {
    job: Arc<Job>,
    cores: Vec<Shared>,
    /// The reactors' counters, one reactor per worker.
    metrics: Vec<AllMetrics>,
    began: SystemTime,
    watch: Mutex<Watch>,
    faults: Arc<Mutex<Injected>>,
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

/// What the supervisor has seen.
#[derive(Debug)]
struct Watch {
    line: Line,
    /// The workers' threads when sending began.
    spent_before: Vec<Spent>,
    /// The same when the last connection had gone.
    spent_after: Option<Vec<Spent>>,
    /// The same a second ago.
    spent_last: Vec<Spent>,
    /// Bytes received and sent a second ago.
    bytes_last: (u64, u64),
    /// Descriptors before the first connection.
    descriptors_before: u64,
    memory_before: u64,
    /// Most that was seen.
    memory_most: u64,
    ports_max: u64,
    /// The open loop's state when sending ended.
    behind: Behind,
    sent_for: u64,
    /// Messages in doubt before everything was cut off by hand.
    in_doubt_before_cut: Option<u64>,
}

impl Run {
    /// Starts a run on threads of its own.
    ///
    /// # Errors
    /// Where the workers cannot be started, or the server's name has no address.
    pub fn start(plan: CheckedPlan) -> Result<RunHandle, StartError> {
        begin::start(plan).map(|state| RunHandle { state })
    }
}

impl RunHandle {
    /// The run as it is now. Cheap: ten times per second costs well below 1 % of a core.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.state.snapshot()
    }

    /// The plan that is being run.
    #[must_use]
    pub fn plan(&self) -> &CheckedPlan {
        &self.state.job.plan
    }

    /// Sends nothing more, waits for answers and closes properly. The outcome is that of an interrupted run.
    pub fn stop(&self) {
        self.control().stop();
    }

    /// Ends at once: what is under way is in doubt.
    pub fn abort(&self) {
        self.control().abort();
    }

    /// Sends nothing until [`Self::resume`].
    pub fn pause(&self) {
        self.control().set_paused(true);
    }

    /// Sends again. The pause counts for nothing: intended times move with it.
    pub fn resume(&self) {
        self.control().set_paused(false);
    }

    /// Changes the open loop's rate, in messages per second; nothing happens in the closed loop.
    pub fn set_rate(&self, rate: f64) {
        self.control().set_rate(rate);
    }

    /// Waits until the run is over.
    #[must_use]
    pub fn wait(&self) -> Outcome {
        loop {
            if let Some(outcome) = self.wait_for(Duration::from_secs(3600)) {
                return outcome;
            }
        }
    }

    /// Waits until the run is over, but no longer than this.
    #[must_use]
    pub fn wait_for(&self, timeout: Duration) -> Option<Outcome> {
        let deadline = Instant::now() + timeout;
        let mut outcome = lock(&self.state.outcome);
        while outcome.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            outcome = self.state.done.wait_timeout(outcome, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        outcome.clone()
    }

    fn control(&self) -> &Control {
        &self.state.job.control
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("url", &self.job.plan.plan().url).finish_non_exhaustive()
    }
}
