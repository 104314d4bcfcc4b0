//! The client's request and its judgement of the answer (RFC 6455 §4.1).

use wigwag_proto::handshake::{
    HeadLimits, UnwritableHead,
    client::{Request, Response, ResponseError},
    extensions::DeflatePolicy,
};

const REQUEST: Request<'static> = Request {
    host: "server.example.com",
    target: "/chat",
    key: *b"the sample nonce",
    protocols: &["chat", "superchat"],
    deflate: DeflatePolicy::DISABLED,
    origin: Some("http://example.com"),
    headers: &[("Authorization", "Bearer x")],
};

const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
const START: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

fn judge(bytes: &[u8]) -> Result<Option<Response<'_>>, ResponseError> {
    Response::parse(bytes, &HeadLimits::default(), &REQUEST.expected())
}

#[track_caller]
fn fails(bytes: impl AsRef<[u8]>, expected: ResponseError) {
    let bytes = bytes.as_ref();
    assert_eq!(judge(bytes), Err(expected), "{:?}", String::from_utf8_lossy(bytes));
}

mod request {
    use super::*;

    #[test]
    fn a_request_is_these_bytes() {
        let mut out = Vec::new();
        REQUEST.write(&mut out).unwrap();
        let expected = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: chat, superchat\r\nOrigin: http://example.com\r\nAuthorization: Bearer x\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_would_say_more_than_one_thing_is_not_written() {
        for (request, expected) in [
            (Request { host: "a\r\nX: y", ..REQUEST }, UnwritableHead::Host),
            (Request { host: "", ..REQUEST }, UnwritableHead::Host),
            (Request { target: "/ HTTP/1.1\r\nX: y", ..REQUEST }, UnwritableHead::Target),
            (Request { target: "chat", ..REQUEST }, UnwritableHead::Target),
            (Request { target: "/#a", ..REQUEST }, UnwritableHead::Target),
            (Request { protocols: &["a", "a"], ..REQUEST }, UnwritableHead::Protocol),
            (Request { protocols: &["a,b"], ..REQUEST }, UnwritableHead::Protocol),
            (Request { origin: Some("a\r\nX: y"), ..REQUEST }, UnwritableHead::HeaderValue),
            (Request { headers: &[("X", "a\rb")], ..REQUEST }, UnwritableHead::HeaderValue),
            (Request { headers: &[("host", "b")], ..REQUEST }, UnwritableHead::ReservedHeader),
            (Request { headers: &[("sec-websocket-key", "b")], ..REQUEST }, UnwritableHead::ReservedHeader),
        ] {
            let mut out = b"kept".to_vec();
            assert_eq!(request.write(&mut out), Err(expected), "{request:?}");
            assert_eq!(out, b"kept");
        }
    }
}

mod response {
    use super::*;

    #[test]
    fn an_accepting_answer_is_told_and_what_follows_is_left() {
        let bytes = format!("{START}{ACCEPT}Sec-WebSocket-Protocol: superchat\r\nServer: x\r\n\r\nrest");
        let response = judge(bytes.as_bytes()).unwrap().unwrap();
        assert_eq!(response.protocol(), Some("superchat"));
        assert_eq!(response.deflate(), None);
        assert_eq!(response.headers().first("server"), Some(&b"x"[..]));
        assert_eq!(&bytes[response.head_bytes()..], "rest");
    }

    #[test]
    fn an_answer_that_does_not_fit_the_request_fails() {
        let with = |lines: &str| format!("{START}{ACCEPT}{lines}\r\n");
        fails(format!("{START}\r\n"), ResponseError::Accept);
        fails(with(ACCEPT), ResponseError::Accept);
        fails(with("").replace("s3p", "S3p"), ResponseError::Accept);
        fails(with("").replace("websocket", "h2c"), ResponseError::Upgrade);
        fails(with("").replace("Connection: Upgrade", "Connection: close"), ResponseError::Connection);
        fails(with("").replace("HTTP/1.1", "HTTP/1.0"), ResponseError::HttpVersion);
        fails(with("Sec-WebSocket-Protocol: other\r\n"), ResponseError::Protocol);
        fails(with("Sec-WebSocket-Protocol: chat, superchat\r\n"), ResponseError::Protocol);
        fails(with("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n"), ResponseError::Protocol);
        let extension = judge(with("Sec-WebSocket-Extensions: permessage-deflate\r\n").as_bytes()).map(|_| ());
        assert!(matches!(extension, Err(ResponseError::Extensions(_))));
    }

    #[test]
    fn what_is_not_http_fails() {
        fails("SSH-2.0-OpenSSH_9.6\r\n", ResponseError::StatusLine);
        fails("\r\nHTTP/1.1 101 x\r\n", ResponseError::StatusLine);
        fails("HTTP/2.0 101 x\r\n\r\n", ResponseError::StatusLine);
        fails(format!("{START}{ACCEPT} folded\r\n\r\n"), ResponseError::Header);
        fails(format!("{START}{ACCEPT}\n"), ResponseError::LineEnd);
        fails(format!("{START}{}", "X: y\r\n".repeat(101)), ResponseError::TooManyHeaders);
        fails(format!("{START}X: {}", "y".repeat(16 * 1024)), ResponseError::HeadTooLarge);
    }

    #[test]
    fn a_refusal_is_told_with_all_that_is_there() {
        let bytes = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 20\r\nX-Why: origin\r\n\r\nnot from here";
        let Err(ResponseError::Refused(refusal)) = judge(bytes) else { panic!("403 refuses") };
        assert_eq!((refusal.status, refusal.reason.as_str()), (403, "Forbidden"));
        assert_eq!(refusal.header("x-why"), Some("origin"));
        assert_eq!((refusal.body.as_slice(), refusal.content_length), (&b"not from here"[..], Some(20)));
    }

    #[test]
    fn a_redirect_is_told_not_followed() {
        let Err(ResponseError::Refused(refusal)) = judge(b"HTTP/1.1 302\r\nLocation: /other\r\n\r\n") else {
            panic!("302 refuses")
        };
        assert_eq!((refusal.status, refusal.header("location")), (302, Some("/other")));
    }
}
