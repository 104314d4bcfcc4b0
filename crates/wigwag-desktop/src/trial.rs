//! A load test that the window has asked for: `wigwag-load` runs it, proves it and judges it; here it is started, watched and
//! stopped without a frame that waits.

use std::{
    sync::mpsc::{Receiver, TryRecvError, channel},
    time::Duration,
};

use wigwag_load::{Outcome, Plan, Run, RunHandle, Snapshot};

use crate::wire::Wake;

/// At most one run at a time.
#[derive(Default)]
pub(crate) struct Trial {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// On a thread of its own: names resolve, thousands of sockets are prepared.
    Starting(Receiver<Result<RunHandle, String>>),
    Running(RunHandle, Box<Snapshot>),
    Done(Box<Snapshot>, Box<Outcome>),
    Failed(String),
}

impl Trial {
    pub(crate) fn start(&mut self, plan: Plan, wake: Wake) {
        self.state = match plan.check() {
            Err(error) => State::Failed(error.to_string()),
            Ok(plan) => {
                let (tell, started) = channel();
                std::thread::spawn(move || {
                    let outcome = Run::start(plan).map_err(|error| error.to_string());
                    // Nobody listens any more where another run was started or the window closed.
                    if let Err(unheard) = tell.send(outcome)
                        && let Ok(handle) = unheard.0
                    {
                        handle.abort();
                    }
                    wake();
                });
                State::Starting(started)
            }
        };
    }

    /// Looks how far it is.
    pub(crate) fn poll(&mut self) {
        self.state = match std::mem::take(&mut self.state) {
            State::Starting(started) => match started.try_recv() {
                Ok(Ok(handle)) => {
                    let snapshot = Box::new(handle.snapshot());
                    State::Running(handle, snapshot)
                }
                Ok(Err(error)) => State::Failed(error),
                Err(TryRecvError::Empty) => State::Starting(started),
                Err(TryRecvError::Disconnected) => State::Failed("the run could not be started".to_owned()),
            },
            State::Running(handle, _) => {
                let snapshot = Box::new(handle.snapshot());
                match handle.wait_for(Duration::ZERO) {
                    Some(outcome) => State::Done(snapshot, Box::new(outcome)),
                    None => State::Running(handle, snapshot),
                }
            }
            state => state,
        };
    }

    /// Sends nothing more and waits for answers; at once if it is asked for again.
    pub(crate) fn stop(&mut self) {
        if let State::Running(handle, snapshot) = &self.state {
            if snapshot.stopping { handle.abort() } else { handle.stop() }
        }
    }

    /// Whether frames are to follow soon.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Starting(_) | State::Running(..))
    }

    /// The run as it was seen last.
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        match &self.state {
            State::Running(_, snapshot) | State::Done(snapshot, _) => Some(snapshot),
            _ => None,
        }
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        if let State::Done(_, outcome) = &self.state { Some(outcome) } else { None }
    }

    /// Why it could not be run.
    pub(crate) fn trouble(&self) -> Option<&str> {
        if let State::Failed(why) = &self.state { Some(why) } else { None }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let State::Running(handle, _) = &self.state {
            handle.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_cannot_be_says_why() {
        let mut trial = Trial::default();
        trial.start(Plan { connections: 0, ..Plan::default() }, std::sync::Arc::new(|| {}));
        assert!(trial.trouble().is_some_and(|why| why.contains("-c")), "{:?}", trial.trouble());
        assert!(!trial.is_running());
    }
}
