//! The opening handshake: the upstream is asked first, and its answer is the client's.

use std::time::{Duration, Instant};

use wigwag_gateway::{Failure, Gateway, RelayConfig, RelayError, Replay, ReplayRule};
use wigwag_server::Server;

use super::support::*;

#[test]
fn the_client_is_answered_when_the_upstream_has_answered() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let mut client = Peer::asking(rig.address, "");
    let (mut server, head) = upstream.accept_request();
    assert!(client.is_silent(), "no answer before the upstream's");
    server.write(&accepting(&head, None, ""));
    client.read_101();
}

#[test]
fn the_subprotocol_is_agreed_on_end_to_end() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let mut client = Peer::asking(rig.address, "Sec-WebSocket-Protocol: v3, v2\r\nSec-WebSocket-Protocol: v1\r\n");
    let (mut server, head) = upstream.accept_request();
    assert!(head.contains("Sec-WebSocket-Protocol: v3, v2, v1\r\n"), "{head}");
    server.write(&accepting(&head, Some("v2"), ""));
    let answer = client.read_101();
    assert!(answer.contains("Sec-WebSocket-Protocol: v2\r\n"), "{answer}");
}

#[test]
fn target_query_and_headers_are_those_of_the_relay() {
    let upstream = Upstream::new();
    let config = RelayConfig { pass_headers: vec!["origin".to_owned(), "x-room".to_owned()], ..RelayConfig::default() };
    let rig = rig_to(&format!("ws://{}/up?key=1", upstream.address), config);
    let extra = "Origin: http://localhost:5173\r\nX-Room: 7\r\nCookie: secret\r\nConnection: keep-alive\r\n";
    let mut client = Peer::asking_for(rig.address, "/ws?name=a%20b&x=?", extra);
    let (mut server, head) = upstream.accept_request();
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], "GET /up?key=1&name=a%20b&x=? HTTP/1.1");
    let host = format!("Host: {}", upstream.address);
    for line in [
        &host,
        "Origin: http://localhost:5173",
        "X-Room: 7",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: localhost",
    ] {
        assert!(lines.contains(&line.to_owned().as_str()), "{line} in {head}");
    }
    assert!(!head.contains("secret") && !head.contains("keep-alive"), "{head}");
    server.write(&accepting(&head, None, "Set-Cookie: a=b\r\n"));
    assert!(!client.read_101().contains("Set-Cookie"), "cookies pass neither way unless asked for");
}

#[test]
fn cookies_pass_both_ways_when_asked_for() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig { pass_cookies: true, ..RelayConfig::default() });
    let mut client = Peer::asking(rig.address, "Cookie: a=b\r\n");
    let (mut server, head) = upstream.accept_request();
    assert!(head.contains("Cookie: a=b\r\n"), "{head}");
    server.write(&accepting(&head, None, "Set-Cookie: c=d; Path=/\r\nset-cookie: e=f\r\n"));
    let answer = client.read_101();
    assert!(answer.contains("Set-Cookie: c=d; Path=/\r\nSet-Cookie: e=f\r\n"), "{answer}");
}

#[test]
fn a_refusal_is_passed_on_with_status_headers_and_body() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let mut client = Peer::asking(rig.address, "");
    let (mut server, _) = upstream.accept_request();
    server.write(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 12\r\n");
    server.write(b"Content-Type: application/json\r\nServer: secret\r\n\r\n{\"who");
    assert!(client.is_silent(), "the body is not there");
    server.write(b"\": \"?\"}");
    let (status, head, body) = client.read_refusal();
    assert_eq!((status, body.as_str()), (401, "{\"who\": \"?\"}\n"));
    assert!(
        head.contains("WWW-Authenticate: Bearer\r\n") && head.contains("Content-Type: application/json\r\n"),
        "{head}"
    );
    assert!(!head.contains("secret"), "{head}");
    assert_eq!(rig.failures(Failure::Refused), 1);
    rig.assert_empty();
}

#[test]
fn a_503_to_the_first_attempt_is_a_refusal_like_any_other() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let mut client = Peer::asking(rig.address, "");
    upstream.accept_request().0.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n");
    let (status, head, body) = client.read_refusal();
    assert_eq!((status, body.as_str()), (503, "refused: 503 Busy\n"));
    assert!(head.contains("Retry-After: 9\r\n"), "{head}");
}

#[test]
fn what_is_no_handshake_is_a_bad_gateway() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let mut client = Peer::asking(rig.address, "");
    upstream.accept_request().0.write(b"SSH-2.0-nonsense\r\n\r\n");
    let (status, _, body) = client.read_refusal();
    assert!(status == 502 && body.contains("no WebSocket handshake"), "{status} {body}");
    assert_eq!(rig.failures(Failure::Invalid), 1);
}

#[test]
fn a_client_that_leaves_before_the_answer_takes_its_attempt_along() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let client = Peer::asking(rig.address, "");
    let (mut server, _) = upstream.accept_request();
    drop(client);
    server.assert_end();
    rig.assert_empty();
}

#[test]
fn a_gateway_refuses_to_relay_to_itself() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let gateway = Gateway::new();
    let url = format!("ws://{address}/ws");
    let relay = gateway.relay("/ws", url.parse().expect("a URL"), RelayConfig::default()).expect("a relay");
    let _server = Server::builder().route("/ws", relay).bind(address).expect("still free").start().expect("workers");
    let (status, _, body) = Peer::asking(address, "").read_refusal();
    assert!(status == 508 && body.contains("leads back here"), "{status} {body}");
    let failures = gateway.snapshots().remove(0).failures;
    assert!(failures.contains(&(Failure::Loop, 1)), "{failures:?}");
}

#[test]
fn two_gateways_in_a_row_relay() {
    let upstream = Upstream::new();
    let inner = rig(upstream.address, RelayConfig::default());
    let outer = rig_to(&format!("ws://{}/ws", inner.address), RelayConfig::default());
    let mut client = Peer::asking(outer.address, "");
    let (mut server, head) = upstream.accept_request();
    assert!(head.contains("X-Forwarded-For: 127.0.0.1, 127.0.0.1\r\n"), "{head}");
    assert_eq!(head.matches("1.1 wigwag-").count(), 2, "{head}");
    server.write(&accepting(&head, None, ""));
    client.read_101();
    client.text("through both");
    assert_eq!(server.read_text(), "through both");
    client.close(4000, "bye");
    assert_eq!(server.read_close(), (4000, "bye".to_owned()));
    server.close(4000, "");
    assert_eq!(client.read_close().0, 4000);
}

#[test]
fn an_upstream_by_name_is_found() {
    let upstream = Upstream::new();
    let rig = rig_to(&format!("ws://localhost:{}/up", upstream.address.port()), RelayConfig::default());
    let mut client = Peer::asking(rig.address, "");
    let (mut server, head) = upstream.accept_request();
    assert!(head.contains(&format!("Host: localhost:{}\r\n", upstream.address.port())), "{head}");
    server.write(&accepting(&head, None, ""));
    client.read_101();
}

#[test]
fn the_health_of_upstreams_is_what_a_handshake_says() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let check = |rig: &Rig| rig.gateway.check_upstreams(PATIENCE).remove(0);
    let gateway = rig.gateway.clone();
    let checking = std::thread::spawn(move || gateway.check_upstreams(PATIENCE).remove(0));
    let mut server = upstream.accept();
    assert_eq!(server.read_close().0, 1000);
    let health = checking.join().expect("no panic");
    assert!(health.answers && health.detail.starts_with("101 in "), "{health:?}");
    assert_eq!(check(&rig), health, "for a second");
    drop(upstream);
    eventually("it is asked again", || !check(&rig).answers);
    assert!(check(&rig).detail.contains("cannot connect"), "{:?}", check(&rig));
}

#[test]
fn a_silent_upstream_is_not_healthy_and_a_refusing_one_is() {
    let upstream = Upstream::new();
    let silent = rig(upstream.address, RelayConfig::default());
    let began = Instant::now();
    let health = silent.gateway.check_upstreams(Duration::from_millis(50)).remove(0);
    assert!(!health.answers && health.detail.contains("no answer"), "{health:?}");
    assert!(began.elapsed() < PATIENCE);
    let refusing = rig(upstream.address, RelayConfig::default());
    let gateway = refusing.gateway.clone();
    let checking = std::thread::spawn(move || gateway.check_upstreams(PATIENCE).remove(0));
    drop(upstream.accept_raw()); // the silent one's
    upstream.accept_request().0.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let health = checking.join().expect("no panic");
    assert!(health.answers && health.detail.starts_with("403 in "), "{health:?}");
}

#[test]
fn a_configuration_that_cannot_be_followed_is_refused() {
    let relay = |config| Gateway::new().relay("/ws", "ws://127.0.0.1:1/".parse().expect("a URL"), config).map(drop);
    let no_key = RelayConfig { replay: Replay::Compacted(ReplayRule::default()), ..RelayConfig::default() };
    assert!(matches!(relay(no_key), Err(RelayError::NoKey)));
    let header = RelayConfig { pass_headers: vec!["Host".to_owned()], ..RelayConfig::default() };
    assert!(matches!(relay(header), Err(RelayError::Header { .. })));
}
