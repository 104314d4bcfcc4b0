//! The shape of a load over time: how many connections are wanted, and when each message of an open loop is due.

use std::time::Duration;

use crate::plan::CheckedPlan;

/// How many connections are wanted at each time of a run: straight lines between points.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// Time in nanoseconds since the start, and connections wanted then; in order.
    points: Vec<(u64, f64)>,
}

impl Crowd {
    pub(crate) fn new(plan: &CheckedPlan) -> Self {
        let asked = plan.plan();
        let mut points = Vec::new();
        match asked.ramp {
            Some(ramp) => points.extend([(0, 0.0), (nanos(ramp), f64::from(asked.connections))]),
            None if asked.stages.is_empty() => points.push((0, f64::from(asked.connections))),
            None => {
                points.push((0, 0.0));
                let mut at = Duration::ZERO;
                for stage in &asked.stages {
                    at += stage.over;
                    points.push((nanos(at), f64::from(stage.connections)));
                }
            }
        }
        Self { points }
    }

    /// Connections wanted at this time. Rounded up, so that the first one comes at once.
    pub(crate) fn wanted(&self, at: u64) -> u32 {
        let next = self.points.partition_point(|(time, _)| *time <= at);
        let Some((from, count)) = next.checked_sub(1).and_then(|before| self.points.get(before)) else { return 0 };
        match self.points.get(next) {
            None => count.ceil() as u32,
            Some((to, then)) => {
                let share = (at - from) as f64 / (to - from) as f64;
                (count + (then - count) * share).ceil() as u32
            }
        }
    }

    /// Whether all are wanted from the start on, so that they can all be open before the first message.
    pub(crate) fn is_steady(&self) -> bool {
        self.points.len() == 1
    }
}

/// When each message of one worker is due in an open loop: computed from the start, never from the message before, so
/// that what goes out late does not delay what follows.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// When the rate began to hold, in nanoseconds since the run began.
    since: u64,
    /// The first message under this rate.
    first: u64,
    /// The next message.
    next: u64,
    /// Time between two messages of this worker, in nanoseconds.
    gap: f64,
    /// How far into the gap this worker sends, so that workers take turns.
    offset: f64,
    /// Messages in all, if that ends it.
    messages: Option<u64>,
}

impl Schedule {
    /// Worker `worker` of `workers` sends its part of `rate` messages per second, and of `messages` in all.
    pub(crate) fn new(rate: f64, worker: u32, workers: u32, messages: Option<u64>, since: u64) -> Self {
        let (worker_number, all) = (u64::from(worker), u64::from(workers));
        let own = messages.map(|messages| messages / all + u64::from(worker_number < messages % all));
        let mut schedule = Self { since, first: 0, next: 0, gap: 0.0, offset: 0.0, messages: own };
        schedule.set_rate(rate, worker, workers, since);
        schedule
    }

    /// From `since` on the rate is this one.
    pub(crate) fn set_rate(&mut self, rate: f64, worker: u32, workers: u32, since: u64) {
        self.since = since;
        self.first = self.next;
        self.gap = 1e9 * f64::from(workers) / rate;
        self.offset = 1e9 * f64::from(worker) / rate;
    }

    /// When the next message is due; `None` when all are sent.
    pub(crate) fn due(&self) -> Option<u64> {
        if self.messages.is_some_and(|messages| self.next >= messages) {
            return None;
        }
        Some(self.since + ((self.next - self.first) as f64 * self.gap + self.offset) as u64)
    }

    pub(crate) fn advance(&mut self) {
        self.next += 1;
    }

    /// Messages that are not sent; `None` where their number does not end the run.
    pub(crate) fn left(&self) -> Option<u64> {
        self.messages.map(|messages| messages.saturating_sub(self.next))
    }
}

/// How many of `count` things belong to this worker, where they are dealt in turn.
pub(crate) fn share(count: u32, worker: u32, workers: u32) -> u32 {
    count / workers + u32::from(worker < count % workers)
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Stage};

    fn crowd(plan: Plan) -> Crowd {
        Crowd::new(&plan.check().expect("a valid plan"))
    }

    fn wanted(crowd: &Crowd, millis: u64) -> u32 {
        crowd.wanted(millis * 1_000_000)
    }

    #[test]
    fn without_a_ramp_all_are_wanted_at_once() {
        let crowd = crowd(Plan { connections: 7, ..Plan::default() });
        assert!(crowd.is_steady());
        assert_eq!((wanted(&crowd, 0), wanted(&crowd, 99_999)), (7, 7));
    }

    #[test]
    fn a_ramp_is_a_straight_line() {
        let crowd = crowd(Plan { connections: 100, ramp: Some(Duration::from_secs(10)), ..Plan::default() });
        let seen: Vec<u32> = [0, 1, 100, 5_000, 10_000, 20_000].map(|millis| wanted(&crowd, millis)).into();
        assert_eq!(seen, [0, 1, 1, 50, 100, 100]);
    }

    #[test]
    fn stages_go_up_and_down() {
        let stage = |seconds, connections| Stage { over: Duration::from_secs(seconds), connections };
        let crowd = crowd(Plan { stages: vec![stage(10, 100), stage(10, 100), stage(5, 0)], ..Plan::default() });
        let seen: Vec<u32> = [0, 5_000, 10_000, 15_000, 22_500, 25_000].map(|millis| wanted(&crowd, millis)).into();
        assert_eq!(seen, [0, 50, 100, 100, 50, 0]);
    }

    #[test]
    fn intended_times_are_computed_from_the_start_and_workers_take_turns() {
        let mut one = Schedule::new(1000.0, 0, 2, Some(5), 7);
        let mut two = Schedule::new(1000.0, 1, 2, Some(5), 7);
        let mut due = Vec::new();
        for schedule in [&mut one, &mut two] {
            while let Some(at) = schedule.due() {
                due.push(at - 7);
                schedule.advance();
            }
            assert_eq!(schedule.left(), Some(0));
        }
        due.sort_unstable();
        assert_eq!(due, [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]);
    }

    #[test]
    fn after_a_million_messages_the_schedule_has_not_drifted() {
        let mut schedule = Schedule::new(3000.0, 0, 1, None, 0);
        (0..3_000_000).for_each(|_| schedule.advance());
        assert_eq!(schedule.due(), Some(1_000_000_000_000));
        assert_eq!(schedule.left(), None);
    }

    #[test]
    fn a_new_rate_holds_from_its_moment_on() {
        let mut schedule = Schedule::new(10.0, 0, 1, None, 0);
        (0..10).for_each(|_| schedule.advance());
        schedule.set_rate(1000.0, 0, 1, 5_000_000_000);
        assert_eq!(schedule.due(), Some(5_000_000_000));
        schedule.advance();
        assert_eq!(schedule.due(), Some(5_001_000_000));
    }

    #[test]
    fn shares_add_up() {
        for count in [0, 1, 7, 100] {
            assert_eq!((0..3).map(|worker| share(count, worker, 3)).sum::<u32>(), count);
        }
    }
}
