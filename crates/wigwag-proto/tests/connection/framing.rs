//! RFC 6455 §5.2: the base framing protocol.

use std::borrow::Cow;

use wigwag_proto::{
    Config, Event, Input, MessageKind, ProtocolError, Role,
    frame::{FrameError, Header, Opcode},
};

use super::support::*;

#[test]
fn lengths_at_the_edges_of_each_form_arrive() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
        let payload = vec![b'x'; length];
        for role in [Role::Server, Role::Client] {
            let mut endpoint = Endpoint::new(role, Config::default(), None);
            let bytes = from_peer_of(role, 0x82, &payload);
            assert_eq!(endpoint.read(&bytes), [binary(&payload)], "{length} bytes to a {role:?}");
            assert_eq!(
                endpoint.read_in(&bytes, &[10_000]),
                [binary(&payload)],
                "{length} bytes to a {role:?} in chunks"
            );
        }
    }
}

#[test]
fn a_whole_frame_is_handed_on_where_it_lies() {
    for payload in [&b"short"[..], &[b'x'; 300], &[b'x'; 70_000]] {
        let mut bytes = masked(0x81, payload);
        let range = bytes.as_ptr_range();
        let mut server = Endpoint::server();
        match server.connection.handle_bytes(&mut Input::new(&mut bytes), &mut server.context) {
            Some(Event::Text(Cow::Borrowed(text))) => assert!(range.contains(&text.as_ptr())),
            other => panic!("not a borrowed text: {other:?}"),
        }
        assert_eq!(server.connection.unfinished_bytes(), 0);
    }
}

#[test]
fn what_is_not_taken_stays_as_it_was_read() {
    let second = masked(0x81, b"second");
    let mut bytes = [masked(0x81, b"first"), second.clone()].concat();
    let mut server = Endpoint::server();
    let mut input = Input::new(&mut bytes);
    assert!(server.connection.handle_bytes(&mut input, &mut server.context).is_some());
    assert_eq!(input.rest(), second);
    let kept = input.into_rest().to_vec();
    assert_eq!(server.read(&kept), [text("second")]);
}

#[test]
fn messages_that_are_expected_are_taken_up_to_the_first_that_is_another() {
    let all = [&b"one"[..], b"two", b"six"].map(|payload| plain(0x81, payload)).concat();
    let check = |client: &mut Endpoint, bytes: &[u8], expected: &[[u8; 3]], taken: usize| {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        let count = client.connection.take_equal(&mut input, MessageKind::Text, expected.iter().copied());
        assert_eq!((count, input.rest()), (taken as u64, &all[5 * taken..][..input.rest().len()]));
    };
    let client = &mut Endpoint::client();
    check(client, &all, &[*b"one", *b"two", *b"six", *b"ten"], 3);
    check(client, &all, &[*b"one", *b"two"], 2);
    check(client, &all, &[*b"one", *b"ten", *b"six"], 1);
    check(client, &all, &[*b"two"], 0);
    for length in 0..all.len() {
        check(client, &all[..length], &[*b"one", *b"two", *b"six"], length / 5);
    }
    let small = Config { message_bytes_max: 2, ..Config::default() };
    check(&mut Endpoint::new(Role::Client, small, None), &all, &[*b"one"], 0);
    client.read(&plain(0x01, b"the first fragment"));
    check(client, &all, &[*b"one"], 0);
}

#[test]
fn only_a_message_of_this_kind_without_mask_is_expected_and_only_by_a_client() {
    let one = [*b"one"];
    for bytes in
        [plain(0x82, b"one"), plain(0x01, b"one"), plain(0xc1, b"one"), plain(0x89, b"one"), masked(0x81, b"one")]
    {
        for role in [Role::Client, Role::Server] {
            let endpoint = Endpoint::new(role, Config::default(), None);
            let mut input = bytes.clone();
            let count = endpoint.connection.take_equal(&mut Input::new(&mut input), MessageKind::Text, one);
            assert_eq!(count, 0, "{bytes:?}");
        }
    }
    let mut bytes = plain(0x81, b"one");
    let server = Endpoint::server();
    assert_eq!(server.connection.take_equal(&mut Input::new(&mut bytes), MessageKind::Text, one), 0);
}

#[test]
fn each_reserved_bit_fails() {
    for bit in [0x40, 0x20, 0x10] {
        for opcode in [0x1, 0x2, 0x8, 0x9, 0xa] {
            check_server_fails(&masked(0x80 | bit | opcode, b""), ProtocolError::ReservedBits);
        }
    }
}

#[test]
fn each_reserved_opcode_fails() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check_server_fails(&masked(0x80 | opcode, b""), FrameError::ReservedOpcode(opcode).into());
    }
}

#[test]
fn a_length_that_fits_a_shorter_form_fails() {
    for header in [&[0x82, 0xfe, 0, 125][..], &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]] {
        check_server_fails(&[header, &KEY].concat(), FrameError::LengthForm.into());
    }
}

#[test]
fn a_length_of_64_bits_fails() {
    check_server_fails(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], FrameError::LengthTopBit.into());
}

#[test]
fn messages_before_a_broken_frame_are_reported() {
    let bytes = [masked(0x81, b"one"), masked(0x82, b"two"), masked(0x83, b"")].concat();
    let events = [text("one"), binary(b"two"), failed(FrameError::ReservedOpcode(3).into())];
    check_server_reads(&bytes, &events);
}

#[test]
fn a_frame_over_its_bound_fails_before_its_payload_arrives() {
    let mut server = Endpoint::server_with(Config { frame_bytes_max: 1000, ..Config::default() });
    let header = &masked(0x82, &[0; 1001])[..8];
    assert_eq!(server.read(header), [failed(ProtocolError::FrameTooBig { limit_bytes: 1000 })]);
}

#[test]
fn a_message_over_its_bound_fails_before_its_payload_arrives() {
    let limit_bytes = Config::default().message_bytes_max;
    let mut server = Endpoint::server();
    let mut header = Vec::new();
    Header { fin: true, rsv: 0, opcode: Opcode::Binary, mask: Some(KEY), payload_bytes: 64 << 20 }.encode(&mut header);
    assert_eq!(server.read(&header), [failed(ProtocolError::MessageTooBig { limit_bytes })]);
    assert_eq!(server.connection.unfinished_bytes(), 0);
}

#[test]
fn a_message_at_its_bound_passes() {
    let payload = vec![7; Config::default().message_bytes_max];
    assert_eq!(Endpoint::server().read_in(&masked(0x82, &payload), &[65_536]), [binary(&payload)]);
}

#[test]
fn announced_length_reserves_no_memory() {
    let mut server = Endpoint::server();
    let frame = masked(0x82, &vec![0; 1 << 20]);
    assert_eq!(server.read(&frame[..20]), []);
    assert!(server.connection.unfinished_bytes() <= 4096, "{}", server.connection.unfinished_bytes());
}

#[test]
fn headers_come_back_as_they_were_encoded() {
    for payload_bytes in [0, 1, 125, 126, 65_535, 65_536, u64::MAX >> 1] {
        for mask in [None, Some(KEY)] {
            let header = Header { fin: false, rsv: 5, opcode: Opcode::Continuation, mask, payload_bytes };
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            for end in 0..bytes.len() {
                assert_eq!(Header::parse(&bytes[..end]), Ok(None), "{end} bytes of {header:?}");
            }
            assert_eq!(Header::parse(&bytes), Ok(Some((header, bytes.len()))));
        }
    }
}
