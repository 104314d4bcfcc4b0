//! What a session counts: messages, bytes, answers that are missing, round trips. Knows no connection.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::format::{bytes_in_words, counted, duration};

#[derive(Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    sent_bytes: u64,
    pub(super) received: u64,
    received_bytes: u64,
    /// Sent, and without an answer as yet.
    pub(super) unanswered: u64,
    /// Sent on a connection that ended before the answer.
    pub(super) in_doubt: u64,
    /// Which message the next arrival answers.
    next_answer: u64,
    /// Messages without an answer, by number, and when they were sent.
    under_way: VecDeque<(u64, Instant)>,
    rtts: Samples,
    pongs: Samples,
    pub(super) connections: u64,
    pings: VecDeque<Ping>,
}

/// A Ping without a Pong as yet.
struct Ping {
    payload: Vec<u8>,
    sent: Instant,
    /// A person asked for it.
    asked: bool,
}

/// The newest durations of their kind.
#[derive(Default)]
struct Samples {
    newest: VecDeque<Duration>,
}

impl Tally {
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        if self.under_way.len() < UNDER_WAY_MAX {
            self.under_way.push_back((self.sent, now));
        }
        self.sent += 1;
        self.sent_bytes += bytes as u64;
        self.unanswered += 1;
    }

    /// The newest message was not sent after all.
    pub(super) fn unsent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_sub(1);
        self.sent_bytes = self.sent_bytes.saturating_sub(bytes as u64);
        self.unanswered = self.unanswered.saturating_sub(1);
        self.under_way.pop_back_if(|(number, _)| *number == self.sent);
    }

    /// A message arrived: how long after the oldest one without an answer, if that is known.
    pub(super) fn arrived(&mut self, bytes: usize, now: Instant) -> Option<Duration> {
        self.received += 1;
        self.received_bytes += bytes as u64;
        if self.unanswered == 0 {
            return None;
        }
        let answered = self.next_answer;
        self.next_answer += 1;
        self.unanswered -= 1;
        let (_, sent) = self.under_way.pop_front_if(|(number, _)| *number == answered)?;
        let rtt = now.duration_since(sent);
        self.rtts.add(rtt);
        Some(rtt)
    }

    /// The connection is gone: what has no answer will get none.
    pub(super) fn lost(&mut self) {
        self.in_doubt += self.unanswered;
        self.next_answer += self.unanswered;
        self.unanswered = 0;
        self.under_way.clear();
        self.pings.clear();
    }

    pub(super) fn pinged(&mut self, payload: Vec<u8>, asked: bool, now: Instant) {
        if self.pings.len() >= PINGS_MAX {
            self.pings.pop_front();
        }
        self.pings.push_back(Ping { payload, sent: now, asked });
    }

    /// A Pong arrived: how long after its Ping, and whether a person asked for it. `None` if it answers none of ours.
    pub(super) fn ponged(&mut self, payload: &[u8], now: Instant) -> Option<(Duration, bool)> {
        let place = self.pings.iter().position(|ping| ping.payload == payload)?;
        let ping = self.pings.remove(place)?;
        let rtt = now.duration_since(ping.sent);
        self.pongs.add(rtt);
        Some((rtt, ping.asked))
    }

    /// Whether a Pong is missing that a person asked for.
    pub(super) fn awaits_pong(&self) -> bool {
        self.pings.iter().any(|ping| ping.asked)
    }

    /// All of it in words, a line each.
    pub(super) fn report(&self, lasted: Duration) -> Vec<String> {
        let bytes = |bytes: u64| bytes_in_words(usize::try_from(bytes).unwrap_or(usize::MAX));
        let mut lines = vec![format!(
            "{} sent ({}), {} received ({}), in {}",
            counted(self.sent, "message"),
            bytes(self.sent_bytes),
            self.received,
            bytes(self.received_bytes),
            duration(lasted)
        )];
        if let Some(rtts) = self.rtts.words() {
            lines.push(format!("answers: {rtts}"));
        }
        if let Some(pongs) = self.pongs.words() {
            lines.push(format!("pongs: {pongs}"));
        }
        if self.connections > 1 {
            lines.push(format!("{} in all", counted(self.connections, "connection")));
        }
        if self.in_doubt > 0 {
            lines.push(format!(
                "{} sent without an answer before the connection ended",
                counted(self.in_doubt, "message")
            ));
        }
        lines
    }
}

impl Samples {
    fn add(&mut self, duration: Duration) {
        if self.newest.len() >= SAMPLES_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(duration);
    }

    fn words(&self) -> Option<String> {
        let mut sorted: Vec<Duration> = self.newest.iter().copied().collect();
        sorted.sort_unstable();
        let at =
            |per_cent: usize| sorted.get((sorted.len() * per_cent / 100).min(sorted.len().saturating_sub(1))).copied();
        let (median, most, max) = (at(50)?, at(99)?, at(100)?);
        Some(format!("p50 {}, p99 {}, max {}", duration(median), duration(most), duration(max)))
    }
}

/// Messages whose time is kept; beyond it they are only counted.
const UNDER_WAY_MAX: usize = 65_536;
const SAMPLES_MAX: usize = 10_000;
const PINGS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn an_arrival_answers_the_oldest_message_without_an_answer() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        assert_eq!(tally.arrived(1, start), None, "unasked");
        tally.sent(1, start);
        tally.sent(1, after(start, 10));
        assert_eq!(tally.arrived(3, after(start, 15)), Some(Duration::from_millis(15)));
        assert_eq!(tally.arrived(3, after(start, 16)), Some(Duration::from_millis(6)));
        assert_eq!(tally.arrived(3, after(start, 17)), None);
        assert_eq!((tally.sent, tally.received, tally.unanswered), (2, 4, 0));
    }

    #[test]
    fn what_a_lost_connection_leaves_is_in_doubt_and_answers_come_to_what_follows() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        (0..3).for_each(|_| tally.sent(1, start));
        tally.unsent(1);
        tally.lost();
        assert_eq!((tally.sent, tally.in_doubt, tally.unanswered), (2, 2, 0));
        tally.sent(1, after(start, 100));
        assert_eq!(tally.arrived(1, after(start, 101)), Some(Duration::from_millis(1)));
    }

    #[test]
    fn times_are_kept_of_a_bounded_number_and_all_are_counted() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let all = UNDER_WAY_MAX as u64 + 2;
        (0..all).for_each(|_| tally.sent(1, start));
        let timed = (0..all).filter(|_| tally.arrived(1, start).is_some()).count();
        assert_eq!((timed, tally.unanswered), (UNDER_WAY_MAX, 0));
        tally.sent(1, start);
        assert!(tally.arrived(1, start).is_some());
    }

    #[test]
    fn pongs_find_their_pings() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        tally.pinged(b"a".to_vec(), true, start);
        tally.pinged(b"b".to_vec(), false, start);
        assert_eq!(tally.ponged(b"c", start), None);
        assert_eq!(tally.ponged(b"b", after(start, 2)), Some((Duration::from_millis(2), false)));
        assert!(tally.awaits_pong());
        assert_eq!(tally.ponged(b"a", after(start, 3)), Some((Duration::from_millis(3), true)));
        assert!(!tally.awaits_pong());
    }

    #[test]
    fn the_report_names_what_there_is() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        assert_eq!(
            tally.report(Duration::from_secs(2)),
            ["0 messages sent (0 bytes), 0 received (0 bytes), in 2.00 s"]
        );
        tally.sent(5, start);
        tally.arrived(8, after(start, 2));
        tally.connections = 2;
        let expected = [
            "1 message sent (5 bytes), 1 received (8 bytes), in 2.00 s",
            "answers: p50 2.00 ms, p99 2.00 ms, max 2.00 ms",
            "2 connections in all",
        ];
        assert_eq!(tally.report(Duration::from_secs(2)), expected);
    }
}
