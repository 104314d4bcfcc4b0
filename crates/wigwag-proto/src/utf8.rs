//! UTF-8 validated as it arrives (RFC 6455 §8.1): a text message may be cut anywhere, also inside a character.

/// The bytes cannot become UTF-8, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("text that is not UTF-8")]
pub struct InvalidUtf8;

/// Validates text that comes in pieces. Holds at most the three bytes of an unfinished character.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Validator {
    pending: [u8; 3],
    pending_bytes: u8,
}

impl Utf8Validator {
    /// Takes the next piece; fails at the first byte that makes the text invalid for good.
    pub fn push(&mut self, _piece: &[u8]) -> Result<(), InvalidUtf8> {
        unimplemented!()
    }

    /// The message ends here: fails if a character is unfinished.
    pub fn finish(&mut self) -> Result<(), InvalidUtf8> {
        unimplemented!()
    }
}
