//! The highest load that holds, by doubling and bisection: [`Search`] says which load to try next and is told what came of it.
//!
//! The search itself runs nothing, so it is tested without a socket; [`run_search`] starts the runs, judges them, and tells
//! the search what came of each.

mod ceiling;
mod drive;
mod judge;

use serde::{Deserialize, Serialize};

pub use self::{
    ceiling::{Ceiling, Limit},
    drive::{SearchError, SearchEvent, SearchHandle, SearchOutcome, Subject, TrialReport, run_search},
};

/// How a search goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchPlan {
    /// The first load tried. Default: 100.
    pub start: u64,
    /// No load above this is tried. Default: 1,000,000.
    pub most: u64,
    /// Bisection ends when what holds and what does not are this close, as a share of what holds. Default: 0.05.
    pub precision: f64,
    /// The load found must hold so often again. Default: 2.
    pub confirmations: u32,
    /// Trials in all; then the search ends with what it knows. Default: 40.
    pub trials_max: u32,
}

impl Default for SearchPlan {
    fn default() -> Self {
        Self { start: 100, most: 1_000_000, precision: 0.05, confirmations: 2, trials_max: 40 }
    }
}

/// What came of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    /// Everything that was asked for held.
    Yes,
    /// It did not: the server's limit is below.
    No,
    /// The generator was saturated: higher loads cannot be judged from here.
    Unknown,
}

/// Why a load is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To find a load that does not hold (or, from a start that does not, one that does).
    Doubling,
    /// To close in between what holds and what does not.
    Bisection,
    /// To see the load that was found hold again.
    Confirmation,
}

/// A trial to be made, or one that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The load: connections, or messages per second.
    pub load: u64,
    /// Why it is tried.
    pub purpose: Purpose,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The highest load that held; `None` where none did.
    pub highest: Option<u64>,
    /// How often it held, the first time included.
    pub held: u32,
    /// The lowest load that did not hold.
    pub lowest_missed: Option<u64>,
    /// What ended the search.
    pub end: End,
}

/// What ended a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The load was found and confirmed.
    Confirmed,
    /// The highest load that may be tried holds, and was confirmed: the limit is above.
    AtMost,
    /// The generator was saturated above what held: the server's limit is not known.
    GeneratorLimit,
    /// Not even a load of one held.
    NothingHolds,
    /// The trials ran out.
    OutOfTrials,
}

/// A search in progress.
///
/// ```
/// use wigwag_load::search::{Held, Search, SearchPlan};
///
/// let mut search = Search::new(SearchPlan::default());
/// while let Some(trial) = search.next() {
///     // A server that holds 12,345 and no more.
///     search.observe(if trial.load <= 12_345 { Held::Yes } else { Held::No });
/// }
/// let highest = search.found().highest.unwrap();
/// assert!((11_700..=12_345).contains(&highest));
/// ```
#[derive(Clone, Debug)]
pub struct Search {
    plan: SearchPlan,
    trials: u32,
    next: Option<Trial>,
    /// The highest load that held and has not failed since, and how often it held.
    good: Option<(u64, u32)>,
    /// The lowest load that failed or could not be judged.
    bad: Option<u64>,
    /// The lowest load that could not be judged.
    unknown: Option<u64>,
    end: Option<End>,
}

impl Search {
    /// Begins with the plan's first load.
    #[must_use]
    pub fn new(plan: SearchPlan) -> Self {
        let plan = SearchPlan { most: plan.most.max(1), ..plan };
        let first = Trial { load: plan.start.clamp(1, plan.most), purpose: Purpose::Doubling };
        Self { plan, trials: 0, next: Some(first), good: None, bad: None, unknown: None, end: None }
    }

    /// The next trial; `None` when the search is over. Asked again before [`Self::observe`], it says the same.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot be told what came of an item")]
    pub fn next(&mut self) -> Option<Trial> {
        self.next
    }

    /// Tells what came of the trial that [`Self::next`] named.
    pub fn observe(&mut self, held: Held) {
        let Some(trial) = self.next.take() else { return };
        self.trials += 1;
        match held {
            Held::Yes => self.note_good(trial.load),
            Held::No => self.note_bad(trial.load),
            Held::Unknown => {
                self.unknown = Some(self.unknown.map_or(trial.load, |known| known.min(trial.load)));
                self.note_bad(trial.load);
            }
        }
        self.choose();
    }

    /// What is known by now.
    #[must_use]
    pub fn found(&self) -> Found {
        Found {
            highest: self.good.map(|(load, _)| load),
            held: self.good.map_or(0, |(_, times)| times),
            lowest_missed: self.bad,
            end: self.end.unwrap_or(End::OutOfTrials),
        }
    }

    fn note_good(&mut self, load: u64) {
        self.good = match self.good {
            Some((known, times)) if known == load => Some((load, times + 1)),
            _ => Some((load, 1)),
        };
    }

    fn note_bad(&mut self, load: u64) {
        self.bad = Some(self.bad.map_or(load, |known| known.min(load)));
        // It held once, and did not hold again: it is no load that holds.
        if self.good.is_some_and(|(good, _)| good >= load) {
            self.good = None;
        }
    }

    /// Decides the next trial, or the end.
    fn choose(&mut self) {
        if self.trials >= self.plan.trials_max {
            self.end = Some(End::OutOfTrials);
            return;
        }
        let trial = match (self.good, self.bad) {
            (None, Some(1)) => {
                self.end = Some(End::NothingHolds);
                return;
            }
            (None, bad) => Trial { load: (bad.unwrap_or(2) / 2).max(1), purpose: Purpose::Doubling },
            (Some((good, _)), None) if good < self.plan.most => {
                Trial { load: good.saturating_mul(2).min(self.plan.most), purpose: Purpose::Doubling }
            }
            (Some((good, _)), Some(bad)) if !self.is_close(good, bad) => {
                Trial { load: good + (bad - good) / 2, purpose: Purpose::Bisection }
            }
            (Some((good, times)), _) if times <= self.plan.confirmations => {
                Trial { load: good, purpose: Purpose::Confirmation }
            }
            (Some((good, _)), bad) => {
                self.end = Some(self.verdict(good, bad));
                return;
            }
        };
        self.next = Some(trial);
    }

    fn is_close(&self, good: u64, bad: u64) -> bool {
        let step = (good as f64 * self.plan.precision) as u64;
        bad - good <= step.max(1)
    }

    fn verdict(&self, good: u64, bad: Option<u64>) -> End {
        match bad {
            None => End::AtMost,
            Some(bad) if self.unknown == Some(bad) && bad > good => End::GeneratorLimit,
            Some(_) => End::Confirmed,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs a search against a server that answers `hold(load, trial number)`.
    fn run(plan: SearchPlan, mut hold: impl FnMut(u64, u32) -> Held) -> (Found, Vec<Trial>) {
        let mut search = Search::new(plan);
        let mut trials = Vec::new();
        while let Some(trial) = search.next() {
            trials.push(trial);
            search.observe(hold(trial.load, trials.len() as u32));
        }
        (search.found(), trials)
    }

    fn holds_up_to(limit: u64) -> impl FnMut(u64, u32) -> Held {
        move |load, _| if load <= limit { Held::Yes } else { Held::No }
    }

    #[test]
    fn doubles_bisects_and_confirms() {
        let (found, trials) = run(SearchPlan::default(), holds_up_to(1000));
        let loads: Vec<u64> = trials.iter().map(|trial| trial.load).collect();
        assert_eq!(loads, [100, 200, 400, 800, 1600, 1200, 1000, 1100, 1050, 1000, 1000]);
        assert_eq!(trials.last().map(|trial| trial.purpose), Some(Purpose::Confirmation));
        assert_eq!(found, Found { highest: Some(1000), held: 3, lowest_missed: Some(1050), end: End::Confirmed });
    }

    #[test]
    fn a_start_that_does_not_hold_is_halved() {
        let (found, trials) = run(SearchPlan::default(), holds_up_to(9));
        assert_eq!(trials[..5].iter().map(|trial| trial.load).collect::<Vec<_>>(), [100, 50, 25, 12, 6]);
        assert_eq!((found.highest, found.lowest_missed), (Some(9), Some(10)));
    }

    #[test]
    fn nothing_holds_is_said_after_a_load_of_one() {
        let (found, trials) = run(SearchPlan::default(), holds_up_to(0));
        assert_eq!(found, Found { highest: None, held: 0, lowest_missed: Some(1), end: End::NothingHolds });
        assert_eq!(trials.last().map(|trial| trial.load), Some(1));
    }

    #[test]
    fn the_ceiling_that_holds_is_confirmed_as_such() {
        let plan = SearchPlan { most: 1000, ..SearchPlan::default() };
        let (found, trials) = run(plan, holds_up_to(u64::MAX));
        assert_eq!(found, Found { highest: Some(1000), held: 3, lowest_missed: None, end: End::AtMost });
        assert!(trials.iter().all(|trial| trial.load <= 1000));
    }

    #[test]
    fn a_saturated_generator_is_no_limit_of_the_server() {
        let (found, _) = run(SearchPlan::default(), |load, _| if load <= 700 { Held::Yes } else { Held::Unknown });
        assert_eq!(found.end, End::GeneratorLimit);
        assert!(found.highest.is_some_and(|load| (660..=700).contains(&load)), "{found:?}");
    }

    #[test]
    fn a_load_that_does_not_hold_again_is_not_the_answer() {
        // 1,000 holds once, and never again; 900 always.
        let mut thousand = 0;
        let (found, _) = run(SearchPlan::default(), |load, _| {
            thousand += u32::from(load == 1000);
            if load <= 900 || (load == 1000 && thousand == 1) { Held::Yes } else { Held::No }
        });
        assert_eq!(found.end, End::Confirmed);
        assert!(found.highest.is_some_and(|load| (840..=900).contains(&load)), "{found:?}");
        assert_eq!(found.held, 3);
    }

    #[test]
    fn the_trials_are_bounded() {
        let plan = SearchPlan { trials_max: 7, ..SearchPlan::default() };
        let (found, trials) = run(plan, holds_up_to(123_456));
        assert_eq!((trials.len(), found.end), (7, End::OutOfTrials));
        assert_eq!(found.highest, Some(6400));
    }

    proptest! {
        #[test]
        fn whatever_the_limit_the_answer_is_within_the_precision(
            limit in 1_u64..2_000_000,
            start in 0_u64..10_000,
            most in 1_u64..1_000_000,
        ) {
            let plan = SearchPlan { start, most, trials_max: 100, ..SearchPlan::default() };
            let (found, trials) = run(plan, holds_up_to(limit));
            let truth = limit.min(most);
            let highest = found.highest.expect("a load of one holds");
            prop_assert!(highest <= truth);
            prop_assert!(truth - highest <= (highest / 20).max(1), "{highest} of {truth}");
            prop_assert!(found.held == 3 && trials.len() < 60);
        }

        #[test]
        fn any_answers_end_the_search(answers in prop::collection::vec(0_u8..3, 100)) {
            let (_, trials) = run(SearchPlan::default(), |_, number| match answers[number as usize % 100] {
                0 => Held::Yes,
                1 => Held::No,
                _ => Held::Unknown,
            });
            prop_assert!(trials.len() <= 40);
            prop_assert!(trials.iter().all(|trial| trial.load >= 1));
        }
    }
}
