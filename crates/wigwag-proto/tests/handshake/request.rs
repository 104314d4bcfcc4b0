//! Heads of requests (RFC 9112 §2–§6).

use wigwag_proto::handshake::{
    HeadLimits,
    server::{Request, RequestError},
};

fn parse(bytes: &[u8]) -> Result<Option<Request<'_>>, RequestError> {
    Request::parse(bytes, &HeadLimits::default())
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, expected: RequestError, status: u16) {
    let bytes = bytes.as_ref();
    assert_eq!(parse(bytes).map(|_| ()), Err(expected), "{:?}", String::from_utf8_lossy(bytes));
    assert_eq!(expected.status(), status);
}

#[track_caller]
fn accepted(bytes: &str) -> Request<'_> {
    parse(bytes.as_bytes()).unwrap_or_else(|error| panic!("{bytes:?}: {error}")).expect("the head is finished")
}

mod reading {
    use super::*;

    #[test]
    fn the_parts_of_a_head_are_told() {
        let bytes = "GET /rooms/a%20b?x=1?2 HTTP/1.1\r\nHost: Example.org:8765\r\nX-A:  one \r\nx-a:\ttwo\r\n\r\nrest";
        let request = accepted(bytes);
        assert_eq!(request.method(), "GET");
        assert_eq!(request.target(), "/rooms/a%20b?x=1?2");
        assert_eq!(request.path(), "/rooms/a%20b");
        assert_eq!(request.query(), Some("x=1?2"));
        assert_eq!(request.minor_version(), 1);
        assert_eq!(request.host(), Some("Example.org:8765"));
        assert_eq!(request.header("X-a"), Some(&b"one"[..]));
        assert_eq!(request.header_values("X-A").collect::<Vec<_>>(), [&b"one"[..], b"two"]);
        assert_eq!(request.headers().iter().count(), 3);
        assert_eq!(&bytes[request.head_bytes()..], "rest");
        assert!(!request.has_body() && !request.is_upgrade());
    }

    #[test]
    fn http_1_0_needs_no_host() {
        let request = accepted("GET / HTTP/1.0\r\n\r\n");
        assert_eq!((request.minor_version(), request.host()), (0, None));
    }

    #[test]
    fn one_empty_line_before_the_request_line_is_part_of_the_head() {
        let bytes = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(accepted(bytes).head_bytes(), bytes.len());
        assert_eq!(parse(b"\r"), Ok(None));
    }

    #[test]
    fn a_value_need_not_be_utf8() {
        let request = parse(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\r\n\r\n").unwrap().unwrap();
        assert_eq!(request.header("x"), Some(&b"\xff"[..]));
    }

    #[test]
    fn websocket_is_found_in_any_case_and_header_line() {
        let upgrade = |lines: &str| accepted(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")).is_upgrade();
        assert!(upgrade("Upgrade: websocket\r\n"));
        assert!(upgrade("upgrade: h2c\r\nUPGRADE: a/1 ,, WebSocket\r\n"));
        assert!(!upgrade("Upgrade: websockets\r\n"));
        assert!(!upgrade("X-Upgrade: websocket\r\n"));
    }
}

mod targets {
    use super::*;

    #[test]
    fn an_absolute_uri_of_the_same_host_is_its_path() {
        for (target, path, query) in [
            ("http://a.org:80/x?y", "/x", Some("y")),
            ("WS://A.org:80", "/", None),
            ("http://a.org:80?q", "/", Some("q")),
        ] {
            let bytes = format!("GET {target} HTTP/1.1\r\nHost: a.org:80\r\n\r\n");
            let request = accepted(&bytes);
            assert_eq!((request.path(), request.query()), (path, query), "{target}");
        }
    }

    #[test]
    fn an_absolute_uri_of_another_host_is_refused() {
        refused("GET http://b.org/ HTTP/1.1\r\nHost: a.org\r\n\r\n", RequestError::Host, 400);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for target in ["x", "*", "ftp://a/", "http://", "http://u@a/", "http:/a", "/#f", "/é", "/a\u{a0}"] {
            refused(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), RequestError::Target, 400);
        }
        refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", RequestError::Target, 400);
        assert_eq!(accepted("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path(), "*");
    }
}

mod strictness {
    use super::*;

    #[test]
    fn a_bad_request_line_is_refused() {
        for line in [
            "GET /",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET /\tHTTP/1.1",
            "GÉT / HTTP/1.1",
            "GET / /x HTTP/1.1",
            "GET / HTTQ/1.1",
            "GET / http/1.1",
            "GET / HTTP/1.1.1",
            "GET / HTTP/1",
            "GET\t/ HTTP/1.1",
            "G(T / HTTP/1.1",
            "GET /\0 HTTP/1.1",
            "GET /\x7f HTTP/1.1",
        ] {
            refused(format!("{line}\r\nHost: a\r\n\r\n"), RequestError::RequestLine, 400);
        }
        refused("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestError::RequestLine, 400);
        refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestError::RequestLine, 400);
        refused(b"\x16\x03\x01\x02\x00\x01\x00", RequestError::RequestLine, 400);
    }

    #[test]
    fn other_versions_of_http_are_told_apart_from_nonsense() {
        refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", RequestError::Version, 505);
        refused("GET / HTTP/0.9\r\n\r\n", RequestError::Version, 505);
        refused("GET / HTTP/1.2\r\n\r\n", RequestError::Version, 505);
        assert_eq!(parse(b"GET / HTTP/2"), Ok(None));
    }

    #[test]
    fn a_bare_line_feed_is_refused() {
        for bytes in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
        ] {
            refused(bytes, RequestError::LineEnd, 400);
        }
    }

    #[test]
    fn a_control_character_in_a_value_is_refused() {
        for byte in (0..0x20).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\n')) {
            // Long values go through a wider path of the parser than short ones.
            for padding in [0, 7, 15, 31, 63] {
                let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec();
                bytes.extend(std::iter::repeat_n(b'x', padding));
                bytes.extend([byte, b'b']);
                bytes.extend(b"ccccccccccccccccccccccccccccccccccccccccccccc\r\n\r\n");
                refused(bytes, RequestError::HeaderValue, 400);
            }
        }
    }

    #[test]
    fn a_bad_header_name_is_refused() {
        for line in ["X : b", " X: b", ": b", "X", "X\0: b", "X\r: b", "Ä: b", "a b: c", "\tfolded"] {
            refused(format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n"), RequestError::HeaderName, 400);
        }
    }

    #[test]
    fn a_folded_line_is_refused() {
        refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", RequestError::HeaderName, 400);
    }

    #[test]
    fn a_missing_repeated_or_invalid_host_is_refused() {
        for lines in [
            "",
            "Host: a\r\nHost: a\r\n",
            "Host:\r\n",
            "Host: a b\r\n",
            "Host: a,b\r\n",
            "Host: u@a\r\n",
            "Host: a/b\r\n",
            "Host: a:b\r\n",
            "Host: a:70000\r\n",
            "Host: [::1\r\n",
            "Host: ::1\r\n",
            "Host: [x]\r\n",
            "Host: a:1:2\r\n",
            "Host: :80\r\n",
        ] {
            refused(format!("GET / HTTP/1.1\r\n{lines}\r\n"), RequestError::Host, 400);
        }
        for host in ["[::1]", "[::1]:8765", "127.0.0.1:1", "a_b.local", "xn--a", "a:"] {
            assert_eq!(accepted(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).host(), Some(host));
        }
    }
}

mod body_length {
    use super::*;

    fn with(lines: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
    }

    #[test]
    fn one_length_is_told() {
        let bytes = with("Content-Length: 12\r\ncontent-length: 12\r\n");
        let request = accepted(&bytes);
        assert_eq!((request.content_length(), request.has_body()), (Some(12), true));
        assert!(!accepted(&with("Content-Length: 0\r\n")).has_body());
        assert!(accepted(&with("Transfer-Encoding: Chunked\r\n")).has_body());
    }

    #[test]
    fn an_invalid_or_second_length_is_refused() {
        for value in ["", "+1", "-1", "1 2", "1, 1", "0x1", "1.0", "18446744073709551616", "99999999999999999999999"] {
            refused(with(&format!("Content-Length: {value}\r\n")), RequestError::ContentLength, 400);
        }
        refused(with("Content-Length: 1\r\nContent-Length: 2\r\n"), RequestError::ContentLength, 400);
    }

    #[test]
    fn a_transfer_encoding_that_leaves_doubt_is_refused() {
        for lines in [
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            refused(with(lines), RequestError::TransferEncoding, 400);
        }
        refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", RequestError::TransferEncoding, 400);
    }
}

mod limits {
    use super::*;

    #[test]
    fn a_head_of_exactly_the_bound_is_read() {
        let bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let limits = |head_bytes_max| HeadLimits { head_bytes_max, ..HeadLimits::default() };
        let with_body = format!("{bytes}{}", "x".repeat(100));
        assert!(matches!(Request::parse(with_body.as_bytes(), &limits(bytes.len())), Ok(Some(_))));
        let too_long = Request::parse(with_body.as_bytes(), &limits(bytes.len() - 1));
        assert_eq!(too_long, Err(RequestError::HeadTooLarge));
        assert_eq!(RequestError::HeadTooLarge.status(), 431);
    }

    #[test]
    fn an_unfinished_head_beyond_the_bound_is_refused() {
        let mut bytes = b"GET / HTTP/1.1\r\nX: ".to_vec();
        bytes.resize(16 * 1024 - 1, b'x');
        assert_eq!(parse(&bytes), Ok(None));
        bytes.push(b'x');
        refused(bytes, RequestError::HeadTooLarge, 431);
    }

    #[test]
    fn more_headers_than_the_bound_are_refused() {
        for headers_max in [3, 100, 150] {
            let limits = HeadLimits { headers_max, ..HeadLimits::default() };
            let head = |headers: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(headers - 1));
            assert!(matches!(Request::parse(head(headers_max).as_bytes(), &limits), Ok(Some(_))));
            let refused = Request::parse(head(headers_max + 1).as_bytes(), &limits).map(|_| ());
            assert_eq!(refused, Err(RequestError::TooManyHeaders));
            assert_eq!(RequestError::TooManyHeaders.status(), 431);
        }
    }
}
