//! A server connection's turns, a given number of them, for counting instructions: `turns TURNS FRAMES PAYLOAD_BYTES`.
//!
//! Each turn reads FRAMES masked text frames, answers each with itself, and writes once. `bench/instructions` runs this
//! under callgrind, whose counts do not mind a busy machine.

use std::{hint::black_box, sync::Arc, time::Instant};

use wigwag_proto::{
    Config, Connection, Context, Event, Input, Message, Role,
    frame::{Header, Opcode},
    mask,
};

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|number| number.parse().ok()).collect();
    let [turns, frames, payload_bytes] = numbers[..] else {
        eprintln!("usage: turns TURNS FRAMES PAYLOAD_BYTES");
        std::process::exit(2);
    };
    let read = masked_text(payload_bytes).repeat(frames);
    let mut buffer = read.clone();
    let mut connection = Connection::new(Role::Server, Arc::new(Config::default()), None);
    let mut context = Context::new(Instant::now(), |keys| keys.fill([1, 2, 3, 4]));
    let mut answered = 0;
    for _ in 0..turns {
        // Unmasking happens in place, so every turn needs the bytes anew.
        buffer.copy_from_slice(&read);
        let mut input = Input::new(black_box(&mut buffer));
        while let Some(event) = connection.handle_bytes(&mut input, &mut context) {
            if let Event::Text(text) = &event {
                answered += usize::from(connection.send(Message::Text(text), &mut context).is_ok());
            }
            context.recycle_event(event);
        }
        let queued = connection.queued_bytes();
        connection.handle_transmitted(black_box(queued), &mut context);
    }
    assert_eq!(answered, turns * frames, "every frame is a message, and every message is answered");
}

fn masked_text(payload_bytes: usize) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let header =
        Header { fin: true, rsv: 0, opcode: Opcode::Text, mask: Some(key), payload_bytes: payload_bytes as u64 };
    let mut frame = Vec::new();
    header.encode(&mut frame);
    let at = frame.len();
    frame.resize(at + payload_bytes, b'x');
    mask::apply(&mut frame[at..], key, 0);
    frame
}
