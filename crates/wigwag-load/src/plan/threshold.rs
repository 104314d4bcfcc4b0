//! What else must hold: [`Threshold`]s, as `--threshold 'p99<50ms,lost==0,rate>10k'` takes them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::account::Class;

/// A figure of a run, a relation and a bound. In JSON it is its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Threshold {
    /// Which figure.
    pub metric: Metric,
    /// How it is compared.
    pub relation: Relation,
    /// With what: seconds for times, messages per second for rates, else a number.
    pub bound: f64,
    text: String,
}

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A quantile of the time from intended sending to the answer: `p99`, `p99.9`, `min`, `max`.
    Latency(f64),
    /// A quantile of the time from sending to the answer: `service.p99`.
    Service(f64),
    /// A quantile of the time from intended to real sending: `lag.p99`.
    Lag(f64),
    /// A quantile of the time to open a connection: `connect.p99`.
    Connect(f64),
    /// The mean of the time from intended sending to the answer: `mean`.
    Mean,
    /// Answered messages per second: `rate`.
    Rate,
    /// Sent messages: `sent`.
    Sent,
    /// Messages of a class: `lost`, `duplicate` ...
    Class(Class),
    /// Connections that could not be opened or died: `errors`.
    Errors,
}

impl Metric {
    /// Whether a saturated generator makes the figure worthless.
    #[must_use]
    pub const fn depends_on_generator(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Service(_) | Self::Lag(_) | Self::Connect(_) | Self::Mean | Self::Rate)
    }

    /// Whether the figure is a time, in seconds.
    #[must_use]
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Service(_) | Self::Lag(_) | Self::Connect(_) | Self::Mean)
    }
}

/// How a figure is compared with its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// Why a threshold cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// No relation in it.
    #[error("{0:?} is no threshold: write FIGURE<BOUND, such as p99<50ms, lost==0 or rate>10k")]
    Shape(String),
    /// A figure that does not exist.
    #[error(
        "unknown figure {0:?}: use p50, p99, p99.9, min, max, mean, rate, sent, errors, service.p99, lag.p99, connect.p99, or a \
         class such as lost, late, in_doubt, duplicate"
    )]
    Metric(String),
    /// A bound of the wrong kind.
    #[error("{0:?} is no bound for {1}: use {2}")]
    Bound(String, String, &'static str),
}

impl Threshold {
    /// Several, separated by commas or `&&`.
    ///
    /// # Errors
    /// The first one that cannot be used.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, ThresholdError> {
        text.split(',').flat_map(|part| part.split("&&")).map(str::parse).collect()
    }

    /// Whether this figure is within the bound.
    #[must_use]
    pub fn holds(&self, actual: f64) -> bool {
        match self.relation {
            Relation::Less => actual < self.bound,
            Relation::AtMost => actual <= self.bound,
            Relation::Greater => actual > self.bound,
            Relation::AtLeast => actual >= self.bound,
            Relation::Equal => actual == self.bound,
            Relation::Unequal => actual != self.bound,
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let text = text.trim();
        let shape = || ThresholdError::Shape(text.to_owned());
        let at = text.find(['<', '>', '=', '!']).ok_or_else(shape)?;
        let (name, rest) = text.split_at(at);
        let (relation, bound) = RELATIONS
            .iter()
            .find_map(|(sign, relation)| rest.strip_prefix(sign).map(|bound| (*relation, bound.trim())))
            .ok_or_else(shape)?;
        let name = name.trim();
        let metric = metric(name).ok_or_else(|| ThresholdError::Metric(name.to_owned()))?;
        let (number, kind) = if metric.is_time() {
            (seconds(bound), "a time such as 50ms")
        } else {
            (number(bound), "a number such as 0, 10k or 2.5m")
        };
        let bound = number.ok_or_else(|| ThresholdError::Bound(bound.to_owned(), name.to_owned(), kind))?;
        Ok(Self { metric, relation, bound, text: text.to_owned() })
    }
}

impl TryFrom<String> for Threshold {
    type Error = ThresholdError;

    fn try_from(text: String) -> Result<Self, ThresholdError> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.text
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn metric(name: &str) -> Option<Metric> {
    if let Some(share) = quantile(name) {
        return Some(Metric::Latency(share));
    }
    match name.split_once('.') {
        Some(("latency", rest)) => return quantile(rest).map(Metric::Latency),
        Some(("service", rest)) => return quantile(rest).map(Metric::Service),
        Some(("lag", rest)) => return quantile(rest).map(Metric::Lag),
        Some(("connect", rest)) => return quantile(rest).map(Metric::Connect),
        _ => {}
    }
    match name {
        "mean" => return Some(Metric::Mean),
        "rate" => return Some(Metric::Rate),
        "sent" => return Some(Metric::Sent),
        "errors" => return Some(Metric::Errors),
        _ => {}
    }
    let label = name.replace('_', " ");
    Class::SENT.into_iter().chain(Class::SURPLUS).find(|class| class.label() == label).map(Metric::Class)
}

/// `p99.9`, `min`, `max` as a share.
fn quantile(name: &str) -> Option<f64> {
    match name {
        "min" => Some(0.0),
        "max" => Some(1.0),
        _ => {
            let percent = name.strip_prefix('p').filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))?;
            // Read as hundredths, not divided by a hundred: 99.9 is to be 0.999 to the last bit.
            let share: f64 = format!("{percent}e-2").parse().ok()?;
            (0.0..=1.0).contains(&share).then_some(share)
        }
    }
}

fn seconds(text: &str) -> Option<f64> {
    humantime::parse_duration(text).ok().as_ref().map(Duration::as_secs_f64)
}

/// A number that is not negative: `10k` is ten thousand, `2.5m` two and a half million.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    let (digits, factor) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'm' | 'M') => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    let number = digits.replace('_', "").parse::<f64>().ok()? * factor;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// Longer signs first.
const RELATIONS: [(&str, Relation); 7] = [
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Equal),
    ("!=", Relation::Unequal),
    ("<", Relation::Less),
    (">", Relation::Greater),
    ("=", Relation::Equal),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_figure_relation_and_bound() {
        let all = Threshold::parse_all("p99<50ms, lost==0 && rate>10k,service.p99.9<=1s,in_doubt=0,max<2s").unwrap();
        let expected = [
            (Metric::Latency(0.99), Relation::Less, 0.05),
            (Metric::Class(Class::Lost), Relation::Equal, 0.0),
            (Metric::Rate, Relation::Greater, 10_000.0),
            (Metric::Service(0.999), Relation::AtMost, 1.0),
            (Metric::Class(Class::InDoubt), Relation::Equal, 0.0),
            (Metric::Latency(1.0), Relation::Less, 2.0),
        ];
        let read: Vec<_> = all.iter().map(|one| (one.metric, one.relation, one.bound)).collect();
        assert_eq!(read.len(), expected.len());
        for (one, other) in read.iter().zip(expected) {
            assert_eq!((one.0, one.1), (other.0, other.1));
            assert!((one.2 - other.2).abs() < 1e-9);
        }
        assert!(all[0].holds(0.049) && !all[0].holds(0.05));
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Threshold>>(&json).unwrap(), all);
    }

    #[test]
    fn errors_say_what_to_write_instead() {
        for (text, expected) in [
            ("p99", "write FIGURE<BOUND"),
            ("p101<1s", "unknown figure"),
            ("lots>1", "unknown figure"),
            ("p99<50", "a time such as"),
            ("rate>fast", "a number such as"),
        ] {
            let error = text.parse::<Threshold>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
