//! Whether the upstreams answer: a handshake with each, and what came of it.

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
