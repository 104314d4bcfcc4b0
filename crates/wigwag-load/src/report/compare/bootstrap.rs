//! How far the ratio of two medians wanders by chance: a moving-block bootstrap.

use super::{Ratio, SECONDS_MIN};

/// The ratio of the medians, other divided by base, with the middle 95 % of what chance makes of it. `None` where there are
/// too few samples, or the base's median is 0.
pub(super) fn interval(base: &[f64], other: &[f64]) -> Option<Ratio> {
    if base.len() < SECONDS_MIN || other.len() < SECONDS_MIN {
        return None;
    }
    let value = ratio(median(base.to_vec()), median(other.to_vec()))?;
    // A fixed seed: the same two files always give the same verdict.
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .filter_map(|_| ratio(median(resample(base, &mut random)), median(resample(other, &mut random))))
        .collect();
    if drawn.len() < DRAWS / 2 {
        return None;
    }
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
    Some(Ratio { value, low: at(0.025), high: at(0.975) })
}

fn ratio(base: f64, other: f64) -> Option<f64> {
    (base > 0.0).then(|| other / base).filter(|ratio| ratio.is_finite())
}

/// As many samples, drawn in blocks: neighbouring seconds resemble each other, and single draws would hide that.
fn resample(samples: &[f64], random: &mut fastrand::Rng) -> Vec<f64> {
    let block = ((samples.len() as f64).cbrt().round() as usize).clamp(1, samples.len());
    let mut drawn = Vec::with_capacity(samples.len() + block);
    while drawn.len() < samples.len() {
        let start = random.usize(..=samples.len() - block);
        drawn.extend_from_slice(&samples[start..start + block]);
    }
    drawn.truncate(samples.len());
    drawn
}

fn median(mut samples: Vec<f64>) -> f64 {
    let middle = samples.len() / 2;
    let (below, upper, _) = samples.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = below.iter().copied().max_by(f64::total_cmp);
    match lower {
        Some(lower) if samples.len().is_multiple_of(2) => f64::midpoint(lower, upper),
        _ => upper,
    }
}

const DRAWS: usize = 2_000;
const SEED: u64 = 0x5745_4947_4857_4147;

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(mean: f64, seed: u64, count: usize) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| mean * (0.9 + 0.2 * random.f64())).collect()
    }

    #[test]
    fn two_draws_of_the_same_differ_only_by_noise() {
        let found = (0..100)
            .filter(|seed| {
                let ratio = interval(&noisy(100.0, *seed, 30), &noisy(100.0, seed + 1_000, 30)).expect("enough");
                ratio.low <= 1.0 && ratio.high >= 1.0
            })
            .count();
        assert!(found >= 85, "{found} of 100");
    }

    #[test]
    fn a_tenth_more_is_seen_through_ten_per_cent_of_noise() {
        for seed in 0..50 {
            let ratio = interval(&noisy(100.0, seed, 30), &noisy(115.0, seed + 1_000, 30)).expect("enough");
            assert!(ratio.low > 1.0, "{seed}: {ratio:?}");
        }
    }

    #[test]
    fn few_samples_say_nothing() {
        assert_eq!(interval(&[1.0; SECONDS_MIN - 1], &[1.0; 100]), None);
        assert_eq!(interval(&[0.0; 10], &[1.0; 10]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0, 10.0]), 2.5);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
