//! The peer's side has ended, ours has not: for relays, which deliver what others have still to say.

use wigwag_proto::{CloseCode, CloseReason, Config, Event, Message, ProtocolError, SendError};

use super::support::*;

fn half_open() -> Endpoint {
    Endpoint::server_with(Config { half_open: true, ..Config::default() })
}

#[test]
fn a_close_waits_for_its_answer_and_what_is_sent_before_goes_out() {
    let mut server = half_open();
    let reason = CloseReason::new(CloseCode::NORMAL, "done");
    assert_eq!(server.read(&masked(0x88, b"\x03\xe8done")), [Event::Close(reason.clone())]);
    assert!(server.connection.is_open() && server.connection.is_half_open());
    assert_eq!(server.write_all(), b"");
    assert_eq!(server.connection.close_reason(), Some(&reason));
    server.send_text("late");
    server.connection.close(CloseCode::new(4000), "so long", &mut server.context);
    assert_eq!(server.write_all(), b"\x81\x04late\x88\x09\x0f\xa0so long");
    assert!(server.connection.is_done() && server.connection.is_clean());
    let late = server.connection.send(Message::Text("too late"), &mut server.context);
    assert_eq!(late, Err(SendError::Closing));
}

#[test]
fn a_breach_is_told_when_we_close_whatever_the_code() {
    let mut server = half_open();
    assert_eq!(server.read(&masked(0x83, b"")).len(), 1);
    assert!(matches!(server.connection.error(), Some(ProtocolError::Frame(_))));
    server.send_text("late");
    server.connection.close(Some(CloseCode::NORMAL), "", &mut server.context);
    let sent = server.write_all();
    assert!(sent.starts_with(b"\x81\x04late\x88"), "{sent:x?}");
    assert_eq!(&sent[8..10], &1002_u16.to_be_bytes());
    assert!(server.connection.is_done() && !server.connection.is_clean());
}

#[test]
fn input_after_the_peers_end_is_discarded() {
    let mut server = half_open();
    let events = server.read(&[masked(0x88, b""), masked(0x81, b"late"), masked(0x89, b"ping")].concat());
    assert_eq!(events, [Event::Close(CloseReason::default())]);
    assert_eq!(server.write_all(), b"");
}

#[test]
fn an_answer_to_our_own_close_ends_as_ever() {
    let mut server = half_open();
    server.connection.close(Some(CloseCode::NORMAL), "", &mut server.context);
    assert_eq!(server.read(&masked(0x88, b"\x03\xe8")).len(), 1);
    assert!(!server.connection.is_open() && server.connection.is_clean());
}
