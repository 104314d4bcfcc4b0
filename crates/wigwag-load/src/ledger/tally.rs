//! What a worker has counted: classes, times, and the stretch of the time line that is running.

use crate::{
    account::{Account, Class},
    latency::Latency,
    outcome::Offender,
    snapshot::{Latencies, Second},
};

/// What a worker has counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) account: Account,
    /// Since the supervisor last took it; what answers took is in [`Self::same`] before.
    pub(crate) second: Second,
    pub(crate) times: Latencies,
    same: Same,
    pub(crate) offenders: Vec<Offender>,
    /// When the last answer came, in nanoseconds since the run began.
    pub(crate) last_answer: u64,
}

/// Answers that all took the same time, as what one read brings often has, and that no histogram knows of yet.
#[derive(Clone, Copy, Debug, Default)]
struct Same {
    intended: u64,
    sent: u64,
    count: u64,
}

impl Tally {
    #[inline]
    pub(super) fn settle(&mut self, class: Class) {
        self.account.outstanding -= 1;
        self.account[class] += 1;
        if class != Class::Ok {
            self.second.offending += 1;
        }
        if class.is_answered() {
            self.second.answered += 1;
        }
    }

    pub(super) fn surplus(&mut self, class: Class) {
        self.account[class] += 1;
        self.second.offending += 1;
    }

    /// As [`Self::settle`] with [`Class::Ok`], for so many answers that came at `now`, and counts them as arrivals.
    pub(super) fn settle_ok(&mut self, count: u64, now: u64) {
        self.account.arrivals += count;
        self.account.answers += count;
        self.account.outstanding -= count;
        self.account.ok += count;
        self.second.answered += count;
        self.last_answer = self.last_answer.max(now);
    }

    /// What so many answers took. In the closed loop a message is sent when it was to be sent: one histogram stands for both.
    pub(super) fn time(&mut self, intended: u64, sent: u64, count: u32, open_loop: bool) {
        if self.same.intended != intended || self.same.sent != sent {
            self.enter_times(open_loop);
            self.same = Same { intended, sent, count: 0 };
        }
        self.same.count += u64::from(count);
    }

    /// Brings the histograms up to date; to be called before they are looked at.
    pub(crate) fn enter_times(&mut self, open_loop: bool) {
        let Same { intended, sent, count } = std::mem::take(&mut self.same);
        if count == 0 {
            return;
        }
        if open_loop {
            self.times.intended.record_many(intended, count);
        }
        self.times.service.record_many(sent, count);
        self.second.heat.record_many(intended, count);
    }

    #[inline]
    pub(super) fn lag(&mut self, lag: u64) {
        self.times.lag.record_nanos(lag);
        self.second.lag.record_nanos(lag);
    }

    /// All times so far, with what the closed loop leaves out.
    pub(crate) fn latencies(&mut self, open_loop: bool) -> Latencies {
        self.enter_times(open_loop);
        let mut times = self.times.clone();
        if !open_loop {
            times.intended = times.service.clone();
        }
        times
    }
}

impl Latencies {
    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        let all: [(&mut Latency, &Latency); 7] = [
            (&mut self.intended, &other.intended),
            (&mut self.service, &other.service),
            (&mut self.lag, &other.lag),
            (&mut self.open, &other.open),
            (&mut self.connect, &other.connect),
            (&mut self.handshake, &other.handshake),
            (&mut self.recovery, &other.recovery),
        ];
        all.into_iter().filter(|(_, other)| !other.is_empty()).for_each(|(own, other)| own.add(other));
    }
}

impl Second {
    /// Adds another worker's figures of the same time.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.offending += other.offending;
        self.errors += other.errors;
        self.lost += other.lost;
        self.opened += other.opened;
        self.open += other.open;
        self.in_flight += other.in_flight;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
        self.cpu = self.cpu.max(other.cpu);
        self.stall = self.stall.max(other.stall);
        self.heat.add(&other.heat);
        self.lag.add(&other.lag);
    }

    /// Appends the stretch that follows.
    pub(crate) fn append(&mut self, next: &Self) {
        let (open, in_flight, rate_asked) = (next.open, next.in_flight, next.rate_asked);
        self.add(next);
        (self.open, self.in_flight, self.rate_asked) = (open, in_flight, rate_asked);
    }
}
