//! Waits of the open loop in which no connection is open: the server's doing, not the generator's. What goes out late because
//! of them is told apart from what the generator itself is late with.

use crate::latency::Latency;

/// How long due messages waited for a connection, and how late they went out. Times in nanoseconds since the run began.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    /// How long it was in all.
    pub(crate) nanos: u64,
    /// How late messages went out because of it.
    pub(crate) lags: Latency,
    /// Messages that were due before are late because of it. Moves on with each of them that goes out: until the schedule is
    /// caught up with, the next ones wait behind them.
    shadow_end: u64,
    /// How long it was since the schedule was last caught up with.
    recent_nanos: u64,
}

impl Absence {
    /// A message is due and has waited until now, for no connection is open.
    pub(super) fn wait(&mut self, due: u64, now: u64) {
        if !self.covers(due) {
            self.recent_nanos = 0;
        }
        let waited = now.saturating_sub(due.max(self.shadow_end));
        self.nanos += waited;
        self.recent_nanos += waited;
        self.shadow_end = self.shadow_end.max(now);
    }

    /// Whether a message that was due then is late because of it.
    #[inline]
    pub(super) fn covers(&self, due: u64) -> bool {
        due < self.shadow_end
    }

    /// Such a message goes out.
    #[cold]
    pub(super) fn note_sent(&mut self, due: u64, now: u64) {
        self.lags.record_nanos(now.saturating_sub(due));
        self.shadow_end = self.shadow_end.max(now);
    }

    /// The part of being so far behind, with this message the next one, that it does not explain.
    pub(super) fn unexplained(&self, behind: u64, due: u64) -> u64 {
        if self.covers(due) { behind.saturating_sub(self.recent_nanos) } else { behind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_for_a_connection_is_late_because_of_it_until_the_schedule_is_caught_up_with() {
        let mut absence = Absence::default();
        assert!(!absence.covers(0));
        absence.wait(100, 150);
        absence.wait(100, 200);
        assert_eq!(absence.nanos, 100);
        for (due, sent) in [(100, 210), (205, 220), (215, 230)] {
            assert!(absence.covers(due), "{due}");
            absence.note_sent(due, sent);
        }
        assert!(!absence.covers(230), "caught up");
        assert_eq!(absence.lags.count(), 3);
    }

    #[test]
    fn being_behind_is_explained_only_as_far_as_nothing_was_open() {
        let mut absence = Absence::default();
        absence.wait(100, 400);
        assert_eq!(absence.unexplained(300, 100), 0);
        assert_eq!(absence.unexplained(350, 100), 50);
        assert_eq!(absence.unexplained(300, 500), 300, "the schedule was caught up with since");
        absence.wait(1000, 1100);
        assert_eq!((absence.nanos, absence.unexplained(350, 1000)), (400, 250), "the first one is over");
    }
}
