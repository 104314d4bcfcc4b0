//! Whether the upstreams answer, for the banner and for `/healthz`.

use std::time::Duration;

use serde::Serialize;
use wigwag_gateway::{Gateway, UpstreamHealth};
use wigwag_server::HealthReport;

/// How long an upstream may take to answer: shorter than a probe of `/healthz` is patient.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long its answer serves everybody who asks: each open page does, every few seconds.
const AGE_MAX: Duration = Duration::from_secs(5);

/// The body of `/healthz`.
#[derive(Debug, Serialize)]
struct Health {
    /// `ok`, or `degraded` where an upstream does not answer.
    status: &'static str,
    /// Each URL once.
    upstreams: Vec<State>,
}

#[derive(Debug, Serialize)]
struct State {
    url: String,
    /// The paths that are relayed to it.
    paths: Vec<String>,
    answers: bool,
    /// For people.
    detail: String,
}

/// What `/healthz` says.
pub(super) fn report(gateway: Gateway) -> HealthReport {
    HealthReport::new(move || {
        let gateway = gateway.clone();
        async move { Health::of(ask(&gateway).await) }
    })
}

/// How every upstream is.
pub(super) async fn ask(gateway: &Gateway) -> Vec<UpstreamHealth> {
    let gateway = gateway.clone();
    // The question blocks its thread, and the HTTP side has one for all requests.
    tokio::task::spawn_blocking(move || gateway.check_upstreams(PATIENCE, AGE_MAX)).await.unwrap_or_default()
}

impl Health {
    fn of(found: Vec<UpstreamHealth>) -> Self {
        let status = if found.iter().all(|one| one.state.answers()) { "ok" } else { "degraded" };
        let state = |one: UpstreamHealth| State {
            url: one.upstream,
            paths: one.paths,
            answers: one.state.answers(),
            detail: one.detail,
        };
        Self { status, upstreams: found.into_iter().map(state).collect() }
    }
}
