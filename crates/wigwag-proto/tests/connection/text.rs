//! RFC 6455 §8.1: text is UTF-8, and what cannot become UTF-8 fails as soon as that is seen.

use wigwag_proto::{CloseCode, Message, MessageKind, ProtocolError};

use super::support::*;

const KOSME: &str = "κόσμε";

#[test]
fn text_may_be_cut_inside_a_character() {
    let bytes = KOSME.as_bytes();
    for at in 0..=bytes.len() {
        check_server_reads(&[masked(0x01, &bytes[..at]), masked(0x80, &bytes[at..])].concat(), &[text(KOSME)]);
    }
}

#[test]
fn bad_text_fails_with_1007() {
    assert_eq!(ProtocolError::InvalidUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
    for bad in [&b"\xff"[..], b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"abc\xe2\x82", b"\x80"] {
        check_server_fails(&masked(0x81, bad), ProtocolError::InvalidUtf8);
        check_server_fails(&[masked(0x01, bad), masked(0x80, b"")].concat(), ProtocolError::InvalidUtf8);
    }
}

#[test]
fn text_that_ends_inside_a_character_fails() {
    for end in 1..4 {
        let cut = &"𝄞".as_bytes()[..end];
        check_server_fails(&masked(0x81, cut), ProtocolError::InvalidUtf8);
        check_server_fails(&[masked(0x01, b"a"), masked(0x80, cut)].concat(), ProtocolError::InvalidUtf8);
    }
}

#[test]
fn binary_may_be_anything() {
    check_server_reads(&masked(0x82, b"\xff\xfe\x80"), &[binary(b"\xff\xfe\x80")]);
}

#[test]
fn bad_text_fails_at_the_fragment_that_has_it() {
    let mut server = Endpoint::server();
    assert_eq!(server.read(&masked(0x01, KOSME.as_bytes())), []);
    assert_eq!(server.read(&masked(0x00, b"\xf4\x90\x80\x80")), [failed(ProtocolError::InvalidUtf8)]);
}

#[test]
fn bad_text_fails_inside_an_unfinished_frame() {
    let frame = masked(0x81, b"abc\xf4\x90\x80\x80 and much more");
    let mut server = Endpoint::server();
    assert_eq!(server.read(&frame[..6 + 4]), []);
    assert_eq!(server.read(&frame[10..11]), [failed(ProtocolError::InvalidUtf8)]);
}

#[test]
fn pieces_of_text_are_judged_like_whole_messages() {
    let mut server = Endpoint::server();
    server.connection.set_piecewise(true);
    assert_eq!(server.read(&masked(0x01, b"abc\xf4")), [piece(MessageKind::Text, b"abc\xf4", true, false)]);
    assert_eq!(server.read(&masked(0x80, b"\x90\x80\x80")), [failed(ProtocolError::InvalidUtf8)]);
}

#[test]
fn messages_know_their_bytes_and_kind() {
    assert_eq!((Message::Text("é").kind(), Message::Text("é").as_bytes()), (MessageKind::Text, "é".as_bytes()));
    assert_eq!((Message::Binary(b"b").kind(), Message::Binary(b"b").as_bytes()), (MessageKind::Binary, &b"b"[..]));
}
