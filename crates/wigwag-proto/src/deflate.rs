//! permessage-deflate (RFC 7692): negotiated parameters, bounded inflation, compression.
//!
//! Whole messages in, whole messages out, over zlib-rs. Knows nothing of frames and of the negotiation itself; whether the
//! window lives on between messages is the caller's choice ([`Deflater::reset`], [`Inflater::reset`]).

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

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
///
/// Memory, all of it taken at the start: 128 KiB for the hash table of zlib-rs, which no setting makes smaller, and about
/// `4 << window_bits` + `448 << memory_level` bytes. 139 KiB at 10 and 3, 148 KiB at 12 and 1, 371 KiB at 15 and 8.
pub struct Deflater {
    stream: Deflate,
    /// Nothing was compressed since the window was last empty.
    fresh: bool,
}

impl Deflater {
    /// A compressor: `window_bits` 9–15, `memory_level` 1–9, `level` 0–9 as in zlib.
    ///
    /// # Panics
    ///
    /// When an argument is outside its range; the negotiation lets no such window pass.
    #[must_use]
    pub fn new(window_bits: u8, memory_level: u8, level: u8) -> Self {
        assert!((9..=15).contains(&window_bits), "window bits {window_bits} outside 9-15");
        assert!((1..=9).contains(&memory_level), "memory level {memory_level} outside 1-9");
        assert!(level <= 9, "level {level} outside 0-9");
        let stream = Deflate::new_with_config(DeflateConfig {
            // Negative is zlib's word for raw DEFLATE, without its header and checksum.
            window_bits: -i32::from(window_bits),
            mem_level: i32::from(memory_level),
            level: i32::from(level),
            ..DeflateConfig::default()
        });
        Self { stream, fresh: true }
    }

    /// Appends the compressed `payload` to `out`, without the trailing `00 00 ff ff`.
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if payload.is_empty() {
            // §7.2.3.6: an empty message is one empty stored block, whatever came before.
            out.push(0);
            return;
        }
        self.fresh = false;
        let mut rest = payload;
        loop {
            // Incompressible data grows by an eighth at most; the rest is for block headers and the flush marker.
            let space = (rest.len() + rest.len() / 8 + 64).min(PIECE_BYTES_MAX);
            let start = out.len();
            out.resize(start + space, 0);
            let (consumed, produced) = self.step(rest, &mut out[start..]);
            out.truncate(start + produced);
            rest = &rest[consumed..];
            if produced < space {
                break;
            }
        }
        debug_assert!(rest.is_empty() && out.ends_with(&FLUSH_MARKER));
        out.truncate(out.len() - FLUSH_MARKER.len());
    }

    /// Forgets the window (no context takeover).
    pub fn reset(&mut self) {
        // Clearing the hash table costs microseconds.
        if !self.fresh {
            self.stream.reset();
            self.fresh = true;
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> (usize, usize) {
        let (in_before, out_before) = (self.stream.total_in(), self.stream.total_out());
        self.stream
            .compress(input, output, DeflateFlush::SyncFlush)
            .expect("a compressor that never finishes its stream accepts any input");
        ((self.stream.total_in() - in_before) as usize, (self.stream.total_out() - out_before) as usize)
    }
}

/// Inflates messages from the wire (RFC 7692 §7.2.2). Memory: 47 KiB, whatever the window.
pub struct Inflater {
    stream: Inflate,
}

impl Inflater {
    /// A decompressor with a window of `window_bits` (9–15).
    ///
    /// zlib-rs always keeps 32 KiB, so that a smaller window saves nothing and a peer that reaches back further than it
    /// promised is understood all the same.
    #[must_use]
    pub fn new(window_bits: u8) -> Self {
        Self { stream: Inflate::new(false, window_bits.clamp(9, 15)) }
    }

    /// Appends the inflated message to `out`, which never grows past `bytes_max` in all; `compressed` is the whole
    /// message without its trailing `00 00 ff ff`.
    ///
    /// After an error `out` is as long as before, and the inflater is of no use until [`Inflater::reset`].
    pub fn inflate(&mut self, compressed: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), InflateError> {
        let start = out.len();
        let result = self.inflate_blocks(compressed, bytes_max, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// Forgets the window (no context takeover), also after an error.
    pub fn reset(&mut self) {
        self.stream.reset(false);
    }

    fn inflate_blocks(&mut self, compressed: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), InflateError> {
        // Not RFC 7692 to the letter (an empty message is one byte, §7.2.3.6), but unambiguous.
        if compressed.is_empty() {
            return Ok(());
        }
        let mut rest = compressed;
        loop {
            let step = self.step_into(rest, bytes_max, out)?;
            rest = &rest[step.consumed..];
            if step.status == Status::StreamEnd {
                // §7.2.3.5: a block with BFINAL ends one DEFLATE stream; what follows is another, with an empty window.
                self.reset();
                if rest.is_empty() {
                    return Ok(());
                }
            } else if rest.is_empty() && !step.filled {
                return self.finish_message();
            } else if step.consumed == 0 && step.produced == 0 {
                return Err(InflateError::Corrupt);
            }
        }
    }

    /// Feeds the marker that the sender cut off. A whole message waits for exactly these bytes; a truncated one takes
    /// them for data.
    fn finish_message(&mut self) -> Result<(), InflateError> {
        // With `Block` the decoder stops at the end of the marker's empty block, short of the byte after it.
        let mut marker_and_more = [0; FLUSH_MARKER.len() + 1];
        marker_and_more[..FLUSH_MARKER.len()].copy_from_slice(&FLUSH_MARKER);
        let step = self.step(&marker_and_more, &mut [0; 1], InflateFlush::Block)?;
        if step.consumed == FLUSH_MARKER.len() && step.produced == 0 { Ok(()) } else { Err(InflateError::Corrupt) }
    }

    /// One call of the decoder into the free end of `out`, which is made larger by and by.
    fn step_into(&mut self, input: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<Step, InflateError> {
        let start = out.len();
        let room = bytes_max.saturating_sub(start);
        if room == 0 {
            // The bound is reached, which is fine if nothing more comes out.
            let step = self.step(input, &mut [0; 1], InflateFlush::NoFlush)?;
            return if step.produced == 0 { Ok(step) } else { Err(InflateError::TooBig) };
        }
        let space = (input.len() * 4).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX).min(room);
        if out.capacity() - start < space {
            let capacity = (out.capacity() * 2).max(start + space).min(bytes_max);
            out.reserve_exact(capacity - start);
        }
        out.resize(start + space, 0);
        let step = self.step(input, &mut out[start..], InflateFlush::NoFlush);
        out.truncate(start + step.as_ref().map_or(0, |step| step.produced));
        step
    }

    fn step(&mut self, input: &[u8], output: &mut [u8], flush: InflateFlush) -> Result<Step, InflateError> {
        let (in_before, out_before) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, output, flush).map_err(|_| InflateError::Corrupt)?;
        let produced = (self.stream.total_out() - out_before) as usize;
        let consumed = (self.stream.total_in() - in_before) as usize;
        Ok(Step { consumed, produced, filled: produced == output.len(), status })
    }
}

/// What one call of the decoder did.
struct Step {
    consumed: usize,
    produced: usize,
    /// The space was used up: more may be to come.
    filled: bool,
    status: Status,
}

/// What a flush ends with: the length words of an empty stored block. Cut by the sender, added by the receiver (§7.2).
const FLUSH_MARKER: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Least and most space offered to zlib at once. The space is zeroed first, so that more would be waste.
const PIECE_BYTES_MIN: usize = 512;
const PIECE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Deflater, InflateError, Inflater};

    const BYTES_MAX: usize = 1 << 20;

    mod examples_of_section_7_2_3 {
        use super::*;

        #[test]
        fn one_block() {
            check(&[b"\xf2\x48\xcd\xc9\xc9\x07\x00"], b"Hello");
        }

        #[test]
        fn shared_window() {
            check(&[b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00"], b"HelloHello");
        }

        #[test]
        fn stored_block() {
            check(&[b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"], b"Hello");
        }

        #[test]
        fn final_block_and_what_follows_it() {
            let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
            check(&[hello], b"Hello");
            check(&[hello, b"\xf2\x48\xcd\xc9\xc9\x07\x00", hello], b"HelloHelloHello");
            check(&[b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"], b"HelloHello");
        }

        #[test]
        fn final_block_at_the_very_end() {
            // As a peer writes that finishes its stream for each message and adds no empty block.
            let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00";
            check(&[hello, hello], b"HelloHello");
            // The marker itself may be the final block.
            check(&[b"\x01", hello, b"\x01", b"\x00", hello], b"HelloHello");
        }

        #[test]
        fn two_blocks() {
            check(&[b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"], b"Hello");
        }

        #[test]
        fn empty_message() {
            check(&[b"\x00"], b"");
            let mut out = Vec::new();
            Deflater::new(15, 8, 6).compress(b"", &mut out);
            assert_eq!(out, [0]);
        }

        /// All `messages` through one inflater.
        fn check(messages: &[&[u8]], expected: &[u8]) {
            let mut inflater = Inflater::new(15);
            let mut out = Vec::new();
            for message in messages {
                inflater.inflate(message, BYTES_MAX, &mut out).expect("valid");
            }
            assert_eq!(out, expected);
        }
    }

    mod bounds {
        use super::*;

        #[test]
        fn bomb_allocates_no_more_than_the_bound() {
            let mut bomb = Vec::new();
            Deflater::new(15, 8, 9).compress(&vec![0; 64 << 20], &mut bomb);
            assert!(bomb.len() < 70_000, "{} bytes are no bomb", bomb.len());
            for bytes_max in [0, 1, 1000, 65_536, BYTES_MAX] {
                let mut out = Vec::new();
                let result = Inflater::new(15).inflate(&bomb, bytes_max, &mut out);
                assert_eq!(result, Err(InflateError::TooBig));
                assert!(out.capacity() <= bytes_max, "{} bytes reserved for {bytes_max}", out.capacity());
            }
        }

        #[test]
        fn message_as_large_as_the_bound_passes() {
            for size in [1, 5, 511, 512, 513, 65_536, 100_000] {
                let payload = noise(size);
                let compressed = compress(&payload);
                let mut out = Vec::new();
                assert_eq!(Inflater::new(15).inflate(&compressed, size, &mut out), Ok(()));
                assert_eq!(out, payload);
                let mut out = Vec::new();
                let result = Inflater::new(15).inflate(&compressed, size - 1, &mut out);
                assert_eq!(result, Err(InflateError::TooBig), "{size} bytes");
            }
        }

        #[test]
        fn what_stands_in_out_counts_and_stays() {
            let compressed = compress(b"Hello");
            let mut out = b"before ".to_vec();
            assert_eq!(Inflater::new(15).inflate(&compressed, 11, &mut out), Err(InflateError::TooBig));
            assert_eq!(out, b"before ");
            assert_eq!(Inflater::new(15).inflate(&compressed, 12, &mut out), Ok(()));
            assert_eq!(out, b"before Hello");
        }

        #[test]
        fn short_message_reserves_little() {
            let mut out = Vec::new();
            Inflater::new(15).inflate(&compress(b"Hello"), BYTES_MAX, &mut out).expect("valid");
            assert!(out.capacity() <= 1024, "{} bytes", out.capacity());
        }
    }

    mod corruption {
        use super::*;

        #[test]
        fn message_cut_short_fails() {
            // Text, that is Huffman codes: the first byte of a stored block alone is a whole, empty message.
            let compressed = compress(&text(2000));
            for length in 1..compressed.len() {
                let result = Inflater::new(15).inflate(&compressed[..length], BYTES_MAX, &mut Vec::new());
                assert_eq!(result, Err(InflateError::Corrupt), "{length} of {} bytes", compressed.len());
            }
        }

        #[test]
        fn trailing_garbage_fails() {
            let garbage: [&[u8]; 6] = [b"\x00", b"\xff", b"\x00\x00\xff\xff", b"garbage", b"\x02", b"\x05"];
            for garbage in garbage {
                let message = [&compress(b"Hello"), garbage].concat();
                let result = Inflater::new(15).inflate(&message, BYTES_MAX, &mut Vec::new());
                assert_eq!(result, Err(InflateError::Corrupt), "{garbage:x?}");
            }
        }

        #[test]
        fn reach_behind_the_window_fails() {
            // The second message of the example above, without the first.
            let result = Inflater::new(15).inflate(b"\xf2\x00\x11\x00\x00", BYTES_MAX, &mut Vec::new());
            assert_eq!(result, Err(InflateError::Corrupt));
        }

        #[test]
        fn reset_mends_after_an_error() {
            let mut inflater = Inflater::new(15);
            let compressed = compress(b"Hello");
            for (bad, bytes_max) in [(&b"\xff\xff"[..], BYTES_MAX), (&compressed[..], 2), (&compressed[..3], BYTES_MAX)]
            {
                let mut out = Vec::new();
                inflater.inflate(bad, bytes_max, &mut out).expect_err("bad or too big");
                assert!(out.is_empty());
                inflater.reset();
                inflater.inflate(&compressed, BYTES_MAX, &mut out).expect("valid");
                assert_eq!(out, b"Hello");
                inflater.reset();
            }
        }
    }

    mod window {
        use super::*;

        #[test]
        fn kept_window_shortens_the_next_message() {
            let payload = noise(200);
            let mut deflater = Deflater::new(15, 8, 6);
            let lengths = [(); 3].map(|()| {
                let mut out = Vec::new();
                deflater.compress(&payload, &mut out);
                out.len()
            });
            assert!(lengths[1] < 20 && lengths[2] < 20, "{lengths:?}");
            deflater.reset();
            let mut out = Vec::new();
            deflater.compress(&payload, &mut out);
            assert_eq!(out.len(), lengths[0]);
        }

        #[test]
        fn nothing_reaches_further_back_than_the_window() {
            for window_bits in 9..=15 {
                let compressed_bytes = |distance: usize| {
                    let mut out = Vec::new();
                    Deflater::new(window_bits, 8, 6).compress(&noise(distance).repeat(2), &mut out);
                    out.len()
                };
                let (near, far) = ((1 << window_bits) - 300, (1 << window_bits) + 1);
                assert!(compressed_bytes(near) < near * 3 / 2, "{window_bits} bits: the window is not used");
                assert!(compressed_bytes(far) >= far * 2, "{window_bits} bits: the window is exceeded");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn messages_come_back(
            messages in prop::collection::vec(payload(), 1..6),
            window_bits in 9u8..=15,
            memory_level in 1u8..=9,
            level in 0u8..=9,
            keep_window: bool,
        ) {
            let mut deflater = Deflater::new(window_bits, memory_level, level);
            let mut inflater = Inflater::new(window_bits);
            for message in &messages {
                let mut compressed = b"untouched".to_vec();
                deflater.compress(message, &mut compressed);
                let mut out = Vec::new();
                prop_assert_eq!(inflater.inflate(&compressed[9..], message.len(), &mut out), Ok(()));
                prop_assert_eq!(&compressed[..9], b"untouched");
                prop_assert!(&out == message);
                if !keep_window {
                    deflater.reset();
                    inflater.reset();
                }
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_exceed_the_bound(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..5),
            bytes_max in 0usize..5000,
        ) {
            let mut inflater = Inflater::new(15);
            for message in messages {
                let mut out = Vec::new();
                let result = inflater.inflate(&message, bytes_max, &mut out);
                prop_assert!(out.capacity() <= bytes_max);
                if result.is_err() {
                    inflater.reset();
                }
            }
        }

        #[test]
        fn damaged_message_does_not_exceed_the_bound(payload in payload(), at: prop::sample::Index, byte: u8) {
            let mut message = compress(&payload);
            let at = at.index(message.len());
            message[at] = byte;
            let mut out = Vec::new();
            let result = Inflater::new(15).inflate(&message, payload.len(), &mut out);
            prop_assert!(out.capacity() <= payload.len());
            prop_assert!(result.is_ok() || out.is_empty());
        }
    }

    fn compress(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Deflater::new(15, 8, 6).compress(payload, &mut out);
        out
    }

    /// JSON lines, that is dynamic Huffman codes and matches.
    fn text(size: usize) -> Vec<u8> {
        let lines =
            (0..).map(|i: u64| format!("{{\"id\":{i},\"value\":{},\"name\":\"n{}\"}}\n", i * 7919 % 1009, i % 13));
        lines.flat_map(String::into_bytes).take(size).collect()
    }

    /// Bytes without repetition.
    fn noise(size: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        std::iter::repeat_with(next).take(size).collect()
    }

    /// Noise, runs and repeated words, from nothing to more than the largest window.
    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            (any::<u8>(), 0usize..40_000).prop_map(|(byte, size)| vec![byte; size]),
            (prop::collection::vec(any::<u8>(), 1..900), 1usize..90).prop_map(|(word, times)| word.repeat(times)),
            (0usize..70_000).prop_map(noise),
        ];
        prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
    }
}
