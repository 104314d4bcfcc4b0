//! Words for what happens to a connection: how it ended, why it was not opened, what the handshake said.

use std::fmt::Write as _;

use wigwag_net::{CloseCause, Closed, Connect, OpenError, url::WsUrl};

use super::format::for_terminal;
use crate::client::{hint, is_secret};

/// How a connection ended.
pub(super) fn closed(closed: &Closed) -> String {
    match (&closed.cause, &closed.reason) {
        (CloseCause::Peer, Some(_)) => format!("closed by the server: {}", code(closed)),
        (CloseCause::Local, Some(_)) => format!("closed: {}", code(closed)),
        (CloseCause::Protocol(error), _) => {
            format!("closed with {}: the server broke the protocol: {error}", code(closed))
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
    format!("no connection to {}: {}{}", shown_url(url), for_terminal(&error.why), hint(url, error))
}

/// Whether another attempt may go better.
pub(super) fn is_passing(error: &OpenError) -> bool {
    use wigwag_net::OpenErrorKind::{Handshake, Timeout, Unreachable, Unresolved};
    matches!(error.kind, Unresolved | Unreachable(_) | Handshake | Timeout)
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
    let mut lines = vec![format!("GET {target} HTTP/1.1"), format!("Host: {}:{}", connect.host, connect.port)];
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
