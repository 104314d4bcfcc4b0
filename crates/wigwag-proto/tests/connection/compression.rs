//! RFC 7692: permessage-deflate in a connection. The examples are those of §7.2.3.

use wigwag_proto::{
    CloseCode, Config, Message, Prepared, ProtocolError, Role,
    deflate::{Deflater, Negotiated},
    frame::{Header, Opcode},
};

use super::support::*;

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

fn check_reads(frames: &[u8], expected: &[&str]) {
    for negotiated in [NO_CONTEXT, TAKEOVER] {
        for sizes in [&[usize::MAX][..], &[1], &[4]] {
            let mut server = Endpoint::deflating(Role::Server, negotiated);
            let expected: Vec<_> = expected.iter().map(|message| text(message)).collect();
            assert_eq!(server.read_in(frames, sizes), expected, "{negotiated:?}, chunks {sizes:?}");
        }
    }
}

#[test]
fn a_compressed_frame_is_inflated() {
    check_reads(&masked(0xc1, &HELLO), &["Hello"]);
}

#[test]
fn a_compressed_message_in_fragments_is_inflated() {
    check_reads(&[masked(0x41, &HELLO[..3]), masked(0x80, &HELLO[3..])].concat(), &["Hello"]);
}

#[test]
fn a_control_frame_inside_a_compressed_message_is_not_compressed() {
    let frames = [masked(0x41, &HELLO[..3]), masked(0x89, b"p"), masked(0x80, &HELLO[3..])].concat();
    assert_eq!(Endpoint::deflating(Role::Server, NO_CONTEXT).read(&frames), [ping(b"p"), text("Hello")]);
}

#[test]
fn a_shared_window_refers_to_the_message_before() {
    let frames = [masked(0xc1, &HELLO), masked(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00])].concat();
    let mut server = Endpoint::deflating(Role::Server, TAKEOVER);
    assert_eq!(server.read(&frames), [text("Hello"), text("Hello")]);
}

#[test]
fn a_forgotten_window_is_not_referred_to() {
    let frames = [masked(0xc1, &HELLO), masked(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00])].concat();
    let mut server = Endpoint::deflating(Role::Server, NO_CONTEXT);
    assert_eq!(server.read(&frames), [text("Hello"), failed(ProtocolError::CorruptDeflate)]);
}

#[test]
fn a_stored_block_is_inflated() {
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    check_reads(&masked(0xc1, &stored), &["Hello"]);
}

#[test]
fn a_final_block_is_inflated() {
    check_reads(&masked(0xc1, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]), &["Hello"]);
}

#[test]
fn two_blocks_are_inflated() {
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    check_reads(&masked(0xc1, &two), &["Hello"]);
}

#[test]
fn an_empty_message_is_inflated() {
    check_reads(&masked(0xc1, &[0x00]), &[""]);
}

#[test]
fn uncompressed_messages_pass_between_compressed_ones() {
    check_reads(
        &[masked(0xc1, &HELLO), masked(0x81, b"plain"), masked(0xc1, &HELLO)].concat(),
        &["Hello", "plain", "Hello"],
    );
}

#[test]
fn rsv1_on_a_continuation_or_a_control_frame_fails() {
    for frames in
        [[masked(0x41, &HELLO[..3]), masked(0xc0, &HELLO[3..])].concat(), masked(0xc9, b""), masked(0xca, b"")]
    {
        let events = Endpoint::deflating(Role::Server, NO_CONTEXT).read(&frames);
        assert_eq!(events, [failed(ProtocolError::ReservedBits)]);
    }
}

#[test]
fn the_other_reserved_bits_fail_with_compression_too() {
    for first in [0xa1, 0x91, 0xe1, 0xf1] {
        let events = Endpoint::deflating(Role::Server, NO_CONTEXT).read(&masked(first, &HELLO));
        assert_eq!(events, [failed(ProtocolError::ReservedBits)]);
    }
}

#[test]
fn corrupt_data_fails_with_1007_and_harms_no_later_connection() {
    let mut server = Endpoint::deflating(Role::Server, NO_CONTEXT);
    assert_eq!(server.read(&masked(0xc1, &[0xff; 20])), [failed(ProtocolError::CorruptDeflate)]);
    assert_eq!(ProtocolError::CorruptDeflate.close_code(), CloseCode::INVALID_PAYLOAD);
    let mut other = Endpoint { context: server.context, ..Endpoint::deflating(Role::Server, NO_CONTEXT) };
    assert_eq!(other.read(&masked(0xc1, &HELLO)), [text("Hello")]);
}

#[test]
fn text_that_inflates_to_bad_utf8_fails() {
    let mut compressed = Vec::new();
    Deflater::new(15, 8, 6).compress(b"bad \xff text", &mut compressed);
    let mut server = Endpoint::deflating(Role::Server, NO_CONTEXT);
    assert_eq!(server.read(&masked(0xc1, &compressed)), [failed(ProtocolError::InvalidUtf8)]);
}

#[test]
fn a_bomb_fails_at_the_bound() {
    let mut bomb = Vec::new();
    Deflater::new(15, 8, 9).compress(&vec![0; 64 << 20], &mut bomb);
    assert!(bomb.len() < 1 << 20, "the frame itself is within the bound");
    let limit_bytes = Config::default().message_bytes_max;
    for negotiated in [NO_CONTEXT, TAKEOVER] {
        let mut server = Endpoint::deflating(Role::Server, negotiated);
        assert_eq!(server.read(&masked(0xc2, &bomb)), [failed(ProtocolError::MessageTooBig { limit_bytes })]);
    }
}

#[test]
fn messages_below_the_minimum_go_uncompressed() {
    let config = Config { deflate_bytes_min: 100, ..Config::default() };
    let mut server = Endpoint::new(Role::Server, config, Some(NO_CONTEXT));
    server.send_text(&"a".repeat(99));
    server.send_text(&"a".repeat(100));
    let bits: Vec<_> = server.write_frames().iter().map(|frame| frame.header.rsv).collect();
    assert_eq!(bits, [0, Header::RSV1]);
}

#[test]
fn what_compression_would_not_shrink_goes_uncompressed() {
    let mut server = Endpoint::deflating(Role::Server, NO_CONTEXT);
    let noise = noise(1000);
    server.connection.send(Message::Binary(&noise), &mut server.context).expect("open");
    let frames = server.write_frames();
    assert!(frames[0].header.rsv == 0 && frames[0].is(Opcode::Binary, &noise));
}

#[test]
fn a_window_that_is_kept_is_used() {
    let (mut server, mut client) =
        (Endpoint::deflating(Role::Server, TAKEOVER), Endpoint::deflating(Role::Client, TAKEOVER));
    let message = "a sentence that is said twice, word for word, and costs little the second time";
    server.send_text(message);
    let first = server.write_all();
    server.send_text(message);
    let second = server.write_all();
    assert!(second.len() * 3 < first.len(), "{} and {} bytes", first.len(), second.len());
    assert_eq!(client.read(&[first, second].concat()), [text(message), text(message)]);
}

/// Every combination of what may be agreed, both ways, compressible and not, whole and in pieces.
#[test]
fn both_sides_understand_each_other_whatever_was_agreed() {
    let noise = noise(3000);
    let long = "words and words, again and again; ".repeat(2000);
    for choice in 0..4 {
        for (server_bits, client_bits) in [(15, 15), (9, 15), (10, 9), (12, 11)] {
            let negotiated = Negotiated {
                server_no_context_takeover: choice & 1 != 0,
                client_no_context_takeover: choice & 2 != 0,
                server_max_window_bits: server_bits,
                client_max_window_bits: client_bits,
            };
            let mut server = Endpoint::deflating(Role::Server, negotiated);
            let mut client = Endpoint::deflating(Role::Client, negotiated);
            for (from, to) in [(&mut server, &mut client)] {
                for _ in 0..2 {
                    exchange(from, to, &long, &noise);
                    exchange(to, from, &long, &noise);
                }
            }
        }
    }
}

fn exchange(from: &mut Endpoint, to: &mut Endpoint, long: &str, noise: &[u8]) {
    from.send_text(long);
    from.send_text("");
    from.connection.send(Message::Binary(noise), &mut from.context).expect("open");
    let prepared = Prepared::new(Message::Text(long));
    from.connection.send_prepared(&prepared, &mut from.context).expect("open");
    let events = to.read_in(&from.write_all(), &[1000]);
    assert_eq!(events, [text(long), text(""), binary(noise), text(long)]);
}
