//! RFC 6455 §5.1, §5.3: clients mask, servers do not.

use wigwag_proto::{Input, Message, ProtocolError};

use super::support::*;

#[test]
fn the_masked_example_of_section_5_7_is_hello() {
    check_server_reads(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], &[text("Hello")]);
}

#[test]
fn the_plain_example_of_section_5_7_is_hello_to_a_client() {
    assert_eq!(Endpoint::client().read(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]), [text("Hello")]);
}

#[test]
fn a_server_fails_a_frame_without_mask() {
    for first in [0x81, 0x82, 0x01, 0x89, 0x8a, 0x88] {
        check_server_fails(&plain(first, b""), ProtocolError::Unmasked);
    }
}

#[test]
fn a_client_fails_a_frame_with_mask() {
    for first in [0x81, 0x82, 0x01, 0x89, 0x8a, 0x88] {
        assert_eq!(Endpoint::client().read(&masked(first, b"")), [failed(ProtocolError::Masked)]);
    }
}

#[test]
fn a_client_takes_a_fresh_key_for_each_frame() {
    let mut client = Endpoint::client();
    client.send_text("same");
    client.send_text("same");
    client.connection.ping(b"same", &mut client.context).expect("open");
    let keys: Vec<_> = client.write_frames().into_iter().map(|frame| frame.header.mask.expect("a mask")).collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2], "{keys:?}");
}

#[test]
fn a_server_masks_nothing() {
    let mut server = Endpoint::server();
    server.connection.send(Message::Binary(b"data"), &mut server.context).expect("open");
    server.read(&masked(0x89, b"ping"));
    assert!(server.write_frames().iter().all(|frame| frame.header.mask.is_none()));
}

#[test]
fn a_judge_that_panics_leaves_what_follows_as_it_was_read() {
    let frames = ["one", "two", "six"].map(|payload| masked(0x81, payload.as_bytes())).concat();
    let mut server = Endpoint::server();
    let mut bytes = frames.clone();
    let mut input = Input::new(&mut bytes);
    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        server.connection.take_while(&mut input, |_, payload| {
            assert_ne!(payload, b"two");
            true
        })
    }));
    assert!(judged.is_err());
    assert_eq!(input.rest(), masked(0x81, b"six"));
    let rest = input.into_rest().to_vec();
    assert_eq!(server.read(&rest), [text("six")]);
}
