//! Histograms of times: [`Latency`] is exact to 0.1 % (HDR), [`Heat`] is small enough to be kept for every second.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as HdrDeserializer, Serializer as _, V2Serializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A histogram of times with three significant digits, from 1 µs to an hour.
///
/// In JSON it is its usual figures for people, in seconds, and the whole histogram in the HDR format (V2, base64).
#[derive(Clone, Debug, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        let mut histogram = Histogram::new_with_bounds(LEAST_NANOS, FIRST_MOST_NANOS, 3).expect("valid bounds");
        histogram.auto(true);
        Self(histogram)
    }
}

impl Latency {
    /// Counts one time; above an hour it counts as an hour.
    pub fn record(&mut self, time: Duration) {
        self.record_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// As [`Self::record`], in nanoseconds.
    pub fn record_nanos(&mut self, nanos: u64) {
        self.record_many(nanos, 1);
    }

    /// Counts one time, in nanoseconds, so often.
    pub(crate) fn record_many(&mut self, nanos: u64, count: u64) {
        self.0.record_n(nanos.min(MOST_NANOS), count).expect("the histogram grows to an hour");
    }

    /// Adds another histogram to this one.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the histogram grows to an hour");
    }

    /// What is left without the times of a part of these.
    pub(crate) fn without(mut self, part: &Self) -> Self {
        self.0.subtract(&part.0).expect("what is subtracted was counted in both");
        self
    }

    /// How many times were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether none was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that this share of all do not exceed; `0.99` is p99. Zero where nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        // The upper end of a bucket may lie above the largest time that was seen.
        Duration::from_nanos(self.0.value_at_quantile(share).min(self.0.max()))
    }

    /// The least time.
    #[must_use]
    pub fn min(&self) -> Duration {
        Duration::from_nanos(self.0.min())
    }

    /// The largest time.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.0.mean() as u64)
    }

    /// The standard deviation.
    #[must_use]
    pub fn deviation(&self) -> Duration {
        Duration::from_nanos(self.0.stdev() as u64)
    }

    /// The histogram itself, in nanoseconds: for the HDR log and for curves.
    #[must_use]
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&self.0, &mut bytes).map_err(serde::ser::Error::custom)?;
        let seconds = |time: Duration| time.as_secs_f64();
        InJson {
            count: self.count(),
            min: seconds(self.min()),
            mean: seconds(self.mean()),
            p50: seconds(self.quantile(0.5)),
            p90: seconds(self.quantile(0.9)),
            p99: seconds(self.quantile(0.99)),
            p99_9: seconds(self.quantile(0.999)),
            p99_99: seconds(self.quantile(0.9999)),
            max: seconds(self.max()),
            hdr: STANDARD.encode(bytes),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = InJson::deserialize(deserializer)?;
        let bytes = STANDARD.decode(json.hdr).map_err(D::Error::custom)?;
        let read = HdrDeserializer::new().deserialize::<u64, _>(&mut bytes.as_slice()).map_err(D::Error::custom)?;
        // Read into bounds of our own: what a file claims about its histogram must not decide about ours.
        let mut latency = Self::default();
        for step in read.iter_recorded() {
            let (value, count) = (step.value_iterated_to().min(MOST_NANOS), step.count_since_last_iteration());
            latency.0.record_n(value, count).map_err(D::Error::custom)?;
        }
        Ok(latency)
    }
}

/// Times in seconds.
#[derive(Serialize, Deserialize)]
struct InJson {
    count: u64,
    min: f64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p99_9: f64,
    p99_99: f64,
    max: f64,
    hdr: String,
}

/// A coarse histogram of times: eight buckets per doubling (9 % wide), from 1 µs to about an hour. For the heat map over
/// time, and for "now".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heat {
    /// Counts from the first bucket up to the last that is not 0.
    counts: Vec<u32>,
}

impl Heat {
    /// Buckets there are at most.
    pub const BUCKETS: usize = 8 * 32;

    /// Counts a time.
    pub fn record_nanos(&mut self, nanos: u64) {
        self.record_many(nanos, 1);
    }

    /// Counts a time so often.
    pub(crate) fn record_many(&mut self, nanos: u64, count: u64) {
        let bucket = Self::bucket(nanos);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.counts[bucket] = self.counts[bucket].saturating_add(count);
    }

    /// Adds another histogram to this one.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own = own.saturating_add(*more));
    }

    /// The counts, from the first bucket on; as long as there are any.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// How many times were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The time below which the bucket ends.
    #[must_use]
    pub fn bound(bucket: usize) -> Duration {
        let (octave, eighth) = ((bucket / 8).min(40) as u32, (bucket % 8) as u64);
        Duration::from_nanos((1024 << octave) / 8 * (8 + eighth + 1))
    }

    /// The upper end of the bucket in which this share of all is reached; zero where nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (share * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Self::bound(bucket);
            }
        }
        Duration::ZERO
    }

    fn bucket(nanos: u64) -> usize {
        if nanos < 1024 {
            return 0;
        }
        let octave = nanos.ilog2() - 10;
        let eighth = (nanos >> (octave + 7)) & 7;
        (octave as usize * 8 + eighth as usize).min(Self::BUCKETS - 1)
    }
}

const LEAST_NANOS: u64 = 1_000;
const FIRST_MOST_NANOS: u64 = 1_000_000_000;
const MOST_NANOS: u64 = 3_600_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_survives_json_to_its_last_count() {
        let mut latency = Latency::default();
        for nanos in [0, 1_500, 20_000, 20_000, 3_000_000, 999_999_999, 7_000_000_000, u64::MAX] {
            latency.record_nanos(nanos);
        }
        let json = serde_json::to_string(&latency).expect("serializable");
        let read: Latency = serde_json::from_str(&json).expect(&json);
        assert_eq!(read.count(), 8);
        for share in [0.0, 0.2, 0.5, 0.9, 0.99, 1.0] {
            let (one, other) = (read.quantile(share).as_nanos() as f64, latency.quantile(share).as_nanos() as f64);
            assert!((one - other).abs() <= other / 500.0, "{share}: {one} {other}");
        }
    }

    #[test]
    fn a_time_lies_below_the_bound_of_its_bucket_and_at_most_an_eighth_below() {
        for nanos in (0..62).flat_map(|bit| [1u64 << bit, (1 << bit) + (1 << bit) / 3]).filter(|nanos| *nanos < 1 << 41)
        {
            let bound = Heat::bound(Heat::bucket(nanos)).as_nanos() as u64;
            assert!(nanos < bound && (nanos < 1024 || bound - nanos <= nanos / 8 + 1), "{nanos} {bound}");
        }
    }

    #[test]
    fn quantiles_of_heat_are_near_the_true_ones() {
        let mut heat = Heat::default();
        (1..=1000).for_each(|micros| heat.record_nanos(micros * 1000));
        let p99 = heat.quantile(0.99).as_micros();
        assert!((990..1120).contains(&p99), "{p99}");
        assert_eq!(Heat::default().quantile(0.5), Duration::ZERO);
    }
}
