//! Faults that the tester injects itself: [`Fault`], as `--fault` takes it (`slow-reader:5`).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What is done to the server, and how often, evenly over the run, each on a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// How often.
    pub count: u32,
}

/// What a bystander connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Asks for answers and does not read them.
    SlowReader,
    /// Vanishes without a FIN: neither reads nor writes nor closes any more.
    HalfOpen,
    /// Ends the stream in the middle of a frame.
    CutFrame,
    /// Sends frames that the RFC forbids.
    Malformed,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SlowReader, Self::HalfOpen, Self::CutFrame, Self::Malformed];

    /// The name as `--fault` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowReader => "slow-reader",
            Self::HalfOpen => "half-open",
            Self::CutFrame => "cut-frame",
            Self::Malformed => "malformed",
        }
    }
}

/// Why a fault cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// Not one of the names.
    #[error(
        "{0:?} is no fault: use slow-reader, half-open, cut-frame or malformed, with a number such as malformed:20"
    )]
    Unknown(String),
    /// Not a number from 1 on.
    #[error("{0:?} is no number of faults: use a whole number from 1 to {COUNT_MAX}")]
    Count(String),
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, count) = text.split_once(':').unwrap_or((text, "1"));
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| FaultError::Unknown(name.to_owned()))?;
        match count.parse() {
            Ok(count @ 1..=COUNT_MAX) => Ok(Self { kind, count }),
            _ => Err(FaultError::Count(count.to_owned())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.count)
    }
}

/// Each is a connection of its own.
const COUNT_MAX: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_with_and_without_a_number() {
        assert_eq!("malformed".parse(), Ok(Fault { kind: FaultKind::Malformed, count: 1 }));
        assert_eq!("slow-reader:37".parse(), Ok(Fault { kind: FaultKind::SlowReader, count: 37 }));
        assert_eq!(Fault { kind: FaultKind::HalfOpen, count: 2 }.to_string(), "half-open:2");
        assert!(matches!("slow".parse::<Fault>(), Err(FaultError::Unknown(_))));
        assert!(matches!("cut-frame:0".parse::<Fault>(), Err(FaultError::Count(_))));
    }
}
