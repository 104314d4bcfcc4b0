//! Where a connection stands, and what is to be done about it: a state machine without socket, clock or window.
//!
//! Events and the time go in; [`Step`]s come out, and so does the time of the next interest ([`Link::next_at`]).

use std::time::{Duration, Instant};

use wigwag_net::{CloseCause, Closed};

use crate::words;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nobody wants one.
    Off,
    Connecting,
    Open,
    /// Our Close is on its way.
    Closing,
    /// Until the next attempt.
    Waiting {
        until: Instant,
        attempt: u32,
    },
    /// It ended, and is not tried again.
    Failed,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Connect,
    Close,
    Ping(Vec<u8>),
}

/// One connection that is wanted, or not.
pub(crate) struct Link {
    status: Status,
    /// Why it is not open, or how it ended.
    why: Option<String>,
    /// Open it again when it is lost.
    pub(crate) reconnect: bool,
    attempts: u32,
    random: fastrand::Rng,
    rtt: Option<Duration>,
    pings: u64,
    pinged: Option<(Vec<u8>, Instant)>,
    next_ping: Option<Instant>,
    protocol: Option<String>,
    steps: Vec<Step>,
}

impl Link {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            status: Status::Off,
            why: None,
            reconnect: true,
            attempts: 0,
            random: fastrand::Rng::with_seed(seed),
            rtt: None,
            pings: 0,
            pinged: None,
            next_ping: None,
            protocol: None,
            steps: Vec::new(),
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// The last round-trip time, by a Ping; `None` before the first.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// The subprotocol that the server chose.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Whether somebody wants it, open or not.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.status, Status::Connecting | Status::Open | Status::Waiting { .. })
    }

    /// What is to be done, in order.
    pub(crate) fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// When [`Self::handle_time`] wants to be called, if nothing else happens.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        match self.status {
            Status::Waiting { until, .. } => Some(until),
            Status::Open => self.next_ping,
            _ => None,
        }
    }

    pub(crate) fn connect(&mut self) {
        self.attempts = 0;
        self.begin();
    }

    pub(crate) fn disconnect(&mut self) {
        match self.status {
            Status::Open => {
                self.status = Status::Closing;
                self.steps.push(Step::Close);
            }
            Status::Connecting | Status::Waiting { .. } => {
                self.end(Status::Off, None);
                self.steps.push(Step::Close);
            }
            // Whoever wants it again shall have another try.
            Status::Failed => self.end(Status::Off, None),
            Status::Off | Status::Closing => {}
        }
    }

    /// What was asked for cannot even be tried.
    pub(crate) fn refuse(&mut self, why: String) {
        self.end(Status::Failed, Some(why));
    }

    pub(crate) fn handle_opened(&mut self, protocol: Option<String>, now: Instant) {
        self.status = Status::Open;
        self.why = None;
        self.protocol = protocol;
        self.ping(now);
    }

    /// Something came: the connection is worth the name, and the next loss begins with a short pause.
    pub(crate) fn handle_message(&mut self) {
        self.attempts = 0;
    }

    pub(crate) fn handle_pong(&mut self, payload: &[u8], now: Instant) {
        if let Some((_, sent)) = self.pinged.take_if(|(expected, _)| expected == payload) {
            self.rtt = Some(now.saturating_duration_since(sent));
            self.attempts = 0;
        }
    }

    pub(crate) fn handle_closed(&mut self, closed: &Closed, now: Instant) {
        let why = words::closed(closed);
        if self.status == Status::Closing {
            return self.end(Status::Off, Some(why));
        }
        let passing = match &closed.cause {
            CloseCause::NotOpened(error) => words::is_passing(error),
            _ => true,
        };
        if !self.reconnect || !passing {
            return self.end(Status::Failed, Some(why));
        }
        let pause = PAUSE_FIRST.saturating_mul(1 << self.attempts.min(16)).min(PAUSE_MAX);
        let pause = pause.mul_f64(0.75 + 0.5 * self.random.f64());
        self.attempts += 1;
        self.end(Status::Waiting { until: now + pause, attempt: self.attempts }, Some(why));
    }

    pub(crate) fn handle_time(&mut self, now: Instant) {
        match self.status {
            Status::Waiting { until, .. } if until <= now => self.begin(),
            Status::Open if self.next_ping.is_some_and(|at| at <= now) => self.ping(now),
            _ => {}
        }
    }

    fn begin(&mut self) {
        self.end(Status::Connecting, None);
        self.steps.push(Step::Connect);
    }

    /// There is no connection: what was known of it holds no longer.
    fn end(&mut self, status: Status, why: Option<String>) {
        self.status = status;
        self.why = why;
        self.rtt = None;
        self.pinged = None;
        self.next_ping = None;
        self.protocol = None;
    }

    fn ping(&mut self, now: Instant) {
        self.pings += 1;
        // Unlike the worker's own, and unlike each other.
        let payload = format!("wigwag-desktop {}", self.pings).into_bytes();
        self.pinged = Some((payload.clone(), now));
        self.next_ping = Some(now + PING_EVERY);
        self.steps.push(Step::Ping(payload));
    }
}

const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Often enough for a figure to be believed, seldom enough to cost nothing.
const PING_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Closed {
        Closed { reason: None, cause: CloseCause::Eof }
    }

    fn open(now: Instant) -> Link {
        let mut link = Link::new(1);
        link.connect();
        link.handle_opened(None, now);
        link.take_steps();
        link
    }

    #[test]
    fn a_pong_gives_the_round_trip_time_and_a_foreign_one_does_not() {
        let now = Instant::now();
        let mut link = Link::new(1);
        link.connect();
        link.handle_opened(None, now);
        let steps = link.take_steps();
        let [Step::Connect, Step::Ping(payload)] = &steps[..] else { panic!("{steps:?}") };
        link.handle_pong(b"another", now);
        assert_eq!(link.rtt(), None);
        link.handle_pong(payload, now + Duration::from_millis(3));
        assert_eq!(link.rtt(), Some(Duration::from_millis(3)));
        assert_eq!(link.next_at(), Some(now + PING_EVERY));
    }

    #[test]
    fn a_lost_connection_is_opened_again_after_longer_and_longer_pauses() {
        let mut now = Instant::now();
        let mut link = open(now);
        let mut pauses = Vec::new();
        for attempt in 1..=4 {
            link.handle_closed(&lost(), now);
            let Status::Waiting { until, attempt: counted } = link.status() else { panic!("{:?}", link.status()) };
            assert_eq!(counted, attempt);
            pauses.push(until - now);
            link.handle_time(until - Duration::from_nanos(1));
            assert!(link.take_steps().is_empty());
            link.handle_time(until);
            assert_eq!(link.take_steps(), [Step::Connect]);
            now = until;
        }
        assert!(
            pauses
                .iter()
                .zip([0.5, 1.0, 2.0, 4.0])
                .all(|(pause, base)| (0.7..1.3).contains(&(pause.as_secs_f64() / base)))
        );
    }

    #[test]
    fn who_disconnects_stays_so() {
        let now = Instant::now();
        let mut link = open(now);
        link.disconnect();
        assert_eq!((link.take_steps(), link.status()), (vec![Step::Close], Status::Closing));
        link.handle_closed(&lost(), now);
        assert_eq!((link.status(), link.next_at()), (Status::Off, None));
    }

    #[test]
    fn without_reconnect_the_end_is_the_end() {
        let now = Instant::now();
        let mut link = open(now);
        link.reconnect = false;
        link.handle_closed(&lost(), now);
        assert_eq!(link.status(), Status::Failed);
        assert!(link.why().is_some_and(|why| why.contains("1006")), "{:?}", link.why());
    }

    #[test]
    fn what_failed_can_be_wanted_again() {
        let now = Instant::now();
        let mut link = open(now);
        link.reconnect = false;
        link.handle_closed(&lost(), now);
        link.disconnect();
        assert_eq!((link.status(), link.why()), (Status::Off, None));
        assert!(link.take_steps().is_empty());
    }

    #[test]
    fn a_wait_can_be_given_up() {
        let now = Instant::now();
        let mut link = open(now);
        link.handle_closed(&lost(), now);
        link.disconnect();
        assert_eq!((link.status(), link.next_at()), (Status::Off, None));
    }
}
