//! Input: `settings, bound (2 bytes), rest`. The rest goes into an inflater as messages cut at its first byte's value, and
//! through a compressor and back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wigwag_proto::deflate::{Deflater, Inflater};

fuzz_target!(|input: &[u8]| {
    let Some((settings, rest)) = input.split_first() else { return };
    let Some((bound, rest)) = rest.split_first_chunk::<2>() else { return };
    inflate_anything(rest, usize::from(u16::from_le_bytes(*bound)));
    come_back(rest, *settings);
});

/// Whatever the bytes are: no panic, nothing reserved beyond the bound, nothing left of a message that fails.
fn inflate_anything(bytes: &[u8], bytes_max: usize) {
    let message_bytes = bytes.first().map_or(1, |byte| usize::from(*byte) + 1);
    let mut inflater = Inflater::new(15);
    for message in bytes.chunks(message_bytes) {
        let mut out = Vec::new();
        let result = inflater.inflate(message, bytes_max, &mut out);
        assert!(out.capacity() <= bytes_max, "{} bytes reserved for {bytes_max}", out.capacity());
        if result.is_err() {
            assert!(out.is_empty());
            inflater.reset();
        }
    }
}

/// Two messages, with or without the window between them, come back as they were.
fn come_back(payload: &[u8], settings: u8) {
    let window_bits = 9 + settings % 7;
    let keep_window = settings & 0x80 != 0;
    let mut deflater = Deflater::new(window_bits, 1 + settings / 7 % 9, settings / 63 * 3 % 10);
    let mut inflater = Inflater::new(window_bits);
    for message in [payload, &payload[payload.len() / 3..]] {
        let (mut compressed, mut out) = (Vec::new(), Vec::new());
        deflater.compress(message, &mut compressed);
        inflater.inflate(&compressed, message.len(), &mut out).expect("its own output");
        assert_eq!(out, message);
        if !keep_window {
            deflater.reset();
            inflater.reset();
        }
    }
}
