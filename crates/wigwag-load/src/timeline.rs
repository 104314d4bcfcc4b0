//! The time line of a run: a stretch per second, and where the run is long, fewer and longer ones.

use crate::{
    outcome::Timeline,
    snapshot::{RECENT_MAX, Second},
};

/// The time line as it grows.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    stretches: Vec<Second>,
    /// Seconds per stretch.
    stretch: u32,
    /// Seconds in the last stretch so far.
    filled: u32,
    /// The last whole second.
    pub(crate) last: Second,
    /// The last seconds, one by one.
    recent: std::collections::VecDeque<Second>,
}

impl Line {
    pub(crate) fn new() -> Self {
        let (last, recent) = (Second::default(), std::collections::VecDeque::new());
        Self { stretches: Vec::new(), stretch: 1, filled: 0, last, recent }
    }

    /// Appends a second.
    pub(crate) fn push(&mut self, second: Second) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(second.clone());
        self.last = second;
        match self.stretches.last_mut() {
            Some(last) if self.filled < self.stretch => {
                last.append(&self.last);
                self.filled += 1;
            }
            _ => {
                if self.stretches.len() == STRETCHES_MAX {
                    self.merge();
                }
                self.stretches.push(self.last.clone());
                self.filled = 1;
            }
        }
    }

    /// Whether a second is over.
    pub(crate) fn has_whole_second(&self) -> bool {
        !self.recent.is_empty()
    }

    /// The last seconds, then the one that is running.
    pub(crate) fn recent(&self, running: Second) -> Vec<Second> {
        let skipped = usize::from(self.recent.len() == RECENT_MAX);
        self.recent.iter().skip(skipped).cloned().chain([running]).collect()
    }

    pub(crate) fn finish(self) -> Timeline {
        Timeline { stretch: self.stretch.into(), stretches: self.stretches, marks: Vec::new() }
    }

    /// Two stretches become one.
    fn merge(&mut self) {
        let mut pairs = std::mem::take(&mut self.stretches).into_iter();
        while let Some(mut first) = pairs.next() {
            if let Some(second) = pairs.next() {
                first.append(&second);
            }
            self.stretches.push(first);
        }
        self.stretch *= 2;
    }
}

const STRETCHES_MAX: usize = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_takes_at_most_an_hours_stretches_and_loses_nothing() {
        let mut line = Line::new();
        for open in 0..86_400 {
            line.push(Second { sent: 2, open, ..Second::default() });
        }
        assert_eq!(line.recent(Second::default()).len(), RECENT_MAX);
        let whole = line.finish();
        assert!(whole.stretches.len() <= STRETCHES_MAX && whole.stretches.len() as f64 * whole.stretch >= 86_400.0);
        assert_eq!(whole.stretches.iter().map(|second| second.sent).sum::<u64>(), 2 * 86_400);
        assert_eq!(whole.stretches.last().map(|second| second.open), Some(86_399));
    }
}
