//! How long to wait before the next attempt. Knows nothing of what is attempted.

use std::time::Duration;

/// Waits that double, each shortened at random so that many who lost the same upstream do not come back as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { next: min.min(max), max }
    }

    /// The next wait; `jitter` is 0 to 1: how much of the half that may be left out is.
    pub(crate) fn next(&mut self, jitter: f64) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.max);
        wait - wait.mul_f64(jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let waits: Vec<_> = (0..4).map(|_| backoff.next(0.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 350, 350]);
    }

    #[test]
    fn jitter_shortens_by_up_to_a_half() {
        let wait = |jitter| Backoff::new(Duration::from_secs(1), Duration::from_secs(8)).next(jitter).as_millis();
        assert_eq!([wait(0.0), wait(0.5), wait(1.0), wait(9.0)], [1000, 750, 500, 500]);
    }

    #[test]
    fn a_first_wait_above_the_longest_is_the_longest() {
        assert_eq!(Backoff::new(Duration::from_secs(5), Duration::from_secs(1)).next(0.0), Duration::from_secs(1));
    }
}
