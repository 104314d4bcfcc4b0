//! Inflation of anything stays within its bound and does not panic; what was compressed is inflated to the same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wigwag_proto::deflate::{Deflater, Inflater};

const BYTES_MAX: usize = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Some((setup, bytes)) = bytes.split_first() else { return };
    let window_bits = 9 + setup % 7;
    let mut inflater = Inflater::new(window_bits);
    let mut out = b"kept".to_vec();
    match inflater.inflate(bytes, BYTES_MAX, &mut out) {
        Ok(()) => assert!(out.len() <= BYTES_MAX),
        Err(_) => assert_eq!(out, b"kept"),
    }

    // A failed message leaves nothing behind once the window is forgotten.
    inflater.reset();
    let mut deflater = Deflater::new(window_bits, 1 + setup / 7 % 9, setup / 63);
    for payload in [bytes, &bytes[bytes.len() / 2..]] {
        let mut compressed = Vec::new();
        deflater.compress(payload, &mut compressed);
        let mut out = Vec::new();
        inflater.inflate(&compressed, payload.len(), &mut out).expect("what was compressed inflates");
        assert_eq!(out, payload);
    }
});
