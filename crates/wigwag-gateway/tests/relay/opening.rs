//! The opening handshake: the upstream is asked first, and its answer is the client's.

use std::time::{Duration, Instant};

use wigwag_gateway::{Failure, Gateway, RelayConfig, RelayError, Replay, ReplayRule, UpstreamHealth, UpstreamState};
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
    let health = gateway.check_upstreams(PATIENCE, ANEW).remove(0);
    assert_eq!(health.state, UpstreamState::LeadsBack, "{health:?}");
    assert_eq!(health.detail, "leads back to this gateway");
}

#[test]
fn an_upstream_that_leads_back_by_a_detour_is_known() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let detour = rig_to(&format!("ws://{address}/ws"), RelayConfig::default());
    let gateway = Gateway::new();
    let url = format!("ws://{}/ws", detour.address);
    let relay = gateway.relay("/ws", url.parse().expect("a URL"), RelayConfig::default()).expect("a relay");
    let _server = Server::builder().route("/ws", relay).bind(address).expect("still free").start().expect("workers");
    let health = gateway.check_upstreams(PATIENCE, ANEW).remove(0);
    assert_eq!(health.state, UpstreamState::LeadsBack, "{health:?}");
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
    let checking = check_in_background(&rig);
    let (mut server, head) = upstream.accept_request();
    assert!(head.contains("Via: 1.1 wigwag-"), "{head}");
    server.write(&accepting(&head, None, ""));
    assert_eq!(server.read_close().0, 1000);
    let health = checking.join().expect("no panic");
    assert_eq!((health.state, health.paths.clone()), (UpstreamState::Answers, vec!["/ws".to_owned()]));
    assert!(health.detail.starts_with("101 in "), "{health:?}");
    assert_eq!(rig.gateway.check_upstreams(PATIENCE, PATIENCE), [health], "what is known already");
    assert!(upstream.is_left_alone());
    drop(upstream);
    let health = rig.gateway.check_upstreams(PATIENCE, ANEW).remove(0);
    assert_eq!(health.state, UpstreamState::Silent);
    assert!(health.detail.contains("cannot connect"), "{health:?}");
}

#[test]
fn who_asks_meanwhile_waits_for_the_same_answer() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let ask = || {
        let gateway = rig.gateway.clone();
        std::thread::spawn(move || gateway.check_upstreams(PATIENCE, PATIENCE))
    };
    let asking: Vec<_> = (0..4).map(|_| ask()).collect();
    drop(upstream.accept());
    let answers: Vec<_> = asking.into_iter().map(|asking| asking.join().expect("no panic")).collect();
    assert!(answers[0][0].state.answers() && answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(upstream.is_left_alone());
}

#[test]
fn an_upstream_with_a_relayed_connection_is_not_asked() {
    let (rig, upstream, _client, _server) = pair(RelayConfig::default());
    let health = rig.gateway.check_upstreams(PATIENCE, ANEW).remove(0);
    assert_eq!((health.state, health.detail.as_str()), (UpstreamState::Answers, "1 connection is open"));
    assert!(upstream.is_left_alone());
}

#[test]
fn an_upstream_that_a_client_was_relayed_to_not_long_ago_is_not_asked() {
    let (rig, upstream, mut client, mut server) = pair(RelayConfig::default());
    client.close(1000, "");
    assert_eq!(server.read_close().0, 1000);
    server.close(1000, "");
    rig.assert_empty();
    let health = rig.gateway.check_upstreams(PATIENCE, PATIENCE).remove(0);
    assert_eq!(health.state, UpstreamState::Answers, "{health:?}");
    assert!(upstream.is_left_alone());
    drop(upstream);
    assert_eq!(rig.gateway.check_upstreams(PATIENCE, ANEW).remove(0).state, UpstreamState::Silent);
}

#[test]
fn paths_of_one_upstream_are_named_together() {
    let gateway = Gateway::new();
    let relay = |path: &str, url: &str| {
        let relay = gateway.relay(path, url.parse().expect("a URL"), RelayConfig::default());
        drop(relay.expect("a relay"));
    };
    relay("/ws", "ws://127.0.0.1:1/letters");
    relay("/echo", "ws://127.0.0.1:1/echo");
    relay("/letters", "ws://127.0.0.1:1/letters");
    let health = gateway.check_upstreams(PATIENCE, ANEW);
    let paths: Vec<_> = health.iter().map(|one| (one.upstream.as_str(), one.paths.join(" "))).collect();
    let letters = ("ws://127.0.0.1:1/letters", "/letters /ws".to_owned());
    assert_eq!(paths, [letters, ("ws://127.0.0.1:1/echo", "/echo".to_owned())]);
    assert_eq!(health[0].detail, "the gateway does not run yet");
}

#[test]
fn a_silent_upstream_is_not_healthy() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let began = Instant::now();
    let health = rig.gateway.check_upstreams(Duration::from_millis(50), ANEW).remove(0);
    assert!(health.state == UpstreamState::Silent && health.detail.contains("no answer"), "{health:?}");
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn an_upstream_that_refuses_who_asks_is_healthy_and_one_without_a_websocket_is_not() {
    let refused = |answer: &[u8]| {
        let upstream = Upstream::new();
        let rig = rig(upstream.address, RelayConfig::default());
        let checking = check_in_background(&rig);
        upstream.accept_request().0.write(answer);
        let health = checking.join().expect("no panic");
        (health.state, health.detail)
    };
    let (state, detail) = refused(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    assert!(state == UpstreamState::Answers && detail.starts_with("403 in "), "{state:?} {detail}");
    let (state, detail) = refused(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(state, UpstreamState::Refuses);
    assert_eq!(detail, "404 Not Found: no WebSocket is under this path");
    let (state, detail) = refused(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((state, detail.as_str()), (UpstreamState::Refuses, "503 Busy"));
}

/// Asks after the health of the one upstream, which the test plays meanwhile.
fn check_in_background(rig: &Rig) -> std::thread::JoinHandle<UpstreamHealth> {
    let gateway = rig.gateway.clone();
    std::thread::spawn(move || gateway.check_upstreams(PATIENCE, ANEW).remove(0))
}

/// How old an answer may be that is not to be taken from memory.
const ANEW: Duration = Duration::ZERO;

#[test]
fn a_configuration_that_cannot_be_followed_is_refused() {
    let relay = |config| Gateway::new().relay("/ws", "ws://127.0.0.1:1/".parse().expect("a URL"), config).map(drop);
    let no_key = RelayConfig { replay: Replay::Compacted(ReplayRule::default()), ..RelayConfig::default() };
    assert!(matches!(relay(no_key), Err(RelayError::NoKey)));
    let header = RelayConfig { pass_headers: vec!["Host".to_owned()], ..RelayConfig::default() };
    assert!(matches!(relay(header), Err(RelayError::Header { .. })));
}
