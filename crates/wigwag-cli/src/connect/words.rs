//! Words for what happens to a connection: how it ended, why it was not opened, what the handshake said.

use std::fmt::Write as _;

use wigwag_net::{CloseCause, Closed, Connect, OpenError, OpenErrorKind, url::WsUrl};
use wigwag_proto::handshake::client::Refusal;

use super::format::for_terminal;
use crate::client::{hint, is_secret};

/// How a connection ended.
pub(super) fn closed(closed: &Closed) -> String {
    match (&closed.cause, &closed.reason) {
        (CloseCause::Peer, Some(_)) => format!("closed by the server: {}", code(closed)),
        (CloseCause::Local, Some(_)) => format!("closed: {}", code(closed)),
        (CloseCause::Protocol(error), _) => {
            format!("closed with {}: the server broke the protocol: {error}", error.close_code())
        }
        (CloseCause::IdleTimeout, _) => "connection lost: no sign of life from the server".to_owned(),
        (CloseCause::WriteTimeout, _) => "connection lost: the server takes nothing".to_owned(),
        (CloseCause::Eof, _) => "connection lost: the server ended it without a Close (1006)".to_owned(),
        (CloseCause::Io(kind), _) => format!("connection lost: {kind} (1006)"),
        (CloseCause::CloseTimeout, _) => "closed, though the server did not answer the Close in time".to_owned(),
        (cause, _) => format!("connection ended: {cause}"),
    }
}

/// Code, its name in the RFC or the registry, and the reason.
fn code(closed: &Closed) -> String {
    let mut words = match closed.reason.as_ref().and_then(|reason| reason.code) {
        Some(code) => code.to_string(),
        None => "1005 no status received".to_owned(),
    };
    if let Some(reason) = closed.reason.as_ref().filter(|reason| !reason.reason.is_empty()) {
        let _ = write!(words, " ({})", for_terminal(&reason.reason));
    }
    words
}

/// Why there is no connection, and what to do.
pub(super) fn not_opened(url: &WsUrl, error: &OpenError) -> String {
    let url_shown = shown_url(url);
    match &error.refusal {
        Some(refusal) => format!("no connection to {url_shown}: refused with {}", refused(refusal)),
        None => format!("no connection to {url_shown}: {}{}", for_terminal(&error.why), hint(url, error)),
    }
}

/// Whether another attempt may go better: not where the server refuses what is asked for (4xx), but for the statuses that
/// ask to come again.
pub(super) fn is_passing(error: &OpenError) -> bool {
    use OpenErrorKind::{Ended, Handshake, Timeout, Unreachable, Unresolved};
    match &error.refusal {
        Some(refusal) => matches!(refusal.status, 408 | 425 | 429 | 500..),
        None => matches!(error.kind, Unresolved | Unreachable(_) | Handshake | Timeout | Ended),
    }
}

/// The same in a line, for who tries again.
pub(super) fn not_opened_yet(url: &WsUrl, error: &OpenError) -> String {
    let why = error.refusal.as_ref().map_or_else(|| for_terminal(&error.why), |refusal| status(refusal));
    format!("no connection to {}: {why}", shown_url(url))
}

fn status(refusal: &Refusal) -> String {
    format!("{} {}", refusal.status, for_terminal(&refusal.reason)).trim_end().to_owned()
}

/// Status, the headers that say what to do, and the body.
fn refused(refusal: &Refusal) -> String {
    let mut words = status(refusal);
    for name in ["Location", "WWW-Authenticate", "Retry-After"] {
        if let Some(value) = refusal.header(name) {
            let _ = write!(words, "\n  {name}: {}", for_terminal(value));
        }
    }
    let body = body(refusal);
    let lines: Vec<&str> = body.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    for line in lines.iter().take(BODY_LINES_SHOWN) {
        let _ = write!(words, "\n  {}", for_terminal(line));
    }
    if lines.len() > BODY_LINES_SHOWN {
        words += "\n  …";
    }
    if refusal.status == 401 {
        words += "\nauthenticate with --auth USER:PASSWORD or --bearer TOKEN";
    }
    words
}

/// The text of the body, out of its chunks if it comes in such (RFC 9112 §7.1).
fn body(refusal: &Refusal) -> String {
    let chunked = refusal.header("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    if !chunked {
        return String::from_utf8_lossy(&refusal.body).into_owned();
    }
    let (mut rest, mut whole) = (refusal.body.as_slice(), Vec::new());
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = str::from_utf8(&rest[..end]).ok().and_then(|size| size.split(';').next());
        let Some(size) = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()).filter(|size| *size > 0)
        else {
            break;
        };
        rest = &rest[end + 2..];
        // The last chunk may have been cut.
        whole.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size.saturating_add(2)..).unwrap_or_default();
    }
    String::from_utf8_lossy(&whole).into_owned()
}

/// The URL without what is secret in its query.
pub(super) fn shown_url(url: &WsUrl) -> String {
    let url = url.to_string();
    match url.split_once('?') {
        Some((before, query)) => format!("{before}?{}", shown_query(query)),
        None => url,
    }
}

/// The opening request, without secrets.
pub(super) fn request(connect: &Connect) -> Vec<String> {
    let target = match connect.target.split_once('?') {
        Some((path, query)) => format!("{path}?{}", shown_query(query)),
        None => connect.target.clone(),
    };
    let mut lines = vec![format!("GET {target} HTTP/1.1"), format!("Host: {}", host(connect))];
    if !connect.protocols.is_empty() {
        lines.push(format!("Sec-WebSocket-Protocol: {}", connect.protocols.join(", ")));
    }
    if connect.deflate.enabled {
        lines.push("Sec-WebSocket-Extensions: permessage-deflate".to_owned());
    }
    lines.extend(connect.origin.iter().map(|origin| format!("Origin: {origin}")));
    lines.extend(connect.headers.iter().map(header));
    lines
}

/// The host with its port, unless that is the scheme's own.
fn host(connect: &Connect) -> String {
    let host = if connect.host.contains(':') { format!("[{}]", connect.host) } else { connect.host.clone() };
    let usual = if connect.tls.is_some() { 443 } else { 80 };
    if connect.port == usual { host } else { format!("{host}:{}", connect.port) }
}

/// A header line, without what is secret.
pub(super) fn header((name, value): &(String, String)) -> String {
    let value = if is_secret(name) { HIDDEN } else { value };
    format!("{name}: {}", for_terminal(value))
}

fn shown_query(query: &str) -> String {
    let shown = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(shown).collect::<Vec<_>>().join("&")
}

/// Of a refusal.
const BODY_LINES_SHOWN: usize = 12;
const HIDDEN: &str = "(hidden)";

#[cfg(test)]
mod tests {
    use wigwag_net::{CloseCode, CloseReason};

    use super::*;

    fn ended(cause: CloseCause, reason: Option<CloseReason>) -> String {
        closed(&Closed { reason, cause })
    }

    #[test]
    fn close_codes_come_with_their_meaning_and_reason() {
        let reason = |code, reason| Some(CloseReason::new(code, reason));
        let by_peer = |close| ended(CloseCause::Peer, close);
        assert_eq!(by_peer(reason(CloseCode::GOING_AWAY, "")), "closed by the server: 1001 going away");
        let words = by_peer(reason(CloseCode::POLICY_VIOLATION, "not\x1b[2J today"));
        assert_eq!(words, "closed by the server: 1008 policy violation (not␛[2J today)");
        assert_eq!(by_peer(Some(CloseReason::default())), "closed by the server: 1005 no status received");
        let own = CloseCode::new(4001).expect("a private code");
        assert_eq!(by_peer(reason(own, "x")), "closed by the server: 4001 private code (x)");
        assert_eq!(ended(CloseCause::Local, reason(CloseCode::NORMAL, "")), "closed: 1000 normal closure");
    }

    #[test]
    fn an_end_without_a_close_is_1006() {
        assert!(ended(CloseCause::Eof, None).ends_with("without a Close (1006)"));
        let reset = ended(CloseCause::Io(std::io::ErrorKind::ConnectionReset), None);
        assert_eq!(reset, "connection lost: connection reset (1006)");
    }

    fn refusal(status: u16, headers: &[(&str, &str)], body: &[u8]) -> OpenError {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (reason, content_length) = ("Reason".to_owned(), None);
        let refusal = Refusal { status, reason, headers, body: body.to_vec(), content_length };
        OpenError { kind: OpenErrorKind::Handshake, why: String::new(), refusal: Some(Box::new(refusal)) }
    }

    #[test]
    fn a_refusal_is_shown_with_status_and_body_and_what_to_do() {
        let url: WsUrl = "ws://a/x".parse().expect("a URL");
        let words = not_opened(&url, &refusal(403, &[], b"not\x1b[2J you\n\nask\n"));
        assert_eq!(words, "no connection to ws://a/x: refused with 403 Reason\n  not␛[2J you\n  ask");
        let words = not_opened(&url, &refusal(401, &[("www-authenticate", "Basic")], b""));
        assert!(words.contains("WWW-Authenticate: Basic\nauthenticate with --auth"), "{words}");
        let words = not_opened(&url, &refusal(302, &[("Location", "/y")], "x\n".repeat(50).as_bytes()));
        assert!(words.contains("Location: /y\n  x\n") && words.ends_with("\n  …"), "{words}");
    }

    #[test]
    fn a_body_in_chunks_is_put_together_as_far_as_it_came() {
        let url: WsUrl = "ws://a/x".parse().expect("a URL");
        let chunked = [("Transfer-Encoding", "chunked")];
        for (body, expected) in [
            (&b"3\r\nnot\r\n4;x=y\r\n you\r\n0\r\n\r\n"[..], "\n  not you"),
            (b"ff\r\nnot", "\n  not"),
            (b"ffffffffffffffff\r\nnot", "\n  not"),
            (b"x\r\nnot", "Reason"),
            (b"", "Reason"),
        ] {
            let words = not_opened(&url, &refusal(500, &chunked, body));
            assert!(words.ends_with(expected), "{words}");
        }
    }

    #[test]
    fn refusals_are_tried_again_only_where_that_may_help() {
        for (status, passing) in [(400, false), (403, false), (302, false), (404, false), (429, true), (503, true)] {
            assert_eq!(is_passing(&refusal(status, &[], b"")), passing, "{status}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let url: WsUrl = "ws://a/x?room=1&access_token=abc&b".parse().expect("a URL");
        assert_eq!(shown_url(&url), "ws://a/x?room=1&access_token=(hidden)&b");
        let mut connect = url.connect_plain();
        connect.headers =
            vec![("Authorization".to_owned(), "Bearer abc".to_owned()), ("X-Room".to_owned(), "7".to_owned())];
        let request = request(&connect).join("\n");
        assert!(!request.contains("abc"), "{request}");
        assert!(request.contains("Authorization: (hidden)\nX-Room: 7"), "{request}");
    }
}
