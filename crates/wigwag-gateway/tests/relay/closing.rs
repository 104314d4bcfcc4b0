//! The end of a pair: codes and reasons pass, and last words come before it.

use std::time::{Duration, Instant};

use wigwag_gateway::{Failure, RelayConfig};

use super::support::*;

#[test]
fn a_clients_close_passes_with_code_and_reason_and_so_does_the_answer() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    client.close(4001, "enough");
    assert_eq!(server.read_close(), (4001, "enough".to_owned()));
    server.text("last words");
    server.close(4002, "agreed");
    assert_eq!(client.read_text(), "last words");
    assert_eq!(client.read_close(), (4002, "agreed".to_owned()));
    client.assert_end();
    server.assert_end();
    rig.assert_empty();
}

#[test]
fn an_upstreams_close_passes_with_code_and_reason_and_so_does_the_answer() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    server.close(4001, "enough");
    assert_eq!(client.read_close(), (4001, "enough".to_owned()));
    client.text("last words");
    client.close(4003, "so be it");
    assert_eq!(server.read_text(), "last words");
    assert_eq!(server.read_close(), (4003, "so be it".to_owned()));
    drop(server);
    client.assert_end();
    rig.assert_empty();
}

#[test]
fn a_close_without_a_code_passes_as_one() {
    for from_client in [true, false] {
        let (rig, _upstream, client, server) = pair(RelayConfig::default());
        let (mut from, mut to) = if from_client { (client, server) } else { (server, client) };
        from.send(CLOSE, b"");
        assert_eq!(to.read(), (CLOSE, vec![]));
        to.send(CLOSE, b"");
        assert_eq!(from.read(), (CLOSE, vec![]));
        drop((from, to));
        rig.assert_empty();
    }
}

#[test]
fn a_client_that_vanishes_is_no_1006_to_the_upstream() {
    let (rig, _upstream, client, mut server) = pair(RelayConfig::default());
    drop(client);
    assert_eq!(server.read_close(), (1001, "the client is gone".to_owned()));
    drop(server);
    rig.assert_empty();
}

#[test]
fn a_client_that_vanishes_in_the_middle_of_a_message_is_reported_all_the_same() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    client.send(0x01, b"half");
    assert_eq!(server.read(), (0x01, b"half".to_vec()));
    client.write(&[0x80, 0xff]);
    drop(client);
    assert_eq!(server.read_close().0, 1001);
    drop(server);
    rig.assert_empty();
}

#[test]
fn an_upstream_that_vanishes_is_a_1012_where_nothing_is_replayed() {
    let (rig, _upstream, mut client, server) = pair(RelayConfig::default());
    drop(server);
    assert_eq!(client.read_close(), (1012, "the upstream went away: connect again".to_owned()));
    client.close(1012, "");
    client.assert_end();
    rig.assert_empty();
    assert_eq!(rig.failures(Failure::Lost), 1);
}

#[test]
fn an_upstream_that_says_it_restarts_is_passed_on_where_nothing_is_replayed() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    server.close(1001, "the server is stopping");
    assert_eq!(client.read_close(), (1001, "the server is stopping".to_owned()));
}

#[test]
fn what_the_upstream_still_answers_reaches_a_client_that_broke_the_protocol_before_it_is_told() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    client.text("question");
    client.send(0x83, b"reserved opcode");
    assert_eq!(server.read_text(), "question");
    assert_eq!(server.read_close(), (1001, "the client broke the protocol".to_owned()));
    assert!(client.is_silent(), "not told yet");
    server.text("answer");
    server.close(1001, "");
    assert_eq!(client.read_text(), "answer");
    assert_eq!(client.read_close().0, 1002);
    client.assert_end();
    rig.assert_empty();
}

#[test]
fn a_client_that_broke_the_protocol_is_told_within_a_second_whatever_the_upstream_does() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    let began = Instant::now();
    client.send(TEXT, b"\xff");
    assert_eq!(client.read_close().0, 1007);
    assert!(began.elapsed() > Duration::from_millis(500), "the upstream had time: {:?}", began.elapsed());
    assert_eq!(server.read_close().0, 1001, "and none of the text");
}

#[test]
fn bad_text_fails_while_its_frame_is_unfinished() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    let frame = client.frame(TEXT, b"abc\xf4\x90\x80\x80 and more");
    client.write(&frame[..12]);
    assert_eq!(server.read_close().0, 1001);
    assert_eq!(client.read_close().0, 1007);
}

#[test]
fn what_the_client_still_says_reaches_an_upstream_that_broke_the_protocol_before_it_is_told() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    server.text("fine");
    server.send(0xc1, b"no extension was agreed");
    assert_eq!(client.read_text(), "fine");
    let (code, reason) = client.read_close();
    assert!(code == 1014 && reason.contains("broke the protocol"), "{code} {reason}");
    client.text("last words");
    client.close(1014, "");
    assert_eq!(server.read_text(), "last words");
    assert_eq!(server.read_close().0, 1002);
    drop(server);
    rig.assert_empty();
    assert_eq!(rig.failures(Failure::Protocol), 1);
}

#[test]
fn a_message_over_the_bound_fails_the_side_that_sent_it() {
    let messages = wigwag_proto::Config { message_bytes_max: 1000, ..wigwag_proto::Config::default() };
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig { messages, ..RelayConfig::default() });
    client.send(BINARY, &[0; 1001]);
    assert_eq!(server.read_close().0, 1001);
    server.close(1001, "");
    assert_eq!(client.read_close().0, 1009);
}

#[test]
fn an_upstream_that_does_not_answer_a_close_does_not_keep_the_client() {
    let messages = wigwag_proto::Config { close_timeout: Duration::from_millis(50), ..wigwag_proto::Config::default() };
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig { messages, ..RelayConfig::default() });
    client.close(1000, "");
    assert_eq!(server.read_close().0, 1000);
    assert_eq!(client.read_close().0, 1000, "its own code");
    client.assert_end();
    rig.assert_empty();
}

#[test]
fn a_drain_closes_both_sides() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    let draining = std::thread::spawn(move || rig.server.drain(PATIENCE));
    assert_eq!(client.read_close(), (1001, "the gateway is stopping".to_owned()));
    client.close(1001, "");
    assert_eq!(server.read_close().0, 1001);
    server.close(1001, "");
    drop((client, server));
    assert_eq!(draining.join().expect("no panic").cut, 0);
}
