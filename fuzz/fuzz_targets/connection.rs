//! A whole connection: no panic, memory within its bound, and the same events and answers however the input is cut, and by
//! whichever of its ways whole messages are taken.

#![no_main]

use std::{sync::Arc, time::Instant};

use libfuzzer_sys::fuzz_target;
use wigwag_proto::{Config, Connection, Context, Event, Input, MessageKind, Role, deflate::Negotiated};

const MESSAGE_BYTES_MAX: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let [setup, chunk, bytes @ ..] = bytes else { return };
    let chunk_bytes = usize::from(*chunk).max(1);
    let expected = run(*setup, bytes, usize::MAX, false);
    assert_eq!(run(*setup, bytes, chunk_bytes, false), expected);
    assert_eq!(run(*setup, bytes, usize::MAX, true), expected);
    assert_eq!(run(*setup, bytes, chunk_bytes, true), expected);
});

/// The events and the bytes which the connection sends. `short_cuts`: messages that lie there whole are taken as such.
fn run(setup: u8, bytes: &[u8], chunk_bytes: usize, short_cuts: bool) -> (Vec<String>, Vec<u8>) {
    let role = if setup & 1 == 0 { Role::Server } else { Role::Client };
    let negotiated = Negotiated {
        server_no_context_takeover: setup & 4 != 0,
        client_no_context_takeover: setup & 8 != 0,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    // Pongs are left out when too many wait: with room for all, when they are sent makes no difference.
    let pongs_waiting_max = usize::MAX;
    let config = Config { message_bytes_max: MESSAGE_BYTES_MAX, pongs_waiting_max, ..Config::default() };
    let mut context = Context::new(Instant::now(), |keys| keys.fill([1, 2, 3, 4]));
    let mut connection = Connection::new(role, Arc::new(config), (setup & 2 != 0).then_some(negotiated));

    let mut events = Vec::new();
    let mut sent = Vec::new();
    let mut bytes = bytes.to_vec();
    for chunk in bytes.chunks_mut(chunk_bytes) {
        let mut input = Input::new(chunk);
        loop {
            if short_cuts {
                take_some(&connection, &mut input, &mut events);
            }
            let Some(event) = connection.handle_bytes(&mut input, &mut context) else { break };
            events.push(format!("{event:?}"));
        }
        assert!(connection.unfinished_bytes() <= 4 * MESSAGE_BYTES_MAX, "{connection:?}");
    }
    events.extend(connection.handle_eof(&mut context).map(|event| format!("{event:?}")));
    while let Some(transmit) = connection.poll_transmit() {
        let before_bytes = sent.len();
        transmit.as_slices().iter().for_each(|slice| sent.extend_from_slice(slice));
        let count = sent.len() - before_bytes;
        connection.handle_transmitted(count, &mut context);
    }
    (events, sent)
}

/// Takes some of the messages in front, those of one byte by comparison.
fn take_some(connection: &Connection, input: &mut Input<'_>, events: &mut Vec<String>) {
    for (kind, text) in [(MessageKind::Text, "x"), (MessageKind::Binary, "y")] {
        let expected = [text.as_bytes()[0]];
        let count = connection.take_equal(input, kind, std::iter::repeat_n(expected, 2));
        events.extend((0..count).map(|_| as_event(kind, &expected)));
    }
    let mut wanted = 2;
    connection.take_while(input, |kind, bytes| {
        let is_wanted = wanted > 0;
        if is_wanted {
            wanted -= 1;
            events.push(as_event(kind, bytes));
        }
        is_wanted
    });
    events.extend(connection.take_short(input).map(|(kind, bytes)| as_event(kind, bytes)));
}

/// The event that the message would be.
fn as_event(kind: MessageKind, bytes: &[u8]) -> String {
    let event = match kind {
        MessageKind::Text => Event::Text(std::str::from_utf8(bytes).expect("text is UTF-8").into()),
        MessageKind::Binary => Event::Binary(bytes.into()),
    };
    format!("{event:?}")
}
