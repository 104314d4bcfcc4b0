//! RFC 6455 §5.5: Ping and Pong, and how they overtake data. Close is in `closing`.

use wigwag_proto::{
    Config, Message, ProtocolError, SendError,
    frame::{FrameError, Opcode},
};

use super::support::*;

#[test]
fn a_control_frame_over_125_bytes_fails() {
    for first in [0x88, 0x89, 0x8a] {
        check_server_fails(&masked(first, &[b'x'; 126]), FrameError::LongControl.into());
    }
}

#[test]
fn a_control_frame_in_fragments_fails() {
    for first in [0x08, 0x09, 0x0a] {
        check_server_fails(&masked(first, b"x"), FrameError::FragmentedControl.into());
    }
}

#[test]
fn a_ping_is_reported_and_answered_with_its_payload() {
    for payload in [&b""[..], b"p", &[0xff; 125]] {
        for sizes in [&[usize::MAX][..], &[1], &[5]] {
            let mut server = Endpoint::server();
            assert_eq!(server.read_in(&masked(0x89, payload), sizes), [ping(payload)]);
            let frames = server.write_frames();
            assert!(frames.len() == 1 && frames[0].is(Opcode::Pong, payload), "{frames:?}");
        }
    }
}

#[test]
fn pings_are_answered_in_order() {
    let mut server = Endpoint::server();
    let payloads: Vec<_> = (0..10u8).map(|number| vec![number; usize::from(number)]).collect();
    server.read(&payloads.iter().flat_map(|payload| masked(0x89, payload)).collect::<Vec<_>>());
    let answers: Vec<_> = server.write_frames().into_iter().map(|frame| frame.payload).collect();
    assert_eq!(answers, payloads);
}

#[test]
fn an_unsolicited_pong_is_reported_and_not_answered() {
    let mut server = Endpoint::server();
    assert_eq!(server.read(&masked(0x8a, b"heartbeat")), [pong(b"heartbeat")]);
    assert!(server.connection.poll_transmit().is_none());
}

#[test]
fn a_pong_can_be_sent_unasked() {
    let mut server = Endpoint::server();
    server.connection.pong(b"heartbeat", &mut server.context).expect("it is open");
    let frames = server.write_frames();
    assert!(frames.len() == 1 && frames[0].is(Opcode::Pong, b"heartbeat"), "{frames:?}");
    assert_eq!(server.connection.pong(&[0; 126], &mut server.context), Err(SendError::LongPing));
}

#[test]
fn a_pong_overtakes_queued_messages() {
    let mut server = Endpoint::server();
    server.send_text("one");
    server.send_text("two");
    server.read(&masked(0x89, b"p"));
    let frames = server.write_frames();
    assert!(
        frames[0].is(Opcode::Pong, b"p") && frames[1].is(Opcode::Text, b"one") && frames[2].is(Opcode::Text, b"two")
    );
}

#[test]
fn a_pong_waits_for_the_end_of_the_frame_under_way() {
    for sent in 0..=12 {
        let mut server = Endpoint::server();
        server.send_text("one");
        server.send_text("two");
        let mut wire = server.write(sent);
        server.read(&masked(0x89, b"p"));
        wire.extend(server.write_all());
        let order: Vec<_> = parse_frames(&wire).into_iter().map(|frame| frame.payload).collect();
        let place = sent.div_ceil(5).min(2);
        let mut expected = vec![b"one".to_vec(), b"two".to_vec()];
        expected.insert(place, b"p".to_vec());
        assert_eq!(order, expected, "after {sent} bytes");
    }
}

#[test]
fn pongs_go_between_the_frames_of_a_message_in_pieces() {
    let mut server = Endpoint::server();
    let kind = Message::Text("").kind();
    server.connection.send_piece(kind, b"Hel", false, &mut server.context).expect("open");
    let mut wire = server.write(2);
    server.connection.send_piece(kind, b"lo", true, &mut server.context).expect("open");
    server.read(&masked(0x89, b"p"));
    wire.extend(server.write_all());
    assert_eq!(Endpoint::client().read(&wire), [pong(b"p"), text("Hello")]);
}

#[test]
fn beyond_the_bound_only_the_newest_pong_is_kept() {
    let mut server = Endpoint::server_with(Config { pongs_waiting_max: 3, ..Config::default() });
    server.read(&(0..10u8).flat_map(|number| masked(0x89, &[number])).collect::<Vec<_>>());
    let answers: Vec<_> = server.write_frames().into_iter().map(|frame| frame.payload[0]).collect();
    assert_eq!(answers, [0, 1, 9]);
}

#[test]
fn a_pong_that_is_half_sent_is_not_replaced() {
    let mut server = Endpoint::server_with(Config { pongs_waiting_max: 1, ..Config::default() });
    server.read(&masked(0x89, b"first"));
    let mut wire = server.write(3);
    server.read(&[masked(0x89, b"second"), masked(0x89, b"third")].concat());
    wire.extend(server.write_all());
    assert_eq!(Endpoint::client().read(&wire), [pong(b"first"), pong(b"third")]);
}

#[test]
fn a_ping_of_ours_is_not_lost_where_pongs_are_replaced() {
    let mut server = Endpoint::server_with(Config { pongs_waiting_max: 1, ..Config::default() });
    server.read(&masked(0x89, b"a"));
    server.connection.ping(b"mine", &mut server.context).expect("open");
    server.read(&[masked(0x89, b"b"), masked(0x89, b"c")].concat());
    assert_eq!(Endpoint::client().read(&server.write_all()), [ping(b"mine"), pong(b"c")]);
}

#[test]
fn pings_of_ours_are_bounded() {
    let mut server = Endpoint::server_with(Config { pongs_waiting_max: 2, ..Config::default() });
    for _ in 0..1000 {
        server.connection.ping(b"x", &mut server.context).expect("open");
    }
    assert_eq!(server.write_frames().len(), 2);
    server.connection.ping(b"again", &mut server.context).expect("open");
    assert_eq!(server.write_frames().len(), 1);
}

#[test]
fn a_ping_over_125_bytes_is_refused() {
    let mut server = Endpoint::server();
    assert_eq!(server.connection.ping(&[0; 126], &mut server.context), Err(SendError::LongPing));
    assert!(server.connection.poll_transmit().is_none());
}

/// A peer that pings and reads a little, for ever: what waits does not grow.
#[test]
fn a_flood_of_pings_stays_within_bounds() {
    let mut server = Endpoint::server();
    server.send_text(&"x".repeat(10_000));
    let mut wire = Vec::new();
    for _ in 0..20_000 {
        server.read(&masked(0x89, &[b'p'; 125]));
        wire.extend(server.write(7));
        assert!(server.connection.queued_bytes() < 10_010 + 18 * 127, "{}", server.connection.queued_bytes());
    }
    wire.extend(server.write_all());
    let messages = parse_frames(&wire).iter().filter(|frame| frame.header.opcode == Opcode::Text).count();
    assert_eq!(messages, 1);
}

/// Linear in the pings: were the queued data moved or searched for each, this would take minutes.
#[test]
fn a_flood_of_pings_between_queued_messages_is_linear() {
    let mut server = Endpoint::server();
    let started = std::time::Instant::now();
    for _ in 0..100_000 {
        server.send_text("some message of common length, sixty-four bytes or nearly so, yes");
    }
    for _ in 0..100_000 {
        server.read(&masked(0x89, b"p"));
        server.write(20);
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    parse_frames_after_cut(&server.write_all());
}

/// What remains begins inside a frame: its end must be the end of one as well.
fn parse_frames_after_cut(rest: &[u8]) {
    let message = b"\x81\x41some message of common length, sixty-four bytes or nearly so, yes";
    let last = rest.len() - message.len();
    assert_eq!(&rest[last..], message);
}

#[test]
fn nothing_is_answered_after_our_close() {
    let mut server = Endpoint::server();
    server.connection.close(None, "", &mut server.context);
    assert_eq!(server.read(&masked(0x89, b"p")), [ping(b"p")]);
    let frames = server.write_frames();
    assert!(frames.len() == 1 && frames[0].is(Opcode::Close, b""), "{frames:?}");
    assert_eq!(server.connection.ping(b"", &mut server.context), Err(SendError::Closing));
}

#[test]
fn pings_before_a_broken_frame_are_answered_before_the_close() {
    let mut server = Endpoint::server();
    let events = server.read(&[masked(0x89, b"p"), plain(0x81, b"")].concat());
    assert_eq!(events, [ping(b"p"), failed(ProtocolError::Unmasked)]);
    let frames = server.write_frames();
    assert!(frames[0].is(Opcode::Pong, b"p") && frames[1].header.opcode == Opcode::Close, "{frames:?}");
}
