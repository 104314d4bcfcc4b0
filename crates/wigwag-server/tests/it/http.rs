//! HTTP on the same port: what is answered, what is refused, and when the connection ends.

use std::{
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    routing::{get as on_get, post},
};
use wigwag_server::{Builder, HttpLimits};

use crate::support::{Wire, ask, builder, get, handshake, start, start_with, text_frame};

fn with_pages() -> Builder {
    let pages = Router::new()
        .route("/", on_get(async || ([("content-type", "text/html")], "<p>hello</p>")))
        .route("/upload", post(async |body: String| body.len().to_string()))
        .route("/slow", on_get(async || std::future::pending::<()>().await));
    builder().pages(pages)
}

#[test]
fn probes_and_pages_are_answered_with_security_headers() {
    let (_server, address) = start_with(with_pages());
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n"), ("/", "<p>hello</p>"), ("/?q", "<p>hello</p>")] {
        let response = get(address, path);
        assert_eq!((response.status, response.body.as_str()), (200, body), "{path}");
        assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"), "{path}");
        let policy = response.header("Content-Security-Policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors"), "{path}: {policy}");
    }
}

#[test]
fn a_connection_is_kept_alive_and_pipelined_requests_are_answered_in_order() {
    let (_server, address) = start_with(with_pages());
    let mut wire = Wire::connect(address);
    for _ in 0..3 {
        assert_eq!(wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response().body, "ok\n");
    }
    let pair = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    wire.send(pair);
    assert_eq!([wire.response().body, wire.response().body], ["ok\n", "<p>hello</p>"]);
    // A head that comes in pieces.
    wire.send("GET /healthz HT").send("TP/1.1\r\nHost: loc").send("alhost\r\n\r").send("\n");
    assert_eq!(wire.response().body, "ok\n");
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let (_server, address) = start_with(with_pages());
    let mut wire = Wire::connect(address);
    for (path, length) in [("/healthz", "3"), ("/", "12")] {
        let response = wire.send(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).head();
        assert_eq!((response.status, response.header("Content-Length")), (200, Some(length)), "{path}");
    }
    assert_eq!(wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response().body, "ok\n");
}

#[test]
fn what_is_not_there_says_so_as_json_or_html() {
    let (_server, address) = start();
    let with = |path: &str, accept: &str| {
        ask(address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"))
    };
    let json = with("/nothing", "*/*");
    assert_eq!((json.status, json.header("Content-Type")), (404, Some("application/json")));
    assert!(json.body.contains(r#""error":"not_found""#), "{}", json.body);
    let html = with("/nothing", "text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!((html.status, html.header("Content-Type")), (404, Some("text/html; charset=utf-8")));
    assert!(html.body.starts_with("<!doctype html>"), "{}", html.body);
    assert_eq!(with("/nothing", "application/json, text/html").header("Content-Type"), Some("application/json"));
}

#[test]
fn the_wrong_method_is_told_the_right_ones() {
    let (_server, address) = start_with(with_pages());
    for (method, path, allowed) in [
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/metrics", "GET, HEAD"),
        ("PUT", "/", "GET,HEAD"),
        ("PUT", "/echo", "GET"),
    ] {
        let response = ask(address, format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!((response.status, response.header("Allow")), (405, Some(allowed)), "{method} {path}");
    }
}

#[test]
fn a_plain_get_of_a_service_is_told_to_upgrade() {
    let (_server, address) = start();
    for path in ["/echo", "/", "/metrics/live"] {
        let response = get(address, path);
        assert_eq!((response.status, response.header("Upgrade")), (426, Some("websocket")), "{path}");
        assert!(response.body.contains("ws://"), "{}", response.body);
    }
}

#[test]
fn a_foreign_host_is_refused_on_loopback() {
    let (_server, address) = start_with(with_pages());
    let response = ask(address, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert_eq!(response.status, 403);
    assert!(response.body.contains("--allow-host evil.example"), "{}", response.body);
    // Nor later on a connection that began well.
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").response().status, 200);
    assert_eq!(wire.send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").response().status, 403);
    assert!(wire.is_ended());
}

/// Requests that two readers could understand differently, and the status that answers them.
const AMBIGUOUS: &[(&str, u16)] = &[
    ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +3\r\n\r\nabc", 400),
    ("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nX : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x01b\r\n\r\n", 400),
    ("GET / HTTP/1.1\nHost: localhost\n\n", 400),
    ("GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("GET nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("GET http://other.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
];

#[test]
fn an_ambiguous_request_is_refused_and_nothing_after_it_is_read() {
    let (_server, address) = start_with(with_pages());
    let first = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let smuggled = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (request, status) in AMBIGUOUS {
        for before in ["", first] {
            let mut wire = Wire::connect(address);
            wire.send(format!("{before}{request}{smuggled}"));
            if !before.is_empty() {
                assert_eq!(wire.response().status, 200, "before {request:?}");
            }
            assert_eq!(wire.response().status, *status, "{request:?} after {before:?}");
            assert!(wire.is_ended(), "{request:?} after {before:?}");
        }
    }
}

#[test]
fn a_head_that_is_too_large_is_refused_also_later_on() {
    let (_server, address) = start();
    let large = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(ask(address, &large).status, 431);
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response().status, 200);
    assert_eq!(wire.send(&large).response().status, 431);
    assert!(wire.is_ended());
}

#[test]
fn a_body_is_read_and_its_connection_ends_with_the_answer() {
    let (_server, address) = start_with(with_pages());
    let chunked = "POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let sized = "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde";
    for request in [chunked, sized] {
        let mut wire = Wire::connect(address);
        let response = wire.send(format!("{request}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).response();
        assert_eq!((response.status, response.body.as_str()), (200, "5"), "{request:?}");
        assert_eq!(response.header("Connection"), Some("close"));
        assert!(wire.is_ended(), "{request:?}");
    }
}

#[test]
fn a_body_over_the_bound_is_refused() {
    let limits = HttpLimits { body_bytes_max: 4, ..HttpLimits::default() };
    let (_server, address) = start_with(with_pages().http_limits(limits));
    let chunked =
        "POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
    let sized = "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde";
    for request in [chunked, sized] {
        assert_eq!(ask(address, request).status, 413, "{request:?}");
    }
    assert_eq!(ask(address, "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd").body, "4");
}

#[test]
fn a_later_request_for_a_websocket_goes_back_to_the_workers() {
    let (_server, address) = start_with(with_pages());
    let plain = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send(plain).response().status, 200);
    assert_eq!(wire.send(handshake("/echo", "")).head().status, 101);
    assert_eq!(wire.send(text_frame("back")).text(), "back");
    // All at once, with a frame glued to it.
    let mut glued = format!("{plain}{}", handshake("/echo", "")).into_bytes();
    glued.extend(text_frame("glued"));
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send(glued).response().status, 200);
    assert_eq!(wire.head().status, 101);
    assert_eq!(wire.text(), "glued");
    // It is judged there as any other.
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send(plain).response().status, 200);
    let foreign = handshake("/echo", "Origin: https://evil.example\r\n");
    assert_eq!(wire.send(foreign).response().status, 403);
    assert!(wire.is_ended());
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answer() {
    let (_server, address) = start();
    let mut wire = Wire::connect(address);
    wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wire.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(wire.response().body, "ok\n");
    assert!(wire.is_ended());
}

#[test]
fn slow_heads_and_slow_answers_are_cut() {
    let short = Duration::from_millis(50);
    let limits = HttpLimits { head_timeout: short, request_timeout: short, ..HttpLimits::default() };
    let (_server, address) = start_with(with_pages().http_limits(limits));
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response().status, 200);
    assert!(wire.send("GET /healthz HTTP/1.1\r\nHost").is_ended());
    assert_eq!(get(address, "/slow").status, 503);
}

#[test]
fn a_first_head_is_cut_in_time_by_the_workers() {
    let limits = wigwag_net::Limits { handshake_timeout: Duration::from_millis(50), ..Default::default() };
    let (_server, address) = start_with(builder().limits(limits));
    assert!(Wire::connect(address).send("GET /healthz HTTP/1.1\r\nHost").is_ended());
}

#[test]
fn connections_over_the_bound_are_told_to_come_later() {
    let limits = HttpLimits { connections_max: 1, ..HttpLimits::default() };
    let (_server, address) = start_with(with_pages().http_limits(limits));
    let mut first = Wire::connect(address);
    assert_eq!(first.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response().status, 200);
    let second = get(address, "/healthz");
    assert_eq!((second.status, second.header("Retry-After")), (503, Some("5")));
    // WebSocket has bounds of its own.
    assert_eq!(Wire::connect(address).send(handshake("/echo", "")).head().status, 101);
}

#[test]
fn metrics_move_to_an_address_of_their_own() {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let (server, address) = start_with(builder().metrics_listen(free));
    let metrics = server.metrics_addrs()[0];
    assert_eq!(get(metrics, "/metrics").status, 200);
    assert_eq!(get(metrics, "/readyz").status, 200);
    assert_eq!(get(address, "/metrics").status, 404);
    assert_eq!(get(metrics, "/").status, 404);
    assert_eq!(ask(metrics, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 403);
    assert_eq!(ask(metrics, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n").status, 400);
    assert_eq!(ask(metrics, handshake("/echo", "")).status, 404);
}
