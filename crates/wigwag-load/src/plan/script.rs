//! A scenario: what each connection says, and what it expects to hear, step by step ([`Script`], as `--script FILE` takes it).
//!
//! The file is TOML; `docs/load/scenarios.md` describes it. Reading it is `parse`'s business; playing it is the worker's and
//! judging the answers the ledger's.

mod matching;
mod parse;

use std::{sync::Arc, time::Duration};

use super::{Broadcast, Template, Think};

pub use self::matching::Matcher;
pub(crate) use self::matching::{Heard, Saying};

/// What each connection does, in order, once or several times.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file's name, for reports.
    pub name: String,
    /// How often each connection does the steps. Without: once, or where the run has a duration, until that is over.
    pub repeat: Option<u64>,
    /// Messages that may come at any time and mean nothing.
    pub ignore: Vec<Matcher>,
    /// At least one of them sends or expects; none where there is a `broadcast`.
    pub steps: Arc<[Step]>,
    /// For a fan-out: how one subscribes and publishes.
    pub broadcast: Option<Broadcast>,
}

/// One thing that a connection does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send a message.
    Send(Message),
    /// Send a message after which `updates` may come at any time until the connection ends. An `expect` that they fit takes
    /// them; the others are counted and are no fault.
    Subscribe(Message, Matcher),
    /// Wait for messages.
    Expect(Wanted),
    /// Wait for a time, drawn evenly from this range.
    Wait(Think),
}

/// A message that is sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its text.
    pub template: Template,
    /// Sent as binary.
    pub binary: bool,
}

/// Messages that are waited for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What each must be.
    pub matcher: Matcher,
    /// How many.
    pub count: u32,
    /// All of them must come within this time from when the step began. Default: the run's time-out.
    pub within: Option<Duration>,
    /// Where it stands in the file.
    pub line: usize,
}

/// Why a scenario cannot be used: a sentence per mistake, in the file's order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ScriptError {
    /// Each with its line and what to write instead.
    pub problems: Vec<String>,
}

impl Script {
    /// Reads the content of the file called `name`.
    ///
    /// # Errors
    /// All mistakes, each with its line.
    pub fn parse(name: &str, content: &str) -> Result<Self, ScriptError> {
        parse::parse(name, content)
    }

    /// The `expect` steps that a message sent in step `sent` opens: those up to the next message. Before the first message
    /// (`None`) those at the beginning.
    pub(crate) fn opened_by(&self, sent: Option<usize>) -> impl Iterator<Item = (usize, &Wanted)> {
        let first = sent.map_or(0, |step| step + 1);
        let following = self.steps.iter().enumerate().skip(first);
        following.take_while(|(_, step)| step.message().is_none()).filter_map(|(number, step)| match step {
            Step::Expect(wanted) => Some((number, wanted)),
            _ => None,
        })
    }

    /// The `expect` step of this number.
    pub(crate) fn wanted(&self, step: usize) -> Option<&Wanted> {
        match self.steps.get(step) {
            Some(Step::Expect(wanted)) => Some(wanted),
            _ => None,
        }
    }

    /// The longest that one pass may take after its last message was due.
    pub(crate) fn longest(&self, timeout: Duration) -> Duration {
        let steps = self.steps.iter().map(|step| match step {
            Step::Expect(wanted) => wanted.within.unwrap_or(timeout),
            Step::Wait(think) => think.most,
            Step::Send(_) | Step::Subscribe(..) => Duration::ZERO,
        });
        steps.fold(timeout, Duration::saturating_add).min(LONGEST_MAX)
    }
}

impl Step {
    /// How many answers it waits for.
    pub(crate) fn answers(&self) -> u64 {
        match self {
            Self::Expect(wanted) => wanted.count.into(),
            _ => 0,
        }
    }

    /// What it sends.
    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Self::Send(message) | Self::Subscribe(message, _) => Some(message),
            Self::Expect(_) | Self::Wait(_) => None,
        }
    }
}

const LONGEST_MAX: Duration = Duration::from_secs(3600);
