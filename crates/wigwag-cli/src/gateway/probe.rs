//! Whether the upstreams answer: a TCP connection to each, asked for by the banner and by `/healthz`.
//!
//! A connection is all that can be tried without knowing the upstream: a WebSocket would be a client to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::settings::Relayed;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer holds, so that whoever asks often does not connect often.
const FRESH: Duration = Duration::from_secs(1);

/// Asks the upstreams.
#[derive(Clone)]
pub(super) struct Probe {
    upstreams: Arc<[Upstream]>,
    /// What was found last. Locked while it is asked for: who comes meanwhile takes the same answer.
    last: Arc<Mutex<Option<Found>>>,
}

/// When it was asked, and what was found.
type Found = (Instant, Vec<State>);

/// One upstream server, however many paths are relayed to it.
struct Upstream {
    host: String,
    port: u16,
    routes: Vec<String>,
}

/// How an upstream was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct State {
    /// Host and port.
    pub(super) address: String,
    /// It takes TCP connections.
    answers: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// The paths that are relayed to it.
    routes: Vec<String>,
}

/// The body of `/healthz`.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    /// `ok`, or `degraded` where an upstream does not answer.
    status: &'static str,
    upstreams: Vec<State>,
}

impl Probe {
    pub(super) fn new(relayed: &[Relayed]) -> Self {
        let mut upstreams: Vec<Upstream> = Vec::new();
        for Relayed { path, upstream, .. } in relayed {
            let same = |other: &&mut Upstream| other.host == upstream.host && other.port == upstream.port;
            match upstreams.iter_mut().find(same) {
                Some(known) => known.routes.push(path.clone()),
                None => upstreams.push(Upstream {
                    host: upstream.host.clone(),
                    port: upstream.port,
                    routes: vec![path.clone()],
                }),
            }
        }
        Self { upstreams: upstreams.into(), last: Arc::default() }
    }

    /// The state of each upstream, at most a second old.
    pub(super) async fn ask(&self) -> Vec<State> {
        let mut last = self.last.lock().await;
        if let Some((at, states)) = &*last
            && at.elapsed() < FRESH
        {
            return states.clone();
        }
        let upstreams = self.upstreams.clone();
        let asked = (0..upstreams.len()).map(|index| {
            let upstreams = upstreams.clone();
            tokio::spawn(async move { upstreams[index].state().await })
        });
        // All at once: one that does not answer costs its second once, and not once for each behind it.
        let mut states = Vec::new();
        for asked in asked.collect::<Vec<_>>() {
            states.extend(asked.await);
        }
        *last = Some((Instant::now(), states.clone()));
        states
    }

    pub(super) async fn health(&self) -> Health {
        let upstreams = self.ask().await;
        let all = upstreams.iter().all(|state| state.answers);
        Health { status: if all { "ok" } else { "degraded" }, upstreams }
    }
}

impl Upstream {
    async fn state(&self) -> State {
        let error = match timeout(PATIENCE, TcpStream::connect((self.host.as_str(), self.port))).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let address = format!("{host}:{}", self.port);
        State { address, answers: error.is_none(), error, routes: self.routes.clone() }
    }
}
