//! What a failed attempt to reach an upstream means, and what the client is told of it.

use wigwag_net::{CloseCause, CloseCode, CloseReason, Closed, OpenError, OpenErrorKind, Refusal};
use wigwag_proto::handshake::client;

use crate::metrics::Failure;

/// What a failed attempt means.
#[derive(Debug, PartialEq)]
pub(crate) enum Attempt {
    /// The upstream may be there soon.
    MayRetry(Failure),
    /// It answered, and says no.
    Refused(Box<client::Refusal>),
    /// Trying again would change nothing.
    Hopeless(Failure),
}

impl Attempt {
    pub(crate) fn of(error: OpenError) -> Self {
        match (error.kind, error.refusal) {
            (_, Some(refusal)) => Self::Refused(refusal),
            (OpenErrorKind::Unresolved, _) => Self::MayRetry(Failure::Unresolved),
            (OpenErrorKind::Unreachable(_), _) => Self::MayRetry(Failure::Unreachable),
            (OpenErrorKind::Timeout, _) => Self::MayRetry(Failure::Timeout),
            (OpenErrorKind::Ended | OpenErrorKind::Stopped, _) => Self::MayRetry(Failure::Ended),
            (OpenErrorKind::Untrusted, _) => Self::Hopeless(Failure::Untrusted),
            _ => Self::Hopeless(Failure::Invalid),
        }
    }

    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::MayRetry(failure) | Self::Hopeless(failure) => *failure,
            Self::Refused(_) => Failure::Refused,
        }
    }
}

/// The status with which an upstream says that it will be there again.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 502..=504)
}

/// Whether an upstream's Close says that it restarts: 1001 "such as a server going down" (§7.4.1), or 1012.
pub(crate) fn is_restart(reason: &CloseReason) -> bool {
    matches!(reason.code, Some(CloseCode::GOING_AWAY | CloseCode::SERVICE_RESTART))
}

/// Why an upstream is not there, in words that name no address: those are nobody's business.
pub(crate) const fn words(failure: Failure) -> &'static str {
    match failure {
        Failure::Unresolved => "its name has no address",
        Failure::Unreachable => "it takes no connection",
        Failure::Timeout => "it does not answer in time",
        Failure::Untrusted => "its certificate is not trusted",
        Failure::Invalid => "what it answers is no WebSocket handshake",
        Failure::Refused => "it refuses the connection",
        Failure::Lost => "the connection to it broke off",
        _ => "it ends the connection",
    }
}

/// What a client gets whose upstream cannot be reached: 504 where it does not answer in time, else 502.
pub(crate) fn unreachable(failure: Failure) -> Refusal {
    let status = if failure == Failure::Timeout { 504 } else { 502 };
    let headers = vec![("Retry-After".to_owned(), "5".to_owned())];
    let body = format!("the server behind this gateway cannot be reached: {}", words(failure));
    Refusal { status, label: "upstream", headers, body }
}

/// What a client gets whose handshake has waited as long as it may.
pub(crate) fn waited_in_vain(last: Failure) -> Refusal {
    Refusal { status: 504, ..unreachable(last) }
}

/// What a client gets whose request has come round to where it was before. By its name a gateway that asks after its
/// upstreams knows that it was itself who answered.
pub(crate) fn loop_detected(gateway: &str) -> Refusal {
    let body =
        format!("this request has passed through this gateway ({gateway}) before: the upstream's URL leads back here");
    Refusal { status: 508, label: "loop", headers: Vec::new(), body }
}

/// The upstream's refusal as the client gets it; `cookies`: whether those that it sets pass.
pub(crate) fn passed_on(refusal: &client::Refusal, cookies: bool) -> Refusal {
    if !(300..=599).contains(&refusal.status) {
        let body = format!("the server behind this gateway answered {} to a WebSocket handshake", refusal.status);
        return Refusal { status: 502, label: "upstream", headers: Vec::new(), body };
    }
    let passes = |name: &str| {
        PASSED_BACK.iter().any(|other| name.eq_ignore_ascii_case(other))
            || (cookies && name.eq_ignore_ascii_case("Set-Cookie"))
    };
    let mut headers: Vec<(String, String)> =
        refusal.headers.iter().filter(|(name, _)| passes(name)).map(Clone::clone).collect();
    let body = body_of(refusal);
    if let (Some(_), Some(kind)) = (&body, refusal.header("Content-Type")) {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    let body = body.unwrap_or_else(|| format!("refused: {} {}", refusal.status, refusal.reason).trim_end().to_owned());
    Refusal { status: refusal.status, label: "upstream", headers, body }
}

/// The body as text, if there is one that can be passed on.
fn body_of(refusal: &client::Refusal) -> Option<String> {
    if refusal.header("Content-Encoding").is_some() {
        return None;
    }
    let chunked = refusal.header("Transfer-Encoding").is_some();
    let body = if chunked { join_chunks(&refusal.body) } else { refusal.body.clone() };
    let text = String::from_utf8_lossy(&body).trim_end().to_owned();
    (!text.is_empty()).then_some(text)
}

/// What is there of a chunked body (RFC 9112 §7.1).
fn join_chunks(mut body: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    while let Some(line_end) = body.windows(2).position(|two| two == b"\r\n") {
        let (line, rest) = (&body[..line_end], &body[line_end + 2..]);
        let size = str::from_utf8(line).ok().and_then(|line| line.split(';').next());
        let Some(size @ 1..) = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()) else { break };
        joined.extend_from_slice(&rest[..size.min(rest.len())]);
        body = rest.get(size.saturating_add(2)..).unwrap_or_default();
    }
    joined
}

/// What the upstream is told when its client is gone. 1005 and 1006 are what APIs say where there was no code or no Close
/// (§7.4.1): nobody sends them.
pub(crate) fn told_to_upstream(closed: &Closed) -> CloseReason {
    let away = |why| CloseReason::new(CloseCode::GOING_AWAY, why);
    match (&closed.cause, &closed.reason) {
        (CloseCause::Protocol(_), _) => away(CLIENT_FAILED),
        (CloseCause::Drained, _) => away(STOPPING),
        (CloseCause::Peer | CloseCause::Local | CloseCause::CloseTimeout, Some(reason)) => reason.clone(),
        _ => away("the client is gone"),
    }
}

pub(crate) const CLIENT_FAILED: &str = "the client broke the protocol";
pub(crate) const STOPPING: &str = "the gateway is stopping";

/// Headers of a refusal that concern the client itself.
const PASSED_BACK: &[&str] = &["Allow", "Content-Language", "Location", "Retry-After", "WWW-Authenticate"];

#[cfg(test)]
mod tests {
    use wigwag_proto::ProtocolError;

    use super::*;

    fn refusal(status: u16, headers: &[(&str, &str)], body: &[u8]) -> client::Refusal {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        client::Refusal { status, reason: "Why".to_owned(), headers, body: body.to_vec(), content_length: None }
    }

    #[test]
    fn a_refusal_passes_with_status_body_and_what_concerns_the_client() {
        let headers =
            [("WWW-Authenticate", "Basic"), ("Server", "x"), ("Set-Cookie", "a=b"), ("Content-Type", "text/x")];
        let passed = passed_on(&refusal(401, &headers, b"who are you?\n"), false);
        assert_eq!((passed.status, passed.body.as_str()), (401, "who are you?"));
        let names: Vec<&str> = passed.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["WWW-Authenticate", "Content-Type"]);
        assert_eq!(passed_on(&refusal(401, &headers, b""), true).headers.len(), 2, "no type without a body");
    }

    #[test]
    fn a_body_that_cannot_pass_is_replaced() {
        assert_eq!(passed_on(&refusal(403, &[], b""), false).body, "refused: 403 Why");
        let packed = refusal(403, &[("Content-Encoding", "gzip"), ("Content-Type", "text/html")], b"\x1f\x8b");
        let passed = passed_on(&packed, false);
        assert_eq!((passed.body.as_str(), passed.headers.len()), ("refused: 403 Why", 0));
    }

    #[test]
    fn chunks_are_joined_as_far_as_they_are_there() {
        let chunked = |body: &[u8]| passed_on(&refusal(503, &[("Transfer-Encoding", "chunked")], body), false).body;
        assert_eq!(chunked(b"3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"), "abcde");
        assert_eq!(chunked(b"a\r\nabc"), "abc");
        assert_eq!(chunked(b"ffffffffffffffff\r\nabc"), "abc");
        assert_eq!(chunked(b"nonsense"), "refused: 503 Why");
    }

    #[test]
    fn what_is_no_refusal_is_a_bad_gateway() {
        for status in [100, 200, 299, 600] {
            assert_eq!(passed_on(&refusal(status, &[], b""), false).status, 502, "{status}");
        }
    }

    #[test]
    fn the_client_learns_what_failed_and_no_address() {
        assert_eq!(unreachable(Failure::Timeout).status, 504);
        let body = unreachable(Failure::Unreachable).body;
        assert!(body.contains("cannot be reached") && !body.contains("127"), "{body}");
    }

    #[test]
    fn codes_pass_and_those_that_are_never_sent_become_1001() {
        let told = |reason: Option<CloseReason>, cause| {
            let told = told_to_upstream(&Closed { reason, cause });
            (told.code.map(CloseCode::get), told.reason)
        };
        let own = CloseReason::new(CloseCode::new(4000).expect("valid"), "bye");
        assert_eq!(told(Some(own), CloseCause::Peer), (Some(4000), "bye".to_owned()));
        assert_eq!(told(Some(CloseReason::default()), CloseCause::Peer), (None, String::new()));
        let gone = (Some(1001), "the client is gone".to_owned());
        assert_eq!(told(None, CloseCause::Eof), gone);
        assert_eq!(told(None, CloseCause::CloseTimeout), gone);
        let failed = CloseReason::new(CloseCode::PROTOCOL_ERROR, "x");
        assert_eq!(told(Some(failed), CloseCause::Protocol(ProtocolError::Unmasked)).0, Some(1001));
    }

    #[test]
    fn a_restart_is_known_by_its_code() {
        let is = |code| is_restart(&CloseReason::new(CloseCode::new(code).expect("valid"), ""));
        assert_eq!([1000, 1001, 1011, 1012, 1013, 4000].map(is), [false, true, false, true, false, false]);
        assert!(!is_restart(&CloseReason::default()));
    }
}
