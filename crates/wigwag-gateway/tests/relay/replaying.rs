//! The upstream goes away under its clients and comes back: what was said to it is said again.

use std::time::Duration;

use wigwag_gateway::{Failure, Others, RelayConfig, Replay, ReplayRule};

use super::support::*;

fn replaying(replay: Replay) -> RelayConfig {
    RelayConfig {
        replay,
        retry_min: Duration::from_millis(10),
        retry_max: Duration::from_millis(50),
        ..RelayConfig::default()
    }
}

fn everything() -> RelayConfig {
    replaying(Replay::Everything)
}

fn letters() -> RelayConfig {
    replaying(Replay::Compacted(ReplayRule {
        key: vec!["letter".to_owned()],
        cancel: [("action".to_owned(), "unsubscribe".to_owned())].into(),
        ignore_case: true,
        others: Others::Forget,
    }))
}

#[test]
fn a_new_upstream_is_told_all_that_the_client_said_in_its_order() {
    let (rig, upstream, mut client, mut server) = pair(everything());
    client.text("one");
    client.send(BINARY, b"two");
    client.send(0x01, b"thr");
    for expected in [(TEXT, b"one".to_vec()), (BINARY, b"two".to_vec()), (0x01, b"thr".to_vec())] {
        assert_eq!(server.read(), expected);
    }
    drop(server);
    let mut next = upstream.accept();
    for expected in [(TEXT, b"one".to_vec()), (BINARY, b"two".to_vec()), (0x01, b"thr".to_vec())] {
        assert_eq!(next.read(), expected);
    }
    client.send(0x80, b"ee");
    assert_eq!(next.read(), (0x80, b"ee".to_vec()));
    next.text("the client is still there");
    assert_eq!(client.read_text(), "the client is still there");
    let snapshot = rig.snapshot();
    assert_eq!((snapshot.replays_total, snapshot.holds_total, snapshot.holding), (1, 1, 0));
    assert_eq!(snapshot.upstream_connections, 1);
}

#[test]
fn what_is_said_while_the_upstream_is_away_follows_the_replay_and_is_part_of_the_next() {
    let (_rig, upstream, mut client, server) = pair(everything());
    let address = upstream.address;
    client.text("before");
    drop((server, upstream));
    client.text("meanwhile");
    let upstream = Upstream::at(address);
    let mut next = upstream.accept();
    assert_eq!((next.read_text(), next.read_text()), ("before".to_owned(), "meanwhile".to_owned()));
    client.text("after");
    assert_eq!(next.read_text(), "after");
    drop(next);
    let mut last = upstream.accept();
    for expected in ["before", "meanwhile", "after"] {
        assert_eq!(last.read_text(), expected);
    }
}

#[test]
fn a_restart_that_is_announced_is_answered_and_kept_from_the_client() {
    for code in [1001, 1012] {
        let (_rig, upstream, mut client, mut server) = pair(everything());
        client.text("hello");
        assert_eq!(server.read_text(), "hello");
        server.close(code, "restarting");
        assert_eq!(server.read_close().0, code);
        drop(server);
        assert_eq!(upstream.accept().read_text(), "hello");
        assert!(client.is_silent());
    }
}

#[test]
fn an_end_that_is_no_restart_is_passed_on_all_the_same() {
    let (_rig, upstream, mut client, mut server) = pair(everything());
    server.close(1000, "done");
    assert_eq!(client.read_close(), (1000, "done".to_owned()));
    client.close(1000, "");
    assert_eq!(server.read_close().0, 1000);
    assert!(upstream.is_left_alone());
}

#[test]
fn letters_replays_present_subscriptions_and_nothing_else() {
    let (_rig, upstream, mut client, mut server) = pair(letters());
    let say = |action: &str, letter: &str| format!(r#"{{"action": "{action}", "letter": "{letter}"}}"#);
    let said = [say("subscribe", "a"), say("subscribe", "B"), say("unsubscribe", "A"), say("subscribe", "c")];
    for text in &said {
        client.text(text);
        assert_eq!(server.read_text(), *text);
    }
    client.text("what is this?");
    assert_eq!(server.read_text(), "what is this?");
    drop(server);
    let mut next = upstream.accept();
    assert_eq!((next.read_text(), next.read_text()), (said[1].clone(), said[3].clone()));
    client.text("next");
    assert_eq!(next.read_text(), "next");
}

#[test]
fn more_than_is_remembered_is_a_1012_when_the_upstream_goes() {
    let (rig, upstream, mut client, mut server) = pair(everything());
    for _ in 0..70 {
        client.send(BINARY, &[7; 1000]);
        assert_eq!(server.read().1.len(), 1000);
    }
    server.text("still there");
    assert_eq!(client.read_text(), "still there");
    drop(server);
    let (code, reason) = client.read_close();
    assert!(code == 1012 && reason.contains("too much was said"), "{code} {reason}");
    assert!(upstream.is_left_alone());
    assert_eq!(rig.failures(Failure::ReplayTooBig), 1);
}

#[test]
fn half_a_message_that_the_client_has_can_be_finished_by_no_other_upstream() {
    let (_rig, upstream, mut client, mut server) = pair(everything());
    server.send(0x01, b"half");
    assert_eq!(client.read(), (0x01, b"half".to_vec()));
    drop(server);
    let (code, reason) = client.read_close();
    assert!(code == 1012 && reason.contains("middle of a message"), "{code} {reason}");
    assert!(upstream.is_left_alone());
}

#[test]
fn an_upstream_that_stays_away_is_a_1013() {
    let (rig, upstream, mut client, server) = pair(RelayConfig { hold: Duration::from_millis(100), ..everything() });
    drop((server, upstream));
    let (code, reason) = client.read_close();
    assert!(code == 1013 && reason.contains("has not come back in time"), "{code} {reason}");
    drop(client);
    rig.assert_empty();
}

#[test]
fn the_subprotocol_stays_what_the_client_was_promised() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, everything());
    let mut client = Peer::asking(rig.address, "Sec-WebSocket-Protocol: v2, v1\r\n");
    let (mut server, head) = upstream.accept_request();
    server.write(&accepting(&head, Some("v1"), ""));
    client.read_101();
    drop(server);
    let (mut server, head) = upstream.accept_request();
    assert!(head.contains("Sec-WebSocket-Protocol: v1\r\n"), "{head}");
    server.write(&accepting(&head, Some("v1"), ""));
    client.text("as before");
    assert_eq!(server.read_text(), "as before");
    drop(server);
    let (mut server, head) = upstream.accept_request();
    server.write(&accepting(&head, None, ""));
    let (code, reason) = client.read_close();
    assert!(code == 1014 && reason.contains("another subprotocol"), "{code} {reason}");
}

#[test]
fn a_hundred_clients_outlast_a_restart() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, letters());
    let mut clients = Vec::new();
    let mut servers = Vec::new();
    for number in 0..100 {
        let mut client = Peer::asking(rig.address, "");
        let mut server = upstream.accept();
        client.read_101();
        let text = format!(r#"{{"action":"subscribe","letter":"{number}"}}"#);
        client.text(&text);
        assert_eq!(server.read_text(), text);
        clients.push(client);
        servers.push(server);
    }
    drop(servers);
    let mut servers: Vec<Peer> = (0..100).map(|_| upstream.accept()).collect();
    for server in &mut servers {
        let text = server.read_text();
        server.text(&text);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_text(), format!(r#"{{"action":"subscribe","letter":"{number}"}}"#));
    }
    assert_eq!(rig.snapshot().replays_total, 100);
}

#[test]
fn an_upstream_that_comes_and_goes_is_given_up_in_the_end() {
    let (_rig, upstream, mut client, server) =
        pair(RelayConfig { retry_max: Duration::from_millis(200), ..everything() });
    drop(server);
    let coming = std::thread::spawn(move || {
        let mut times = 0;
        while times < 100
            && let Some(mut server) = upstream.accept_within(Duration::from_secs(2))
        {
            let head = server.read_head();
            server.write(&accepting(&head, None, ""));
            times += 1;
        }
        times
    });
    assert_eq!(client.read_close(), (1013, "the upstream comes and goes".to_owned()));
    let times = coming.join().expect("no panic");
    assert!((10..100).contains(&times), "{times} times");
}

#[test]
fn a_client_that_a_slow_upstream_stopped_goes_on_when_that_is_replaced() {
    let (_rig, upstream, client, mut server) = pair(RelayConfig { hold_bytes_max: 64 << 20, ..letters() });
    let text = format!(r#"{{"letter": "a", "padding": "{}"}}"#, "x".repeat(1000));
    let total = (16 << 20) / text.len();
    let frame = client.frame(TEXT, text.as_bytes());
    let mut writer = client.stream.try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || {
        for _ in 0..total {
            std::io::Write::write_all(&mut writer, &frame).expect("a gateway that reads again");
        }
    });
    assert_eq!(server.read_text(), text);
    // It reads no more: the client is stopped, long before it is done.
    eventually("the client is stopped", || {
        let written = writing.is_finished();
        std::thread::park_timeout(Duration::from_millis(300));
        assert!(!written, "everything was taken, although nobody reads");
        true
    });
    drop(server);
    let mut next = upstream.accept();
    assert_eq!(next.read_text(), text);
    let reading = std::thread::spawn(move || while next.read().1 != b"done" {});
    writing.join().expect("all is taken");
    let mut client = client;
    client.text("done");
    reading.join().expect("all has arrived");
}
