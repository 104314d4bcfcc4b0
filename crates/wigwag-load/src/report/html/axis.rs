//! Axes: where a value lies between 0 and 1, and which values are named.

use crate::{latency::Heat, report::words};

/// A named place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// 0 to 1.
    pub(super) at: f64,
    pub(super) label: String,
}

/// An axis from 0 to a round number above the largest value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Linear {
    most: f64,
    step: f64,
}

impl Linear {
    pub(super) fn to(most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let rough = most / 4.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|part| part * power).find(|step| *step >= rough);
        let step = step.unwrap_or(power * 10.0);
        Self { most: (most / step).ceil() * step, step }
    }

    pub(super) fn at(self, value: f64) -> f64 {
        (value / self.most).clamp(0.0, 1.0)
    }

    pub(super) fn ticks(self, name: impl Fn(f64) -> String) -> Vec<Tick> {
        let count = (self.most / self.step).round() as usize;
        (0..=count)
            .map(|at| at as f64 * self.step)
            .map(|value| Tick { at: self.at(value), label: name(value) })
            .collect()
    }
}

/// Time from left to right, named at round moments.
pub(super) fn time_ticks(length: f64) -> Vec<Tick> {
    const STEPS: [f64; 16] =
        [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
    let step = STEPS.into_iter().find(|step| length / step <= 6.0).unwrap_or((length / 6.0 / 3600.0).ceil() * 3600.0);
    let moments = (0..=6).map(|at| f64::from(at) * step).take_while(|moment| *moment <= length * 1.0001);
    moments.map(|moment| Tick { at: moment / length, label: round_time(moment) }).collect()
}

/// A logarithmic axis of times, in the steps of [`Heat`]: eight per doubling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Log {
    low: f64,
    high: f64,
}

impl Log {
    /// From somewhat below the least to somewhat above the largest time, in seconds, at least a factor of four apart.
    pub(super) fn between(least: f64, most: f64) -> Self {
        let (low, high) = (step(least).floor() - 1.0, step(most).ceil() + 1.0);
        let spare = (16.0 - (high - low)).max(0.0) / 2.0;
        Self { low: (low - spare).max(-1.0), high: high + spare }
    }

    pub(super) fn at(self, seconds: f64) -> f64 {
        self.at_step(step(seconds))
    }

    /// Where a bucket of [`Heat`] begins.
    pub(super) fn at_bucket(self, bucket: usize) -> f64 {
        self.at_step(bucket as f64)
    }

    fn at_step(self, step: f64) -> f64 {
        ((step - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    pub(super) fn ticks(self) -> Vec<Tick> {
        let decades = (self.high - self.low) / (8.0 * 10f64.log2());
        let parts: &[f64] = if decades < 1.5 {
            &[1.0, 2.0, 5.0]
        } else if decades < 3.0 {
            &[1.0, 3.0]
        } else {
            &[1.0]
        };
        let all = (-6..=4).flat_map(|power| parts.iter().map(move |part| part * 10f64.powi(power)));
        let inside = all.filter(|seconds| (self.low..=self.high).contains(&step(*seconds)));
        inside.map(|seconds| Tick { at: self.at(seconds), label: round_time(seconds) }).collect()
    }
}

/// A time's place in the steps of [`Heat`]'s buckets, with what lies between two.
fn step(seconds: f64) -> f64 {
    let nanos = seconds * 1e9;
    if nanos < 1024.0 {
        return (nanos / 1024.0).clamp(0.0, 1.0) - 1.0;
    }
    let octave = (nanos / 1024.0).log2().floor();
    let most = Heat::BUCKETS as f64;
    (8.0 * (octave + nanos / (1024.0 * octave.exp2()) - 1.0)).min(most)
}

/// A round time in one unit: `500 ms`, `30 s`, `2 min`, `300 µs`.
pub(super) fn round_time(seconds: f64) -> String {
    let in_unit = |size: f64, unit: &str| format!("{} {unit}", trimmed(seconds / size));
    match seconds {
        0.0 => "0".to_owned(),
        _ if seconds < 0.999e-3 => in_unit(1e-6, "µs"),
        _ if seconds < 0.999 => in_unit(1e-3, "ms"),
        _ if seconds < 90.0 => in_unit(1.0, "s"),
        _ if seconds < 5400.0 => in_unit(60.0, "min"),
        _ => in_unit(3600.0, "h"),
    }
}

/// `2`, `2.5`, `0.05`: no zeros behind.
fn trimmed(number: f64) -> String {
    trimmed_to(number, 2)
}

/// So many digits behind the point at most.
pub(super) fn trimmed_to(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A round count with `k` or `M`: `0`, `500`, `2.5 k`.
pub(super) fn round_count(number: f64) -> String {
    match number {
        _ if number >= 1e6 => format!("{} M", trimmed(number / 1e6)),
        _ if number >= 1e4 => format!("{} k", trimmed(number / 1e3)),
        _ if number.fract() == 0.0 => words::count(number as u64),
        // Two digits more than it begins with: steps are 1, 2, 2.5 or 5 of a power of ten, and a tick a few of them.
        _ => trimmed_to(number, (2 - number.log10().floor().min(0.0) as i32).unsigned_abs() as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn linear_axes_end_at_round_numbers() {
        assert_eq!(labels(&Linear::to(19_300.0).ticks(round_count)), ["0", "5,000", "10 k", "15 k", "20 k"]);
        assert_eq!(labels(&Linear::to(0.0).ticks(round_count)), ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(labels(&Linear::to(0.0084).ticks(round_count)), ["0", "0.0025", "0.005", "0.0075", "0.01"]);
        assert_eq!(labels(&Linear::to(0.02).ticks(round_count)), ["0", "0.005", "0.01", "0.015", "0.02"]);
        assert_eq!(labels(&Linear::to(2.0).ticks(round_count)), ["0", "0.5", "1", "1.5", "2"]);
        assert_eq!(labels(&Linear::to(10.0).ticks(round_count)), ["0", "2.5", "5", "7.5", "10"]);
        assert!((Linear::to(8.0).at(4.0) - 0.5).abs() < 1e-9);
        assert_eq!(Linear::to(f64::NAN).at(7.0), 1.0);
    }

    #[test]
    fn time_axes_name_round_moments() {
        assert_eq!(labels(&time_ticks(30.0)), ["0", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]);
        assert_eq!(labels(&time_ticks(0.31)), ["0", "100 ms", "200 ms", "300 ms"]);
        assert_eq!(labels(&time_ticks(7200.0)).last(), Some(&"2 h"));
        assert!(time_ticks(1e6).len() <= 8);
    }

    #[test]
    fn a_logarithmic_axis_agrees_with_the_buckets_of_heat() {
        let axis = Log::between(20e-6, 0.03);
        for bucket in 40..100 {
            let upper = Heat::bound(bucket).as_secs_f64();
            assert!((axis.at(upper) - axis.at_bucket(bucket + 1)).abs() < 1e-6, "{bucket}");
        }
        assert_eq!(labels(&axis.ticks()), ["100 µs", "1 ms", "10 ms"]);
        assert_eq!(labels(&Log::between(0.001, 0.001).ticks()), ["1 ms", "2 ms"]);
    }
}
