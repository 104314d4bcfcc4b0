//! Whether the upstreams answer: by what is known of them already, else by a handshake with each, and what came of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use wigwag_net::{CloseCause, CloseCode, Closed, Message, OpenError, Service, Socket};
use wigwag_proto::handshake::client::Refusal;

use crate::gateway::Upstream;

/// What is known of one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamHealth {
    /// Its URL, which never has a user name or a password.
    pub upstream: String,
    /// The paths that are relayed to it, sorted.
    pub paths: Vec<String>,
    /// How it is.
    pub state: UpstreamState,
    /// What happened, for a person: `101 in 2 ms`, or why there is no answer.
    pub detail: String,
}

/// How an upstream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamState {
    /// It speaks WebSocket under this URL. A refusal of the one who asks is an answer as well (401, 403, 429 and the like):
    /// it may want credentials that the gateway does not have.
    Answers,
    /// It says that there is no WebSocket under this URL (404 and the like), or none at present (5xx).
    Refuses,
    /// Its URL leads back to this gateway, which does not relay to itself.
    LeadsBack,
    /// Nothing that is a WebSocket handshake came from it.
    Silent,
}

impl UpstreamState {
    /// Whether clients can be relayed to it.
    #[must_use]
    pub fn answers(self) -> bool {
        self == Self::Answers
    }
}

/// What came of the last questions, by URL: there is one entry for each upstream at most.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    kept: Mutex<HashMap<String, Found>>,
}

/// What was found out about an upstream, and when.
#[derive(Clone, Debug)]
struct Found {
    at: Instant,
    state: UpstreamState,
    detail: String,
}

impl Checks {
    /// How each URL is. Whoever asks meanwhile waits for the same answers: nobody is asked twice at a time.
    pub(crate) fn check(&self, relays: &[Arc<Upstream>], timeout: Duration, age_max: Duration) -> Vec<UpstreamHealth> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let targets = Target::all(relays);
        let mut found: Vec<Option<Found>> = targets.iter().map(|target| target.known(&kept, age_max)).collect();
        let unknown: Vec<usize> = (0..targets.len()).filter(|index| found[*index].is_none()).collect();
        let asked: Vec<&Upstream> = unknown.iter().map(|index| targets[*index].relays[0]).collect();
        for (index, answer) in unknown.into_iter().zip(ask(&asked, timeout)) {
            targets[index].keep(&mut kept, &answer);
            found[index] = Some(answer);
        }
        targets.iter().zip(found.into_iter().flatten()).map(|(target, found)| target.health(found)).collect()
    }
}

/// One URL, and everything that is relayed to it.
struct Target<'r> {
    url: String,
    relays: Vec<&'r Upstream>,
}

impl<'r> Target<'r> {
    fn all(relays: &'r [Arc<Upstream>]) -> Vec<Self> {
        let mut targets: Vec<Self> = Vec::new();
        for relay in relays {
            let url = relay.url.to_string();
            match targets.iter_mut().find(|target| target.url == url) {
                Some(target) => target.relays.push(relay),
                None => targets.push(Self { url, relays: vec![relay] }),
            }
        }
        targets
    }

    /// What needs no question: clients are relayed to it, or it was asked not long ago.
    fn known(&self, kept: &HashMap<String, Found>, age_max: Duration) -> Option<Found> {
        let alive = self.relays.iter().find_map(|relay| relay.sign_of_life(age_max));
        let recent = || kept.get(&self.url).filter(|found| found.at.elapsed() < age_max).cloned();
        alive.map(|detail| Found::now(UpstreamState::Answers, detail)).or_else(recent)
    }

    fn keep(&self, kept: &mut HashMap<String, Found>, found: &Found) {
        if self.relays[0].net().is_none() {
            return; // Nobody was asked.
        }
        let before = kept.insert(self.url.clone(), found.clone());
        let is_news = before.is_none_or(|before| before.state != found.state);
        if found.state == UpstreamState::LeadsBack && is_news {
            let paths = self.paths().join(", ");
            tracing::warn!(upstream = %self.url, paths, "an upstream's URL leads back to this gateway: its clients get 508");
        }
    }

    fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.relays.iter().map(|relay| relay.path().to_owned()).collect();
        paths.sort();
        paths
    }

    fn health(&self, found: Found) -> UpstreamHealth {
        UpstreamHealth { upstream: self.url.clone(), paths: self.paths(), state: found.state, detail: found.detail }
    }
}

impl Found {
    fn now(state: UpstreamState, detail: String) -> Self {
        Self { at: Instant::now(), state, detail }
    }

    /// What it means that no connection came about; `gateway` is our name.
    fn of(error: &OpenError, gateway: &str, took: Duration) -> Self {
        let Some(refusal) = &error.refusal else { return Self::now(UpstreamState::Silent, error.why.clone()) };
        let said = format!("{} {}", refusal.status, refusal.reason).trim_end().to_owned();
        match judge(refusal, gateway) {
            UpstreamState::Answers => Self::now(UpstreamState::Answers, answered(refusal.status, took)),
            UpstreamState::LeadsBack => Self::now(UpstreamState::LeadsBack, LEADS_BACK.to_owned()),
            state if refusal.status < 500 => Self::now(state, format!("{said}: no WebSocket is under this path")),
            state => Self::now(state, said),
        }
    }
}

fn judge(refusal: &Refusal, gateway: &str) -> UpstreamState {
    match refusal.status {
        // Only the gateway of this name says its name.
        508 if String::from_utf8_lossy(&refusal.body).contains(gateway) => UpstreamState::LeadsBack,
        404 | 405 | 410 => UpstreamState::Refuses,
        400..=499 => UpstreamState::Answers,
        _ => UpstreamState::Refuses,
    }
}

fn answered(status: u16, took: Duration) -> String {
    format!("{status} in {} ms", took.as_millis())
}

/// Asks each of them once, all at the same time.
fn ask(upstreams: &[&Upstream], timeout: Duration) -> Vec<Found> {
    let began = Instant::now();
    let (tell, told) = mpsc::channel();
    for (number, upstream) in upstreams.iter().enumerate() {
        if let Some(net) = upstream.net() {
            let gateway = upstream.gateway_name().to_owned();
            net.connect(upstream.probe(timeout), Probe { number, gateway, tell: tell.clone(), began });
        }
    }
    drop(tell); // So that the wait ends where nobody is left who could answer.
    let mut answers: Vec<Option<Found>> = vec![None; upstreams.len()];
    while answers.iter().any(Option::is_none)
        && let Ok((number, found)) = told.recv_timeout(timeout.saturating_sub(began.elapsed()))
    {
        answers[number] = Some(found);
    }
    let silence = |upstream: &Upstream| match upstream.net() {
        Some(_) => format!("no answer within {timeout:?}"),
        None => "the gateway does not run yet".to_owned(),
    };
    let none = |upstream: &Upstream| Found::now(UpstreamState::Silent, silence(upstream));
    upstreams.iter().zip(answers).map(|(upstream, answer)| answer.unwrap_or_else(|| none(upstream))).collect()
}

/// Opens a connection and closes it.
struct Probe {
    number: usize,
    gateway: String,
    tell: mpsc::Sender<(usize, Found)>,
    began: Instant,
}

impl Probe {
    fn tell(&self, found: Found) {
        let _ = self.tell.send((self.number, found)); // Who asked may have waited long enough.
    }
}

impl Service for Probe {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        self.tell(Found::now(UpstreamState::Answers, answered(101, self.began.elapsed())));
        socket.close(CloseCode::NORMAL, "it answers");
    }

    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}

    fn on_close(&mut self, closed: &Closed) {
        if let CloseCause::NotOpened(error) = &closed.cause {
            self.tell(Found::of(error, &self.gateway, self.began.elapsed()));
        }
    }
}

const LEADS_BACK: &str = "leads back to this gateway";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_judged_by_whom_it_blames() {
        let state = |status: u16, body: &str| {
            let reason = String::new();
            let body = body.as_bytes().to_vec();
            judge(&Refusal { status, reason, headers: Vec::new(), body, content_length: None }, "wigwag-01")
        };
        for status in [400, 401, 403, 421, 426, 429] {
            assert_eq!(state(status, ""), UpstreamState::Answers, "{status}");
        }
        for status in [200, 301, 404, 405, 410, 500, 502, 503, 504, 508] {
            assert_eq!(state(status, "wigwag-02"), UpstreamState::Refuses, "{status}");
        }
        assert_eq!(state(508, "back to wigwag-01"), UpstreamState::LeadsBack);
    }
}
