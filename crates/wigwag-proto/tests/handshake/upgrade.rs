//! What opens a WebSocket (RFC 6455 §4.2.1), and the answers (§4.2.2).

use wigwag_proto::handshake::{
    HeadLimits, UnwritableHead,
    extensions::{DeflatePolicy, negotiate},
    server::{Request, Upgrade, UpgradeError, write_accept, write_refusal},
};

const START: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\n";
const REST: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn read(bytes: &str) -> Request<'_> {
    Request::parse(bytes.as_bytes(), &HeadLimits::default()).expect("a valid head").expect("a finished head")
}

fn plain() -> String {
    format!("{START}{REST}{KEY}\r\n")
}

#[track_caller]
fn refused(bytes: &str, expected: UpgradeError, status: u16) {
    assert_eq!(Upgrade::from_request(&read(bytes)), Err(expected), "{bytes}");
    assert_eq!(expected.status(), status);
}

mod asking {
    use super::*;

    #[test]
    fn the_request_of_section_1_3_is_accepted() {
        let bytes =
            format!("{START}{REST}{KEY}Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\r\n");
        let request = read(&bytes);
        let upgrade = Upgrade::from_request(&request).unwrap();
        assert_eq!(upgrade.protocols(), ["chat", "superchat"]);
        assert!(upgrade.offers().as_slice().is_empty());
    }

    #[test]
    fn token_lists_may_be_in_any_case_and_several_lines() {
        let lines = "upgrade: x\r\nUPGRADE: WebSocket\r\nconnection: keep-alive\r\nConnection: a , uPgRaDe\r\nSec-WebSocket-Version:13\r\n";
        assert!(Upgrade::from_request(&read(&format!("{START}{lines}{KEY}\r\n"))).is_ok());
    }

    #[test]
    fn each_missing_part_is_told() {
        let without = |name: &str| {
            let all = plain();
            all.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect::<String>()
        };
        refused(&without("Upgrade"), UpgradeError::NotWebSocket, 426);
        refused(&without("Connection"), UpgradeError::Connection, 400);
        refused(&without("Sec-WebSocket-Version"), UpgradeError::WebSocketVersion, 426);
        refused(&without("Sec-WebSocket-Key"), UpgradeError::Key, 400);
        refused(&plain().replace("GET", "POST"), UpgradeError::Method, 405);
        refused(&plain().replace("HTTP/1.1", "HTTP/1.0"), UpgradeError::HttpVersion, 400);
    }

    #[test]
    fn another_version_is_told_the_one_spoken_here() {
        for version in ["8", "013", "12, 13", ""] {
            refused(&plain().replace(": 13", &format!(": {version}")), UpgradeError::WebSocketVersion, 426);
        }
        assert!(UpgradeError::WebSocketVersion.headers().contains(&("Sec-WebSocket-Version", "13")));
        let repeated = format!("{START}{REST}{KEY}Sec-WebSocket-Version: 13\r\n\r\n");
        refused(&repeated, UpgradeError::RepeatedVersion, 400);
    }

    #[test]
    fn a_key_is_sixteen_bytes_of_base64_once() {
        for key in [
            "",
            "AAAA",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "dGhlIHNhbXBsZSBub25j",
            "*GhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZQ== x",
        ] {
            refused(&plain().replace("dGhlIHNhbXBsZSBub25jZQ==", key), UpgradeError::Key, 400);
        }
        refused(&format!("{START}{REST}{KEY}{KEY}\r\n"), UpgradeError::Key, 400);
        // The last four bits before the padding say nothing.
        assert!(Upgrade::from_request(&read(&plain().replace("ZQ==", "ZR=="))).is_ok());
    }

    #[test]
    fn a_body_is_refused() {
        refused(&format!("{START}{REST}{KEY}Content-Length: 1\r\n\r\nx"), UpgradeError::Body, 400);
        refused(&format!("{START}{REST}{KEY}Transfer-Encoding: chunked\r\n\r\n"), UpgradeError::Body, 400);
        assert!(Upgrade::from_request(&read(&format!("{START}{REST}{KEY}Content-Length: 0\r\n\r\n"))).is_ok());
    }

    #[test]
    fn subprotocols_are_tokens_without_repetition() {
        let with = |value: &str| format!("{START}{REST}{KEY}Sec-WebSocket-Protocol: {value}\r\n\r\n");
        for value in ["a, a", "a b", "a/b", "\"a\"", "", ",", "é", "a\r\nSec-WebSocket-Protocol: a"] {
            refused(&with(value), UpgradeError::Protocols, 400);
        }
        let many = |count: usize| with(&(0..count).map(|n| format!("p{n}")).collect::<Vec<_>>().join(","));
        refused(&many(Upgrade::PROTOCOLS_MAX + 1), UpgradeError::Protocols, 400);
        assert!(Upgrade::from_request(&read(&many(Upgrade::PROTOCOLS_MAX))).is_ok());
        let lines = with("a,b\r\nSec-WebSocket-Protocol: c");
        assert_eq!(Upgrade::from_request(&read(&lines)).unwrap().protocols(), ["a", "b", "c"]);
    }

    #[test]
    fn malformed_extensions_are_refused() {
        let bytes = format!("{START}{REST}{KEY}Sec-WebSocket-Extensions: a b\r\n\r\n");
        let error = Upgrade::from_request(&read(&bytes)).unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (400, "malformed Sec-WebSocket-Extensions header"));
    }
}

mod answering {
    use super::*;

    #[test]
    fn a_plain_101_is_these_bytes() {
        let mut out = b"before".to_vec();
        write_accept(&mut out, &Upgrade::from_request(&read(&plain())).unwrap(), None, None, &[]).unwrap();
        let expected = "beforeHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_101_tells_subprotocol_extension_and_further_headers() {
        let bytes = format!(
            "{START}{REST}{KEY}Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        );
        let request = read(&bytes);
        let upgrade = Upgrade::from_request(&request).unwrap();
        let grant = negotiate(upgrade.offers(), &DeflatePolicy::default());
        let mut out = Vec::new();
        write_accept(&mut out, &upgrade, Some("b"), grant.as_ref(), &[("Server", "wigwag")]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let tail = "\r\nSec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: permessage-deflate; \
            server_no_context_takeover; client_no_context_takeover\r\nServer: wigwag\r\n\r\n";
        assert!(text.ends_with(tail), "{text}");
    }

    #[test]
    fn what_would_say_more_than_one_thing_is_not_written() {
        let bytes = plain();
        let request = read(&bytes);
        let upgrade = Upgrade::from_request(&request).unwrap();
        for (header, expected) in [
            (("X", "a\r\nY: b"), UnwritableHead::HeaderValue),
            (("X", "a\nb"), UnwritableHead::HeaderValue),
            (("X", "a\0"), UnwritableHead::HeaderValue),
            (("X: y\r\nZ", "a"), UnwritableHead::HeaderName),
            (("", "a"), UnwritableHead::HeaderName),
            (("content-length", "1"), UnwritableHead::ReservedHeader),
            (("sec-websocket-accept", "a"), UnwritableHead::ReservedHeader),
        ] {
            let mut out = b"kept".to_vec();
            assert_eq!(write_accept(&mut out, &upgrade, None, None, &[header]), Err(expected), "{header:?}");
            assert_eq!(out, b"kept");
        }
        let mut out = Vec::new();
        assert_eq!(write_accept(&mut out, &upgrade, Some("x"), None, &[]), Err(UnwritableHead::Protocol));
        assert!(out.is_empty());
    }

    #[test]
    fn a_refusal_is_a_whole_answer() {
        let mut out = Vec::new();
        write_refusal(&mut out, 426, UpgradeError::WebSocketVersion.headers(), "text/plain", "no\n").unwrap();
        let expected = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 3\r\nConnection: upgrade, close\r\n\
            Content-Type: text/plain\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\nno\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_refusal_takes_no_interim_status_and_no_injection() {
        let mut out = Vec::new();
        for status in [0, 101, 199, 600] {
            assert_eq!(write_refusal(&mut out, status, &[], "a", ""), Err(UnwritableHead::Status(status)));
        }
        assert_eq!(write_refusal(&mut out, 400, &[], "a\r\n", ""), Err(UnwritableHead::HeaderValue));
        let error = write_refusal(&mut out, 400, &[("transfer-Encoding", "chunked")], "a", "");
        assert_eq!(error, Err(UnwritableHead::ReservedHeader));
        assert!(out.is_empty());
    }
}
