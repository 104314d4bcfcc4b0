//! UTF-8 validated as it arrives (RFC 6455 §8.1): a text message may be cut anywhere, also inside a character.
//!
//! Whole characters go through simdutf8; the at most three bytes of an unfinished one are kept and judged by themselves, so
//! that a text fails with the first byte that no continuation can mend. The text itself is not kept.

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
    /// Takes the next piece; fails at the first byte that makes the text invalid for good, and is then as new.
    #[inline]
    pub fn push(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        // The common case by far; simdutf8 reaches its speed with longer pieces only.
        if self.pending_bytes == 0 && piece.len() < SHORT_BYTES && piece.is_ascii() {
            return Ok(());
        }
        let piece = if self.pending_bytes == 0 { piece } else { self.complete_pending(piece)? };
        let (whole, tail) = piece.split_at(piece.len() - unfinished_bytes(piece));
        simdutf8::basic::from_utf8(whole).map_err(|_| InvalidUtf8)?;
        if tail.is_empty() { Ok(()) } else { self.keep(tail) }
    }

    /// The message ends here: fails if a character is unfinished. The next piece starts a new text.
    #[inline]
    pub fn finish(&mut self) -> Result<(), InvalidUtf8> {
        if std::mem::take(self).pending_bytes == 0 { Ok(()) } else { Err(InvalidUtf8) }
    }

    /// Completes the kept character with the start of `piece` and returns what follows it.
    #[cold]
    fn complete_pending<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], InvalidUtf8> {
        let Self { pending, pending_bytes } = std::mem::take(self);
        let kept = usize::from(pending_bytes);
        let (start, rest) = piece.split_at(piece.len().min(character_bytes(pending[0]) - kept));

        let mut character = [0; 4];
        character[..kept].copy_from_slice(&pending[..kept]);
        character[kept..kept + start.len()].copy_from_slice(start);
        let character = &character[..kept + start.len()];
        if std::str::from_utf8(character).is_err() {
            self.keep(character)?;
        }
        Ok(rest)
    }

    /// Keeps the start of a character, unless it is one that nothing can complete (`e0 80`, `ed a0`, `f4 90`, …).
    #[cold]
    fn keep(&mut self, start: &[u8]) -> Result<(), InvalidUtf8> {
        match std::str::from_utf8(start) {
            Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => {
                self.pending[..start.len()].copy_from_slice(start);
                self.pending_bytes = start.len() as u8;
                Ok(())
            }
            _ => Err(InvalidUtf8),
        }
    }
}

/// Whether all of `text` is UTF-8: quickest with short ASCII, which most text is.
#[inline]
pub(crate) fn is_valid(text: &[u8]) -> bool {
    text.len() < SHORT_BYTES && is_ascii(text) || simdutf8::basic::from_utf8(text).is_ok()
}

/// By words: the standard library's takes what is shorter than a vector byte by byte.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let seen = words.iter().fold(0, |seen, word| seen | u64::from_ne_bytes(*word));
    let seen = rest.iter().fold(seen, |seen, byte| seen | u64::from(*byte));
    seen & u64::from_ne_bytes([0x80; 8]) == 0
}

/// How many bytes at the end of `piece` belong to a character that goes on after it: 0–3.
#[inline]
fn unfinished_bytes(piece: &[u8]) -> usize {
    let last = piece.len().saturating_sub(3);
    // Found from the end: the first byte that is no continuation byte leads the last character.
    match piece[last..].iter().rev().position(|byte| byte & 0xc0 != 0x80) {
        Some(continuations) if character_bytes(piece[piece.len() - 1 - continuations]) > continuations + 1 => {
            continuations + 1
        }
        _ => 0,
    }
}

/// How many bytes the character led by `lead` takes. Bytes that lead none count as one: the validation rejects them.
#[inline]
fn character_bytes(lead: u8) -> usize {
    match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// Below this length, a look at whether all is ASCII costs less than simdutf8's start.
const SHORT_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{InvalidUtf8, Utf8Validator};

    #[test]
    fn state_is_four_bytes() {
        assert_eq!(size_of::<Utf8Validator>(), 4);
    }

    #[test]
    fn text_may_be_cut_inside_each_character() {
        for text in ["ascii", "κόσμε", "\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}", "日本語🏳️‍🌈"]
        {
            for at in 0..=text.len() {
                let (before, after) = text.as_bytes().split_at(at);
                assert_eq!(check(&[before, after]), Ok(()), "{text} cut at {at}");
            }
        }
    }

    /// Each is a character's start that no byte can complete, although more bytes were due (Autobahn 6.4).
    #[test]
    fn hopeless_start_fails_before_the_character_ends() {
        let hopeless: [&[u8]; 12] = [
            b"\x80",
            b"\xc0",
            b"\xc1",
            b"\xc2\x41",
            b"\xe0\x80",
            b"\xe2\x28",
            b"\xed\xa0",
            b"\xf0\x80",
            b"\xf0\x90\x28",
            b"\xf4\x90",
            b"\xf5",
            b"\xff",
        ];
        for bytes in hopeless {
            let mut whole = Utf8Validator::default();
            assert_eq!(whole.push(bytes), Err(InvalidUtf8), "{bytes:x?} at once");
            let (last, before) = bytes.split_last().expect("none is empty");
            let mut in_pieces = Utf8Validator::default();
            for byte in before {
                assert_eq!(in_pieces.push(&[*byte]), Ok(()), "{bytes:x?} before its last byte");
            }
            assert_eq!(in_pieces.push(&[*last]), Err(InvalidUtf8), "{bytes:x?} at its last byte");
        }
    }

    #[test]
    fn finish_fails_in_a_character_and_starts_anew() {
        let mut validator = Utf8Validator::default();
        assert_eq!(validator.push(b"\xf0\x9f\x8f"), Ok(()));
        assert_eq!(validator.finish(), Err(InvalidUtf8));
        assert_eq!(validator.push(b"next"), Ok(()));
        assert_eq!(validator.finish(), Ok(()));
    }

    #[test]
    fn failed_text_leaves_nothing_behind() {
        let mut validator = Utf8Validator::default();
        assert_eq!(validator.push(b"\xe2\x82"), Ok(()));
        assert_eq!(validator.push(b"A"), Err(InvalidUtf8));
        assert_eq!(validator.push(b"A"), Ok(()));
        assert_eq!(validator.finish(), Ok(()));
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_verdict_of_the_whole(bytes in bytes_like_text(), sizes in prop::collection::vec(0usize..70, 0..8)) {
            let mut pieces = Vec::new();
            let mut rest = &bytes[..];
            for size in sizes {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(check(&pieces).is_ok(), std::str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn fails_at_the_first_byte_that_cannot_be_mended(bytes in bytes_like_text(), at in any::<prop::sample::Index>()) {
            let cut = at.index(bytes.len() + 1);
            let mut validator = Utf8Validator::default();
            let mut verdict = validator.push(&bytes[..cut]);
            for end in cut..=bytes.len() {
                if end > cut && verdict.is_ok() {
                    verdict = validator.push(&bytes[end - 1..end]);
                }
                let hopeless = matches!(std::str::from_utf8(&bytes[..end]), Err(error) if error.error_len().is_some());
                prop_assert_eq!(verdict.is_err(), hopeless, "after {} bytes", end);
            }
        }
    }

    fn check(pieces: &[&[u8]]) -> Result<(), InvalidUtf8> {
        let mut validator = Utf8Validator::default();
        for piece in pieces {
            validator.push(piece)?;
        }
        validator.finish()
    }

    /// Mostly text of all character lengths; often with a byte changed; sometimes noise of the bytes that matter.
    fn bytes_like_text() -> impl Strategy<Value = Vec<u8>> {
        let critical = prop::sample::select(
            &b"A\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe2\xed\xee\xf0\xf1\xf4\xf5\xff"[..],
        );
        let text = prop::collection::vec(any::<char>(), 0..60).prop_map(|chars| String::from_iter(chars).into_bytes());
        let broken = (text.clone(), any::<prop::sample::Index>(), critical.clone()).prop_map(|(mut text, at, byte)| {
            if !text.is_empty() {
                let at = at.index(text.len());
                text[at] = byte;
            }
            text
        });
        prop_oneof![text, broken, prop::collection::vec(critical, 0..12)]
    }
}
