//! RFC 6455 §5.5.1, §7: the closing handshake.

use std::time::Duration;

use wigwag_proto::{CloseCode, Config, Event, Message, ProtocolError, SendError, close::InvalidClose, frame::Opcode};

use super::support::*;

#[test]
fn every_valid_code_is_reported_and_echoed() {
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        let mut server = Endpoint::server();
        assert_eq!(server.read(&masked(0x88, &close_payload(code, "bye"))), [closed(code, "bye")]);
        let frames = server.write_frames();
        assert!(frames.len() == 1 && frames[0].is(Opcode::Close, &code.to_be_bytes()), "{frames:?}");
        assert!(server.connection.is_done() && server.connection.is_clean());
        assert_eq!(server.connection.close_reason().and_then(|reason| reason.code), CloseCode::new(code));
    }
}

#[test]
fn every_invalid_code_fails_with_1002() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let error = ProtocolError::InvalidClose(InvalidClose::Code(code));
        assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
        check_server_fails(&masked(0x88, &close_payload(code, "")), error);
    }
}

#[test]
fn a_payload_of_one_byte_fails() {
    check_server_fails(&masked(0x88, &[3]), InvalidClose::Length.into());
}

#[test]
fn a_reason_that_is_not_utf8_fails_with_1007() {
    let error = ProtocolError::InvalidClose(InvalidClose::Utf8);
    assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
    check_server_fails(&masked(0x88, b"\x03\xe8\xce\xba\xe1"), error);
}

#[test]
fn an_empty_close_is_answered_by_an_empty_one() {
    let mut server = Endpoint::server();
    assert_eq!(server.read(&masked(0x88, b"")), [Event::Close(Default::default())]);
    assert!(server.write_frames()[0].is(Opcode::Close, b""));
}

#[test]
fn a_peer_that_takes_nothing_more_is_still_heard() {
    let mut client = Endpoint::client();
    client.connection.send(Message::Text("never read"), &mut client.context).expect("open");
    assert!(client.connection.handle_write_failure(&client.context));
    assert_eq!(client.connection.queued_bytes(), 0);
    assert_eq!(client.connection.send(Message::Text("more"), &mut client.context), Err(SendError::Closing));
    let events = client.read(&[plain(0x81, b"an answer"), plain(0x88, &close_payload(1009, "too big"))].concat());
    assert_eq!(events, [Event::Text("an answer".into()), closed(1009, "too big")]);
    assert!(client.connection.is_done() && client.write_frames().is_empty());
    assert!(!client.connection.handle_write_failure(&client.context), "nothing is to be heard after the Close");
}

#[test]
fn input_after_the_close_is_discarded() {
    let bytes = [masked(0x88, &close_payload(1000, "")), masked(0x81, b"late"), vec![0xff; 50]].concat();
    check_server_reads(&bytes, &[closed(1000, "")]);
}

#[test]
fn a_close_may_come_inside_a_fragmented_message() {
    let bytes = [masked(0x01, b"half"), masked(0x88, &close_payload(1001, ""))].concat();
    check_server_reads(&bytes, &[closed(1001, "")]);
    let mut server = Endpoint::server();
    server.read(&bytes);
    assert_eq!(server.connection.unfinished_bytes(), 0);
}

#[test]
fn a_close_never_overtakes_messages() {
    let mut server = Endpoint::server();
    server.send_text("queued");
    server.read(&masked(0x88, &close_payload(1000, "")));
    let frames = server.write_frames();
    assert!(frames[0].is(Opcode::Text, b"queued") && frames[1].header.opcode == Opcode::Close, "{frames:?}");
}

#[test]
fn messages_that_arrive_after_our_close_are_reported_until_the_peer_answers() {
    let mut server = Endpoint::server();
    server.close(CloseCode::GOING_AWAY, "bye");
    assert!(!server.connection.is_open() && server.connection.is_closing());
    let frames = server.write_frames();
    assert!(frames[0].is(Opcode::Close, &close_payload(1001, "bye")), "{frames:?}");
    assert!(!server.connection.is_done(), "the peer's Close is awaited");
    assert_eq!(server.read(&masked(0x81, b"still")), [text("still")]);
    assert_eq!(server.read(&masked(0x88, &close_payload(1001, ""))), [closed(1001, "")]);
    assert!(server.connection.poll_transmit().is_none(), "an answer is not answered");
    assert!(server.connection.is_done() && server.connection.is_clean());
}

#[test]
fn closes_that_cross_are_both_clean() {
    let (mut server, mut client) = (Endpoint::server(), Endpoint::client());
    server.close(CloseCode::GOING_AWAY, "");
    client.close(CloseCode::NORMAL, "");
    let (from_server, from_client) = (server.write_all(), client.write_all());
    assert_eq!(server.read(&from_client), [closed(1000, "")]);
    assert_eq!(client.read(&from_server), [closed(1001, "")]);
    assert!(server.connection.is_clean() && client.connection.is_clean());
    assert!(server.connection.is_done() && client.connection.is_done());
}

#[test]
fn closing_twice_sends_one_close() {
    let mut server = Endpoint::server();
    server.close(CloseCode::NORMAL, "first");
    server.close(CloseCode::GOING_AWAY, "second");
    let frames = server.write_frames();
    assert!(frames.len() == 1 && frames[0].is(Opcode::Close, &close_payload(1000, "first")), "{frames:?}");
    assert_eq!(server.connection.own_close_reason().and_then(|reason| reason.code), Some(CloseCode::NORMAL));
}

#[test]
fn nothing_is_sent_after_a_close() {
    let mut server = Endpoint::server();
    server.connection.close(None, "a reason without a code is left out", &mut server.context);
    assert_eq!(server.connection.send(Message::Text("late"), &mut server.context), Err(SendError::Closing));
    assert!(server.write_frames()[0].is(Opcode::Close, b""));
}

#[test]
fn a_failure_after_our_close_sends_no_second_one() {
    let mut server = Endpoint::server();
    server.close(CloseCode::NORMAL, "");
    assert_eq!(server.read(&plain(0x81, b"")), [failed(ProtocolError::Unmasked)]);
    assert_eq!(server.write_frames().len(), 1);
    assert!(server.connection.is_done() && !server.connection.is_clean());
}

#[test]
fn answers_are_flushed_before_a_failing_close() {
    let mut server = Endpoint::server();
    assert_eq!(server.read(&masked(0x81, b"good")), [text("good")]);
    server.send_text("answer");
    assert_eq!(server.read(&masked(0xc1, b"bad")), [failed(ProtocolError::ReservedBits)]);
    assert!(!server.connection.is_done(), "the answer and the Close wait");
    let frames = server.write_frames();
    assert!(frames[0].is(Opcode::Text, b"answer"));
    let told = close_payload(1002, "frame with a reserved bit that was not agreed");
    assert!(frames[1].is(Opcode::Close, &told), "{frames:?}");
    assert!(server.connection.is_done());
    assert_eq!(server.connection.close_reason().and_then(|reason| reason.code), Some(CloseCode::PROTOCOL_ERROR));
}

#[test]
fn the_end_of_the_stream_without_a_close_is_a_loss() {
    let mut server = Endpoint::server();
    server.send_text("answer");
    assert_eq!(server.connection.handle_eof(&mut server.context), Some(Event::Lost));
    assert_eq!(server.connection.handle_eof(&mut server.context), None);
    assert!(server.connection.close_reason().is_none() && !server.connection.is_clean());
    assert!(!server.connection.is_done(), "the peer may have closed one direction only");
    assert_eq!(server.connection.send(Message::Text("more"), &mut server.context), Err(SendError::Closing));
    assert!(server.write_frames()[0].is(Opcode::Text, b"answer"));
    assert!(server.connection.is_done());
}

#[test]
fn the_end_of_the_stream_instead_of_an_answer_is_a_loss() {
    let mut server = Endpoint::server();
    server.close(CloseCode::NORMAL, "");
    server.write_all();
    assert_eq!(server.connection.handle_eof(&mut server.context), Some(Event::Lost));
    assert!(server.connection.is_done() && !server.connection.is_clean());
}

#[test]
fn the_end_of_the_stream_after_the_handshake_is_expected() {
    let mut server = Endpoint::server();
    server.read(&masked(0x88, b""));
    server.write_all();
    assert_eq!(server.connection.handle_eof(&mut server.context), None);
    assert!(server.connection.is_clean());
}

#[test]
fn an_open_connection_has_no_deadline() {
    assert_eq!(Endpoint::server().connection.poll_timeout(), None);
}

#[test]
fn the_handshake_ends_at_its_deadline() {
    let timeout = Duration::from_secs(3);
    let mut server = Endpoint::server_with(Config { close_timeout: timeout, ..Config::default() });
    server.send_text("never read");
    server.close(CloseCode::NORMAL, "");
    assert_eq!(server.connection.poll_timeout(), Some(server.at(timeout)));
    let early = server.at(timeout - Duration::from_millis(1));
    assert_eq!(server.connection.handle_timeout(early), None);
    assert!(!server.connection.is_done());
    assert_eq!(server.connection.handle_timeout(server.at(timeout)), Some(Event::Lost));
    assert!(server.connection.is_done() && server.connection.poll_transmit().is_none());
    assert_eq!(server.connection.poll_timeout(), None);
}

#[test]
fn a_peer_that_does_not_read_our_answer_is_waited_for_until_the_deadline() {
    let mut server = Endpoint::server();
    server.read(&masked(0x88, &close_payload(1000, "")));
    let deadline = server.connection.poll_timeout().expect("a deadline");
    assert!(!server.connection.is_done());
    assert_eq!(server.connection.handle_timeout(deadline), None);
    assert!(server.connection.is_done() && server.connection.is_clean());
}

#[test]
fn a_deadline_beyond_the_clock_does_no_harm() {
    let mut server = Endpoint::server_with(Config { close_timeout: Duration::MAX, ..Config::default() });
    server.close(CloseCode::NORMAL, "");
    assert!(server.connection.poll_timeout().is_some());
}
