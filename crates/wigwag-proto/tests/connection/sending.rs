//! RFC 6455 §6.1: messages on their way out, prepared messages, and the buffer they wait in.

use wigwag_proto::{
    CloseCode, Config, Message, MessageKind, Prepared, Role, SendError,
    deflate::Negotiated,
    frame::{Header, Opcode},
};

use super::support::*;

#[test]
fn what_is_sent_arrives_whatever_its_length() {
    for length in [0, 1, 125, 126, 65_535, 65_536, 200_000] {
        let message = "x".repeat(length);
        for role in [Role::Server, Role::Client] {
            let other = if role == Role::Server { Role::Client } else { Role::Server };
            let (mut from, mut to) =
                (Endpoint::new(role, Config::default(), None), Endpoint::new(other, Config::default(), None));
            from.send_text(&message);
            from.connection.send(Message::Binary(message.as_bytes()), &mut from.context).expect("open");
            assert_eq!(to.read(&from.write_all()), [text(&message), binary(message.as_bytes())]);
        }
    }
}

#[test]
fn a_message_in_parts_arrives_as_one() {
    let parts = ["some text, ", "", "and more"];
    let whole = parts.concat();
    for role in [Role::Server, Role::Client] {
        let other = if role == Role::Server { Role::Client } else { Role::Server };
        for deflate in [None, Some(NO_CONTEXT), Some(TAKEOVER)] {
            let config = Config { deflate_bytes_min: 0, ..Config::default() };
            let (mut from, mut to) =
                (Endpoint::new(role, config.clone(), deflate), Endpoint::new(other, config, deflate));
            from.connection.send_parts(MessageKind::Text, &parts, &mut from.context).expect("open");
            assert_eq!(to.read(&from.write_all()), [text(&whole)]);
        }
    }
}

#[test]
fn one_slice_is_enough_without_control_frames() {
    let mut server = Endpoint::server();
    server.send_text("a");
    server.send_text("b");
    let transmit = server.connection.poll_transmit().expect("something waits");
    assert_eq!(transmit.single(), Some(&b"\x81\x01a\x81\x01b"[..]));
}

#[test]
fn partial_writes_keep_every_byte() {
    for count in [1, 2, 3, 7, 1000, 5000] {
        let mut server = Endpoint::server();
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for number in 0..300 {
            let message = format!("message {number} {}", "x".repeat(number % 130));
            server.send_text(&message);
            expected.push(text(&message));
            wire.extend(server.write(count));
        }
        while server.connection.queued_bytes() > 0 {
            wire.extend(server.write(count));
        }
        assert_eq!(Endpoint::client().read(&wire), expected, "{count} bytes a write");
    }
}

#[test]
fn a_prepared_message_is_the_same_frame_everywhere() {
    let prepared = Prepared::new(Message::Text("to all"));
    assert_eq!((prepared.payload(), prepared.kind()), (&b"to all"[..], MessageKind::Text));
    let mut server = Endpoint::server();
    server.connection.send_prepared(&prepared, &mut server.context).expect("open");
    assert_eq!(server.write_all(), prepared.frame());
    let mut client = Endpoint::client();
    client.connection.send_prepared(&prepared.clone(), &mut client.context).expect("open");
    assert_eq!(Endpoint::server().read(&client.write_all()), [text("to all")]);
}

#[test]
fn a_prepared_message_is_compressed_where_that_was_agreed_without_context() {
    let payload = "all of you, all of you; ".repeat(50);
    let prepared = Prepared::new(Message::Text(&payload));
    // Compressed with the first one's window of 512 bytes, which every other peer can read too.
    for (negotiated, rsv) in [
        (Some(Negotiated { server_max_window_bits: 9, ..NO_CONTEXT }), Header::RSV1),
        (Some(NO_CONTEXT), Header::RSV1),
        (Some(TAKEOVER), 0),
        (None, 0),
    ] {
        let mut server = Endpoint::new(Role::Server, Config::default(), negotiated);
        server.connection.send_prepared(&prepared, &mut server.context).expect("open");
        let wire = server.write_all();
        assert_eq!(parse_frames(&wire)[0].header.rsv, rsv, "{negotiated:?}");
        assert_eq!(Endpoint::new(Role::Client, Config::default(), negotiated).read(&wire), [text(&payload)]);
    }
}

#[test]
fn a_prepared_message_is_not_compressed_beyond_the_window_of_the_peer() {
    let payload = "all of you, all of you; ".repeat(50);
    let prepared = Prepared::new(Message::Text(&payload));
    for (bits, rsv) in [(15, Header::RSV1), (9, 0)] {
        let negotiated = Negotiated { server_max_window_bits: bits, ..NO_CONTEXT };
        let mut server = Endpoint::new(Role::Server, Config::default(), Some(negotiated));
        server.connection.send_prepared(&prepared, &mut server.context).expect("open");
        let frames = server.write_frames();
        assert_eq!((frames[0].header.rsv, frames[0].header.opcode), (rsv, Opcode::Text));
    }
}

#[test]
fn messages_are_the_same_frames_sent_one_by_one_or_one_after_the_other() {
    check_each([""; 2]);
    check_each(["a", "b", "c", "d", "e"]);
    check_each::<&str, 0>([]);
    check_each(["just 16 bytes, a", "another one", ""]);
    check_each([125, 126, 65_535, 65_536].map(|bytes| "x".repeat(bytes)));
}

fn check_each<T: AsRef<str>, const MESSAGES: usize>(messages: [T; MESSAGES]) {
    let messages = messages.each_ref().map(|message| message.as_ref().as_bytes());
    for role in [Role::Server, Role::Client] {
        for deflate in [None, Some(NO_CONTEXT), Some(TAKEOVER)] {
            let endpoint = || {
                let mut endpoint = Endpoint::new(role, Config { deflate_bytes_min: 16, ..Config::default() }, deflate);
                endpoint.send_text("before");
                endpoint
            };
            let (mut one_by_one, mut together) = (endpoint(), endpoint());
            for message in messages {
                one_by_one.connection.send_bytes(MessageKind::Text, message, &mut one_by_one.context).expect("open");
            }
            let sent =
                together.connection.send_each(MessageKind::Text, messages.iter().copied(), &mut together.context);
            assert_eq!(sent, Ok(()));
            assert_eq!(together.write_all(), one_by_one.write_all(), "{MESSAGES} messages, {role:?}, {deflate:?}");
        }
    }
}

#[test]
fn messages_are_not_sent_within_another_nor_after_a_close() {
    for role in [Role::Server, Role::Client] {
        let mut endpoint = Endpoint::new(role, Config::default(), None);
        endpoint.connection.send_piece(MessageKind::Text, b"un", false, &mut endpoint.context).expect("open");
        let sent = endpoint.connection.send_each(MessageKind::Text, [&b"x"[..]].into_iter(), &mut endpoint.context);
        assert_eq!(sent, Err(SendError::Unfinished));
        endpoint.connection.send_piece(MessageKind::Text, b"finished", true, &mut endpoint.context).expect("open");
        endpoint.connection.close(Some(CloseCode::NORMAL), "", &mut endpoint.context);
        let sent = endpoint.connection.send_each(MessageKind::Text, [&b"x"[..]].into_iter(), &mut endpoint.context);
        assert_eq!(sent, Err(SendError::Closing));
    }
}

/// §5.3.
#[test]
fn a_masked_message_of_any_length_is_what_was_sent_in_one_part_or_two() {
    for length in 0..200 {
        let payload: Vec<u8> = (0..length).collect();
        let mut server = Endpoint::new(Role::Server, Config::default(), None);
        let mut client = Endpoint::new(Role::Client, Config::default(), None);
        for parts in [&[&payload[..]] as &[&[u8]], &[&payload[..payload.len() / 3], &payload[payload.len() / 3..]]] {
            client.connection.send_parts(MessageKind::Binary, parts, &mut client.context).expect("open");
            let wire = client.write_all();
            assert!(parse_frames(&wire)[0].header.mask.is_some());
            assert_eq!(server.read(&wire), [binary(&payload)], "{length} bytes");
        }
    }
}
