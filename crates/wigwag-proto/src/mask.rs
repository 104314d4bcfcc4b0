//! Masking in place (RFC 6455 §5.3).

/// XORs `payload` with `key`; `offset` is how many bytes of the frame's payload came before.
pub fn apply(payload: &mut [u8], key: [u8; 4], offset: usize) {
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[(offset + index) % 4];
    }
}
