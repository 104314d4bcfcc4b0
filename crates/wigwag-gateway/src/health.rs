//! Whether the upstreams answer: a handshake with each, and what came of it.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use wigwag_net::{CloseCause, CloseCode, Closed, Message, Service, Socket};

use crate::gateway::Upstream;

/// What came of asking one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamHealth {
    /// Its URL.
    pub upstream: String,
    /// Whether it answered: a refusal is an answer as well, for it may want credentials that the gateway does not have.
    pub answers: bool,
    /// What happened, for a person: `101 in 2 ms`, or why there is no answer.
    pub detail: String,
}

/// Asks each of them once, all at the same time.
pub(crate) fn check(upstreams: &[Arc<Upstream>], timeout: Duration) -> Vec<UpstreamHealth> {
    let began = Instant::now();
    let (tell, told) = mpsc::channel();
    let mut health: Vec<UpstreamHealth> = Vec::new();
    for upstream in upstreams {
        let url = upstream.url.to_string();
        if health.iter().any(|other| other.upstream == url) {
            continue;
        }
        let detail = match upstream.net() {
            Some(net) => {
                net.connect(upstream.probe(timeout), Probe { number: health.len(), tell: tell.clone(), began });
                format!("{NO_ANSWER} within {timeout:?}")
            }
            None => "the gateway does not run yet".to_owned(),
        };
        health.push(UpstreamHealth { upstream: url, answers: false, detail });
    }
    let mut waits_for = health.iter().filter(|one| one.detail.starts_with(NO_ANSWER)).count();
    while waits_for > 0
        && let Ok((number, answers, detail)) = told.recv_timeout(timeout.saturating_sub(began.elapsed()))
    {
        waits_for -= 1;
        (health[number].answers, health[number].detail) = (answers, detail);
    }
    health
}

/// Opens a connection and closes it.
struct Probe {
    number: usize,
    tell: mpsc::Sender<(usize, bool, String)>,
    began: Instant,
}

impl Probe {
    fn tell(&self, answers: bool, what: &str) {
        let detail =
            if answers { format!("{what} in {} ms", self.began.elapsed().as_millis()) } else { what.to_owned() };
        let _ = self.tell.send((self.number, answers, detail)); // Who asked may have waited long enough.
    }
}

impl Service for Probe {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        self.tell(true, "101");
        socket.close(CloseCode::NORMAL, "it answers");
    }

    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}

    fn on_close(&mut self, closed: &Closed) {
        if let CloseCause::NotOpened(error) = &closed.cause {
            match &error.refusal {
                Some(refusal) => self.tell(true, &refusal.status.to_string()),
                None => self.tell(false, &error.why),
            }
        }
    }
}

const NO_ANSWER: &str = "no answer";
