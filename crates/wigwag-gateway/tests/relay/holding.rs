//! The upstream is not there: clients wait, within bounds.

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use wigwag_gateway::{Failure, RelayConfig};

use super::support::*;

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}

fn holding(hold: Duration) -> RelayConfig {
    RelayConfig {
        hold,
        retry_min: Duration::from_millis(10),
        retry_max: Duration::from_millis(50),
        ..RelayConfig::default()
    }
}

#[test]
fn a_client_waits_for_an_upstream_that_comes_later_and_nothing_it_said_is_lost() {
    let address = nowhere();
    let rig = rig(address, holding(PATIENCE));
    let mut client = Peer::open(rig.address);
    client.text("first");
    client.send(0x02, b"in ");
    client.send(PING, b"alive?");
    assert_eq!(client.read(), (PONG, b"alive?".to_vec()));
    assert_eq!(rig.snapshot().holding, 1);
    let upstream = Upstream::at(address);
    let mut server = upstream.accept();
    assert_eq!(server.read_text(), "first");
    assert_eq!(server.read(), (0x02, b"in ".to_vec()));
    client.send(0x80, b"pieces");
    assert_eq!(server.read(), (0x80, b"pieces".to_vec()));
    server.text("answer");
    assert_eq!(client.read_text(), "answer");
    let snapshot = rig.snapshot();
    assert_eq!((snapshot.holding, snapshot.holds_total, snapshot.replays_total), (0, 1, 0));
    assert!(rig.failures(Failure::Unreachable) > 0);
}

#[test]
fn a_client_that_waited_long_enough_is_closed_with_1013_and_the_reason() {
    let rig = rig(nowhere(), holding(Duration::from_millis(100)));
    let mut client = Peer::open(rig.address);
    let (code, reason) = client.read_close();
    assert_eq!((code, reason.as_str()), (1013, "the upstream has not come back in time: it takes no connection"));
    drop(client);
    rig.assert_empty();
    assert_eq!(rig.failures(Failure::HoldTimeout), 1);
}

#[test]
fn a_client_that_says_too_much_meanwhile_is_closed_with_1013_and_the_reason() {
    let rig = rig(nowhere(), RelayConfig { hold_bytes_max: 1000, ..holding(PATIENCE) });
    let mut client = Peer::open(rig.address);
    client.send(BINARY, &[0; 900]);
    client.send(BINARY, &[0; 200]);
    let (code, reason) = client.read_close();
    assert!(code == 1013 && reason.contains("no more than 1000 bytes"), "{code} {reason}");
    drop(client);
    rig.assert_empty();
    assert_eq!(rig.failures(Failure::HoldFull), 1);
}

#[test]
fn without_a_hold_an_upstream_that_takes_no_connection_is_a_502() {
    let rig = rig(nowhere(), holding(Duration::ZERO));
    let (status, head, body) = Peer::asking(rig.address, "").read_refusal();
    assert_eq!(status, 502);
    assert_eq!(body, "the server behind this gateway cannot be reached: it takes no connection\n");
    assert!(head.contains("Retry-After: 5\r\n"), "{head}");
    rig.assert_empty();
}

#[test]
fn without_a_hold_an_upstream_that_does_not_answer_is_a_504() {
    let upstream = Upstream::new();
    let rig =
        rig(upstream.address, RelayConfig { connect_timeout: Duration::from_millis(50), ..holding(Duration::ZERO) });
    let (status, _, body) = Peer::asking(rig.address, "").read_refusal();
    assert!(status == 504 && body.contains("does not answer in time"), "{status} {body}");
    assert_eq!(rig.failures(Failure::Timeout), 1);
}

#[test]
fn a_client_that_offers_subprotocols_gets_its_101_only_from_the_upstream() {
    let address = nowhere();
    let rig = rig(address, holding(PATIENCE));
    let mut client = Peer::asking(rig.address, "Sec-WebSocket-Protocol: v2, v1\r\n");
    eventually("it waits", || rig.snapshot().holding == 1);
    assert!(client.is_silent());
    let upstream = Upstream::at(address);
    let (mut server, head) = upstream.accept_request();
    server.write(&accepting(&head, Some("v1"), ""));
    assert!(client.read_101().contains("Sec-WebSocket-Protocol: v1\r\n"));
    assert_eq!(rig.snapshot().holding, 0);
}

#[test]
fn a_client_that_offers_subprotocols_is_refused_when_it_waited_long_enough() {
    let rig = rig(nowhere(), holding(Duration::from_millis(100)));
    let began = Instant::now();
    let (status, _, body) = Peer::asking(rig.address, "Sec-WebSocket-Protocol: v1\r\n").read_refusal();
    assert!(status == 504 && body.contains("takes no connection"), "{status} {body}");
    assert!(began.elapsed() >= Duration::from_millis(100));
    rig.assert_empty();
}

#[test]
fn an_upstream_that_hangs_up_instead_of_answering_is_tried_again() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, holding(PATIENCE));
    let mut client = Peer::asking(rig.address, "");
    drop(upstream.accept_request());
    client.read_101();
    client.text("patience");
    assert_eq!(upstream.accept().read_text(), "patience");
    assert_eq!(rig.failures(Failure::Ended), 1);
}

#[test]
fn a_waiting_client_outlasts_a_503_but_not_a_403() {
    let address = nowhere();
    let rig = rig(address, holding(PATIENCE));
    let mut client = Peer::open(rig.address);
    let upstream = Upstream::at(address);
    upstream.accept_request().0.write(b"HTTP/1.1 503 Starting\r\nContent-Length: 0\r\n\r\n");
    upstream.accept_request().0.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_close(), (1014, "the upstream refuses the connection: 403 Forbidden".to_owned()));
}

#[test]
fn a_waiting_client_that_closes_is_answered_and_no_longer_waited_for() {
    let rig = rig(nowhere(), holding(PATIENCE));
    let mut client = Peer::open(rig.address);
    client.close(4000, "no patience");
    assert_eq!(client.read_close(), (4000, String::new()));
    client.assert_end();
    rig.assert_empty();
}

#[test]
fn a_waiting_client_that_vanishes_is_no_longer_waited_for() {
    let rig = rig(nowhere(), holding(PATIENCE));
    let open = Peer::open(rig.address);
    let asking = Peer::asking(rig.address, "Sec-WebSocket-Protocol: v1\r\n");
    eventually("both wait", || rig.snapshot().holding == 2);
    drop((open, asking));
    rig.assert_empty();
}

#[test]
fn a_drain_ends_every_wait() {
    let rig = rig(nowhere(), holding(PATIENCE));
    let mut open = Peer::open(rig.address);
    let mut asking = Peer::asking(rig.address, "Sec-WebSocket-Protocol: v1\r\n");
    eventually("both wait", || rig.snapshot().holding == 2);
    let Rig { gateway, server, .. } = rig;
    let draining = std::thread::spawn(move || server.drain(PATIENCE));
    assert_eq!(open.read_close().0, 1001);
    open.close(1001, "");
    let (status, ..) = asking.read_refusal();
    assert_eq!(status, 503);
    drop((open, asking));
    draining.join().expect("no panic");
    assert_eq!(gateway.snapshots()[0].holding, 0);
}
