//! The piecewise mode, for who passes messages on without gathering them.

use wigwag_proto::{Config, Event, Input, Message, MessageKind, ProtocolError, Role, SendError, frame::Opcode};

use super::support::*;

fn relay() -> Endpoint {
    let mut server = Endpoint::server();
    server.connection.set_piecewise(true);
    server
}

#[test]
fn a_whole_message_is_one_piece() {
    assert_eq!(relay().read(&masked(0x81, b"whole")), [piece(MessageKind::Text, b"whole", true, true)]);
    assert_eq!(relay().read(&masked(0x82, b"")), [piece(MessageKind::Binary, b"", true, true)]);
}

#[test]
fn what_arrives_of_a_large_frame_is_handed_on_and_not_kept() {
    let mut server = relay();
    let frame = masked(0x82, &[5; 100_000]);
    assert_eq!(server.read(&frame[..50_014]), [piece(MessageKind::Binary, &[5; 50_000], true, false)]);
    assert_eq!(server.connection.unfinished_bytes(), 0);
    assert_eq!(server.read(&frame[50_014..]), [piece(MessageKind::Binary, &[5; 50_000], false, true)]);
}

#[test]
fn a_large_frame_that_drips_in_comes_in_pieces_worth_their_headers() {
    let mut server = relay();
    let mut sizes = Vec::new();
    for byte in masked(0x82, &[5; 70_000]) {
        for event in server.read(&[byte]) {
            let Event::Piece { bytes, .. } = event else { panic!("{event:?}") };
            sizes.push(bytes.len());
        }
    }
    assert_eq!(sizes, [16_384, 16_384, 16_384, 16_384, 4_464]);
}

#[test]
fn fragments_are_kept_however_they_arrive() {
    let fragments = [masked(0x01, b""), masked(0x00, b"two"), masked(0x00, b""), masked(0x80, "é".as_bytes())];
    let events = [
        piece(MessageKind::Text, b"", true, false),
        piece(MessageKind::Text, b"two", false, false),
        piece(MessageKind::Text, b"", false, false),
        piece(MessageKind::Text, "é".as_bytes(), false, true),
    ];
    assert_eq!(relay().read(&fragments.concat()), events);
    let mut server = relay();
    let dripped: Vec<_> = fragments.concat().iter().flat_map(|byte| server.read(&[*byte])).collect();
    assert_eq!(dripped, events);
}

#[test]
fn a_frame_that_arrives_in_parts_is_one_piece() {
    let mut server = relay();
    let frame = masked(0x81, "one frame é".as_bytes());
    assert_eq!(server.read(&frame[..frame.len() - 1]), []);
    assert_eq!(
        server.read(&frame[frame.len() - 1..]),
        [piece(MessageKind::Text, "one frame é".as_bytes(), true, true)]
    );
}

#[test]
fn text_fails_with_the_first_wrong_byte_of_an_unfinished_frame() {
    let mut server = relay();
    let frame = masked(0x81, b"a\xce\xba\xff and more");
    assert_eq!(server.read(&frame[..9]), []);
    assert_eq!(server.read(&frame[9..10]), [failed(ProtocolError::InvalidUtf8)]);
}

#[test]
fn control_frames_between_fragments_are_answered_and_change_nothing() {
    let mut server = relay();
    let bytes = [masked(0x01, b"a"), masked(0x89, b"ping"), masked(0x80, b"b")].concat();
    let events = server.read(&bytes);
    assert_eq!(events[0], piece(MessageKind::Text, b"a", true, false));
    assert_eq!(events[2], piece(MessageKind::Text, b"b", false, true));
    assert!(matches!(&events[1], Event::Ping(payload) if **payload == *b"ping"));
    server.connection.send_piece(MessageKind::Text, b"a", false, &mut server.context).expect("open");
    server.connection.send_piece(MessageKind::Text, b"", false, &mut server.context).expect("open");
    server.connection.send_piece(MessageKind::Text, b"b", true, &mut server.context).expect("open");
    assert_eq!(server.write_all(), b"\x8a\x04ping\x01\x01a\x00\x00\x80\x01b");
}

#[test]
fn the_mode_changes_between_messages_only() {
    let mut server = Endpoint::server();
    assert_eq!(server.read(&masked(0x01, b"ga")), []);
    server.connection.set_piecewise(true);
    assert_eq!(server.read(&masked(0x80, b"thered")), [text("gathered")]);
    assert_eq!(server.read(&masked(0x01, b"p")), [piece(MessageKind::Text, b"p", true, false)]);
    server.connection.set_piecewise(false);
    assert_eq!(server.read(&masked(0x80, b"q")), [piece(MessageKind::Text, b"q", false, true)]);
    assert_eq!(server.read(&masked(0x81, b"whole")), [text("whole")]);
}

#[test]
fn the_bounds_hold() {
    let mut server = Endpoint::server_with(Config { message_bytes_max: 10, ..Config::default() });
    server.connection.set_piecewise(true);
    assert_eq!(server.read(&masked(0x02, &[0; 10])).len(), 1);
    let error = ProtocolError::MessageTooBig { limit_bytes: 10 };
    assert_eq!(server.read(&masked(0x80, &[0; 1])), [failed(error)]);
}

#[test]
fn a_compressed_message_is_one_piece() {
    let mut server = Endpoint::deflating(Role::Server, NO_CONTEXT);
    server.connection.set_piecewise(true);
    let hello = [masked(0x41, &[0xf2, 0x48, 0xcd]), masked(0x80, &[0xc9, 0xc9, 0x07, 0x00])].concat();
    assert_eq!(server.read(&hello), [piece(MessageKind::Text, b"Hello", true, true)]);
}

#[test]
fn pieces_that_are_sent_become_one_message() {
    let (mut server, mut client) = (Endpoint::server(), Endpoint::client());
    for (part, last) in [(&b"one, "[..], false), (b"", false), (b"two", true), (b"alone", true)] {
        client.connection.send_piece(MessageKind::Text, part, last, &mut client.context).expect("open");
    }
    assert_eq!(server.read(&client.write_all()), [text("one, two"), text("alone")]);
}

#[test]
fn no_message_can_stand_inside_another() {
    let mut server = Endpoint::server();
    server.connection.send_piece(MessageKind::Binary, b"a", false, &mut server.context).expect("open");
    assert_eq!(server.connection.send(Message::Text("b"), &mut server.context), Err(SendError::Unfinished));
    server.connection.send_piece(MessageKind::Binary, b"c", true, &mut server.context).expect("open");
    server.send_text("d");
    assert_eq!(Endpoint::client().read(&server.write_all()), [binary(b"ac"), text("d")]);
}

#[test]
fn a_message_in_pieces_may_end_with_a_close() {
    let mut server = Endpoint::server();
    server.connection.send_piece(MessageKind::Text, b"half", false, &mut server.context).expect("open");
    server.connection.close(None, "", &mut server.context);
    let late = server.connection.send_piece(MessageKind::Text, b"", true, &mut server.context);
    assert_eq!(late, Err(SendError::Closing));
    assert_eq!(Endpoint::client().read(&server.write_all()), [Event::Close(Default::default())]);
}

/// What a relay's client side writes of what its server side has read.
fn pass_on(bytes: &[u8]) -> Vec<Frame> {
    parse_frames(&relay().relay(bytes, &[usize::MAX], &mut Endpoint::client(), usize::MAX))
}

#[test]
fn whole_messages_are_taken_together_up_to_what_is_none() {
    for what_is_none in [&masked(0x89, b"")[..], &masked(0x01, b"begun"), &masked(0x81, b"cut")[..8], &[0x81], &[]] {
        let mut server = relay();
        let mut bytes = [&masked(0x81, "é".as_bytes())[..], &masked(0x82, b""), what_is_none].concat();
        let mut input = Input::new(&mut bytes);
        let mut frames = server.connection.take_frames(&mut input, &mut server.context).expect("two messages");
        assert_eq!(frames.messages(), 2);
        let all: Vec<_> = frames.iter().collect();
        assert_eq!(all, [(MessageKind::Text, "é".as_bytes()), (MessageKind::Binary, b"")]);
        assert_eq!(input.rest(), what_is_none);
        assert!(server.connection.take_frames(&mut input, &mut server.context).is_none());
    }
}

#[test]
fn each_frame_that_is_passed_on_has_a_key_of_its_own() {
    let frames = pass_on(&[masked(0x81, b"one"), masked(0x82, b"\xff"), masked(0x81, "日本語".as_bytes())].concat());
    let payloads: Vec<&[u8]> = frames.iter().map(|frame| &*frame.payload).collect();
    assert_eq!(payloads, [b"one", &b"\xff"[..], "日本語".as_bytes()]);
    let mut keys: Vec<_> = frames.iter().filter_map(|frame| frame.header.mask).chain([KEY]).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}

#[test]
fn messages_that_were_looked_at_are_passed_on_all_the_same() {
    let (mut server, mut client) = (relay(), Endpoint::client());
    let mut bytes = masked(0x81, b"seen");
    let mut input = Input::new(&mut bytes);
    let mut frames = server.connection.take_frames(&mut input, &mut server.context).expect("a message");
    assert_eq!(frames.iter().count(), 1);
    client.connection.send_frames(frames, &mut client.context, |_| 0).expect("open");
    assert!(client.write_frames()[0].is(Opcode::Text, b"seen"));
}

#[test]
fn long_text_is_judged_wherever_it_is_not_ascii() {
    for at in (0..2000).step_by(7) {
        let mut text = vec![b'x'; 2000];
        text.splice(at..at, "€".bytes());
        assert_eq!(pass_on(&masked(0x81, &text))[0].payload, text, "at {at}");
        text.remove(at + 1);
        assert_eq!(relay().read(&masked(0x81, &text)), [failed(ProtocolError::InvalidUtf8)], "at {at}");
        assert_eq!(pass_on(&masked(0x81, &text)), [], "at {at}");
    }
}

#[test]
fn what_was_passed_on_before_bad_text_is_not_lost_with_it() {
    let (mut server, mut client) = (relay(), Endpoint::client());
    let bytes = [masked(0x81, b"good"), masked(0x81, b"\xff"), masked(0x81, b"late")].concat();
    let passed_on = parse_frames(&server.relay(&bytes, &[usize::MAX], &mut client, usize::MAX));
    assert!(passed_on.len() == 1 && passed_on[0].is(Opcode::Text, b"good"));
    assert_eq!(server.connection.error(), Some(ProtocolError::InvalidUtf8));
}
