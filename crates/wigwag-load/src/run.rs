//! Starting, watching and stopping a run.

use std::{io, sync::Arc, time::Duration};

use crate::{outcome::Outcome, plan::CheckedPlan, snapshot::Snapshot};

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
    control: Arc<Control>,
}

impl Run {
    /// Starts a run on threads of its own.
    ///
    /// # Errors
    /// Where the workers cannot be started, or the server's name has no address.
    pub fn start(plan: CheckedPlan) -> Result<RunHandle, StartError> {
        drop(plan);
        Err(StartError::Workers(io::Error::other("not there yet")))
    }
}

impl RunHandle {
    /// The run as it is now. Cheap: ten times per second costs well below 1 % of a core.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.control.snapshot()
    }

    /// Sends nothing more, waits for answers and closes properly. The outcome is that of an interrupted run.
    pub fn stop(&self) {
        self.control.stop();
    }

    /// Ends at once: what is under way is in doubt.
    pub fn abort(&self) {
        self.control.abort();
    }

    /// Sends nothing until [`Self::resume`].
    pub fn pause(&self) {
        self.control.set_paused(true);
    }

    /// Sends again. The pause counts for nothing: intended times move with it.
    pub fn resume(&self) {
        self.control.set_paused(false);
    }

    /// Changes the open loop's rate, in messages per second; nothing happens in the closed loop.
    pub fn set_rate(&self, rate: f64) {
        self.control.set_rate(rate);
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
        self.control.wait_for(timeout)
    }
}

#[derive(Debug)]
struct Control;

impl Control {
    fn snapshot(&self) -> Snapshot {
        unreachable!("no run can be started yet")
    }
    fn stop(&self) {}
    fn abort(&self) {}
    fn set_paused(&self, _: bool) {}
    fn set_rate(&self, _: f64) {}
    fn wait_for(&self, _: Duration) -> Option<Outcome> {
        None
    }
}
