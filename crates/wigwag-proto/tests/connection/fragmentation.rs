//! RFC 6455 §5.4: messages in several frames.

use wigwag_proto::{Config, ProtocolError};

use super::support::*;

#[test]
fn fragments_become_one_message() {
    let bytes = [masked(0x01, b"Hel"), masked(0x00, b""), masked(0x00, b"l"), masked(0x80, b"o")].concat();
    check_server_reads(&bytes, &[text("Hello")]);
}

#[test]
fn empty_fragments_become_an_empty_message() {
    check_server_reads(&[masked(0x02, b""), masked(0x00, b""), masked(0x80, b"")].concat(), &[binary(b"")]);
}

#[test]
fn control_frames_may_stand_between_fragments() {
    let bytes =
        [masked(0x01, b"Hel"), masked(0x89, b"p1"), masked(0x00, b"lo"), masked(0x8a, b"p2"), masked(0x80, b"!")]
            .concat();
    check_server_reads(&bytes, &[ping(b"p1"), pong(b"p2"), text("Hello!")]);
}

#[test]
fn a_continuation_without_a_message_fails() {
    for first in [0x00, 0x80] {
        check_server_fails(&masked(first, b"x"), ProtocolError::UnexpectedContinuation);
    }
    let after = [masked(0x01, b"a"), masked(0x80, b"b"), masked(0x80, b"c")].concat();
    check_server_fails(&after, ProtocolError::UnexpectedContinuation);
}

#[test]
fn a_new_message_inside_an_unfinished_one_fails() {
    for second in [0x81, 0x82, 0x01, 0x02] {
        check_server_fails(&[masked(0x01, b"a"), masked(second, b"b")].concat(), ProtocolError::UnfinishedMessage);
    }
}

#[test]
fn fragments_together_keep_to_the_bound() {
    let mut server = Endpoint::server_with(Config { message_bytes_max: 10, ..Config::default() });
    assert_eq!(server.read(&[masked(0x02, &[0; 6]), masked(0x00, &[0; 4])].concat()), []);
    let error = ProtocolError::MessageTooBig { limit_bytes: 10 };
    assert_eq!(server.read(&masked(0x80, &[0; 1])[..6]), [failed(error)]);
}

#[test]
fn more_fragments_than_the_bound_fail() {
    let mut server = Endpoint::server_with(Config { fragments_max: 3, ..Config::default() });
    assert_eq!(server.read(&[masked(0x02, b"a"), masked(0, b"b"), masked(0x80, b"c")].concat()), [binary(b"abc")]);
    let too_many = [masked(0x02, b"a"), masked(0, b"b"), masked(0, b"c"), masked(0x80, b"d")].concat();
    assert_eq!(server.read(&too_many), [failed(ProtocolError::TooManyFragments { limit: 3 })]);
}

#[test]
fn a_message_of_65_536_fragments_passes() {
    let mut bytes = masked(0x02, b"x");
    for _ in 0..65_534 {
        bytes.extend(masked(0x00, b"x"));
    }
    bytes.extend(masked(0x80, b"x"));
    assert_eq!(Endpoint::server().read_in(&bytes, &[60_000]), [binary(&[b'x'; 65_536])]);
}

#[test]
fn empty_fragments_hold_no_memory_and_end_at_the_bound() {
    let mut server = Endpoint::server_with(Config { fragments_max: 1000, ..Config::default() });
    let mut fragments = masked(0x01, b"");
    for _ in 0..999 {
        fragments.extend(masked(0x00, b""));
    }
    assert_eq!(server.read(&fragments), []);
    assert!(server.connection.unfinished_bytes() <= 4096);
    assert_eq!(server.read(&masked(0x00, b"")), [failed(ProtocolError::TooManyFragments { limit: 1000 })]);
}

#[test]
fn a_finished_message_leaves_nothing_behind() {
    let mut server = Endpoint::server();
    let bytes = masked(0x82, &[1; 5000]);
    assert_eq!(server.read(&bytes[..2000]), []);
    assert!(server.connection.unfinished_bytes() >= 1990);
    assert_eq!(server.read(&bytes[2000..]), [binary(&[1; 5000])]);
    assert_eq!(server.connection.unfinished_bytes(), 0);
}
