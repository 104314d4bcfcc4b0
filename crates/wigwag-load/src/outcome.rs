//! A finished run: [`Outcome`], which is also what the JSON report holds (format version [`FORMAT`]).

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, Class},
    latency::Latency,
    plan::{FanOut, PlanEcho, Threshold},
    snapshot::{Bytes, Connections, FaultAccount, Health, Latencies, Mark, Second},
};

/// The version of the report's format: it changes when a field changes its meaning or goes.
pub const FORMAT: u32 = 1;

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`FORMAT`].
    pub format: u32,
    /// PASS, FAIL or INCONCLUSIVE, and why.
    pub judgement: Judgement,
    /// Messages and arrivals by class.
    pub account: Account,
    /// Messages that were to be sent and were not: their connection was gone, or the run was stopped.
    pub unsent: u64,
    /// The three times of messages, and those of opening connections.
    pub latencies: Latencies,
    /// Answered messages per second, from the first message to the last answer.
    pub rate: f64,
    /// The open loop's rate that was asked for.
    pub rate_asked: Option<f64>,
    /// Bytes on the wire.
    pub bytes: Bytes,
    /// Connections by what became of them.
    pub connections: Connections,
    /// Connections that failed or died, by what happened.
    pub errors: BTreeMap<String, u64>,
    /// The first messages and arrivals that were not ok.
    pub offenders: Vec<Offender>,
    /// Of a fan-out: publications and how far apart subscribers got them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<FanReport>,
    /// Faults injected.
    pub faults: Vec<FaultAccount>,
    /// What happened on connections without a fault and is not explained by one; see [`Judgement::reasons`].
    pub unexplained: u64,
    /// What the generator itself suffered from.
    pub health: Health,
    /// The time line, from the first message on.
    pub timeline: Timeline,
    /// What was asked for.
    pub plan: PlanEcho,
    /// What all that is random was drawn from.
    pub seed: u64,
    /// The expectation that was in force: what `auto` found.
    pub expect: String,
    /// When the run started, as seconds since 1970.
    pub started_unix: f64,
    /// From the start to the last connection's end.
    #[serde(with = "crate::seconds")]
    pub elapsed: Duration,
    /// From the first message to the last answer.
    #[serde(with = "crate::seconds")]
    pub sending: Duration,
    /// Where it ran.
    pub environment: Environment,
}

/// What came of a fan-out; its deliveries are in the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FanReport {
    /// Topics, and publishers and subscribers of each.
    pub shape: FanOut,
    /// Messages published.
    pub publications: u64,
    /// Those that came to every subscriber.
    pub complete: u64,
    /// Of these: from the first subscriber to the last.
    pub skew: Latency,
}

impl FanReport {
    pub(crate) fn new(shape: FanOut) -> Self {
        Self { shape, publications: 0, complete: 0, skew: Latency::default() }
    }
}

/// PASS, FAIL or INCONCLUSIVE, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The word.
    pub verdict: Verdict,
    /// The process's exit code.
    pub exit_code: u8,
    /// Why, the decisive reasons first; for a pass, what was proved.
    pub reasons: Vec<String>,
    /// Each threshold and its figure.
    pub thresholds: Vec<JudgedThreshold>,
    /// The equations do not balance: a bug of the tester.
    pub broken: bool,
    /// Stopped by hand before it was done.
    pub interrupted: bool,
}

/// The result in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every message was answered as it should be, and every threshold held.
    Pass,
    /// Something is wrong with the server, or with what was asked of it.
    Fail,
    /// The generator itself was the limit, or the run was stopped: nobody can know.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
        })
    }
}

/// A threshold and its figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedThreshold {
    /// What was asked for.
    pub threshold: Threshold,
    /// The figure: seconds for times, messages per second for rates, else a number. `None` where nothing was measured.
    pub actual: Option<f64>,
    /// Whether it held; what is not known does not hold.
    pub held: bool,
}

/// A message that is not ok, or an arrival that answers none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offender {
    /// What is wrong.
    pub class: Class,
    /// The connection that it was sent on, or where it is not known, came on.
    pub connection: u32,
    /// Its number on that connection; `None` where an arrival names none.
    pub sequence: Option<u64>,
    /// When that was seen, since the first message, in seconds.
    pub at: f64,
    /// What more there is to say: which connection it came on, how late it was.
    pub note: String,
    /// How what came differs from what was expected, where both are known.
    pub difference: Option<Difference>,
}

/// Where two payloads differ. Bytes that are not printable ASCII are escaped as in Rust (`\xff`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The first byte that differs.
    pub at: u64,
    /// Where the two excerpts begin.
    pub from: u64,
    /// What was expected there.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Bytes expected in all.
    pub expected_bytes: u64,
    /// Bytes that came in all.
    pub got_bytes: u64,
}

/// The time line of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// How long each stretch is, in seconds: 1, and a power of two where the run is long.
    pub stretch: f64,
    /// The stretches, from the first message on; at most 3,600.
    pub stretches: Vec<Second>,
    /// What happened, in order; at most 1,000.
    pub marks: Vec<Mark>,
}

/// Where a run took place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Of wigwag.
    pub version: String,
    /// Operating system and its version.
    pub system: String,
    /// Processor architecture.
    pub architecture: String,
    /// Processor, as it names itself.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: u64,
    /// The machine's name.
    pub host: String,
}

impl Difference {
    /// How `got` differs from `expected`. Where it does not, the first difference is behind the end.
    #[must_use]
    pub fn between(expected: &[u8], got: &[u8]) -> Self {
        let at = expected.iter().zip(got).position(|(one, other)| one != other);
        let at = at.unwrap_or(expected.len().min(got.len()));
        let from = at.saturating_sub(EXCERPT_BEFORE);
        let excerpt = |bytes: &[u8]| {
            let end = bytes.len().min(at + EXCERPT_AFTER);
            bytes[from.min(end)..end].escape_ascii().to_string()
        };
        Self {
            at: at as u64,
            from: from as u64,
            expected: excerpt(expected),
            got: excerpt(got),
            expected_bytes: expected.len() as u64,
            got_bytes: got.len() as u64,
        }
    }
}

/// Bytes of an excerpt before the first difference, and from it on.
const EXCERPT_BEFORE: usize = 24;
const EXCERPT_AFTER: usize = 104;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_is_around_the_first_byte_that_differs() {
        let expected = [b'x'; 300];
        let mut got = expected;
        got[200] = 0xff;
        let difference = Difference::between(&expected, &got);
        assert_eq!((difference.at, difference.from), (200, 176));
        assert_eq!(difference.got, format!("{}\\xff{}", "x".repeat(24), "x".repeat(99)));
        let short = Difference::between(b"abc", b"ab");
        assert_eq!((short.at, &*short.expected, &*short.got), (2, "abc", "ab"));
        assert_eq!(Difference::between(b"", b"hello").got, "hello");
    }
}
