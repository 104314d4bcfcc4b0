//! permessage-deflate (RFC 7692): negotiated parameters, bounded inflation, compression.

/// What both sides agreed on (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The server forgets its window after each message.
    pub server_no_context_takeover: bool,
    /// The client forgets its window after each message.
    pub client_no_context_takeover: bool,
    /// Base-2 logarithm of the server's LZ77 window, 9–15.
    pub server_max_window_bits: u8,
    /// Base-2 logarithm of the client's LZ77 window, 9–15.
    pub client_max_window_bits: u8,
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InflateError {
    /// The bytes are not DEFLATE data.
    #[error("compressed data is corrupt")]
    Corrupt,
    /// More than the bound came out.
    #[error("message larger than its bound after inflation")]
    TooBig,
}

/// Compresses messages for the wire (RFC 7692 §7.2.1).
pub struct Deflater {}

impl Deflater {
    /// A compressor: `window_bits` 9–15, `memory_level` 1–9, `level` 0–9 as in zlib.
    #[must_use]
    pub fn new(_window_bits: u8, _memory_level: u8, _level: u8) -> Self {
        unimplemented!()
    }

    /// Appends the compressed `payload` to `out`, without the trailing `00 00 ff ff`.
    pub fn compress(&mut self, _payload: &[u8], _out: &mut Vec<u8>) {
        unimplemented!()
    }

    /// Forgets the window (no context takeover).
    pub fn reset(&mut self) {
        unimplemented!()
    }
}

/// Inflates messages from the wire (RFC 7692 §7.2.2).
pub struct Inflater {}

impl Inflater {
    /// A decompressor with a window of `window_bits` (9–15).
    #[must_use]
    pub fn new(_window_bits: u8) -> Self {
        unimplemented!()
    }

    /// Appends the inflated message to `out`, which never grows past `bytes_max` in all; `compressed` is the whole
    /// message without its trailing `00 00 ff ff`.
    pub fn inflate(&mut self, _compressed: &[u8], _bytes_max: usize, _out: &mut Vec<u8>) -> Result<(), InflateError> {
        unimplemented!()
    }

    /// Forgets the window (no context takeover), also after an error.
    pub fn reset(&mut self) {
        unimplemented!()
    }
}
