//! What a thread lends to its connections, so that they need not own it: the time, mask keys, buffers, compressors.

use std::{borrow::Cow, fmt, mem, time::Instant};

use super::event::Event;
use crate::deflate::{Deflater, InflateError, Inflater};

/// What a thread lends to its connections: the time, mask keys, compressors without context, buffers.
pub struct Context {
    /// The time of this turn; whoever owns the clock sets it once per turn.
    pub now: Instant,
    mask_keys: MaskKeys,
    compression: Compression,
    deflaters: [Option<Deflater>; WINDOW_SIZES],
    inflater: Option<Inflater>,
    buffers: Vec<Vec<u8>>,
    deflated: Vec<u8>,
}

/// How hard compressors work. Decompressors do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// 0 (none) to 9 (smallest), as in zlib. Default: 1, which takes a third of the time of 6 for 1 KiB and a tenth for 64 KiB.
    pub level: u8,
    /// 1 to 9, as in zlib's memLevel. Default: 8.
    pub memory_level: u8,
    /// Largest window a compressor uses, as base-2 logarithm, 9–15; the agreed one if that is smaller. Default: 15.
    pub window_bits_max: u8,
}

impl Default for Compression {
    fn default() -> Self {
        Self { level: 1, memory_level: 8, window_bits_max: WINDOW_BITS_MAX }
    }
}

impl Context {
    /// A context at `now`. `mask_keys` draws the keys of the next frames that a client sends, one each: they must not be
    /// predictable by who chooses the payload (§10.3).
    pub fn new(now: Instant, mask_keys: impl FnMut(&mut [[u8; 4]]) + Send + 'static) -> Self {
        let keys = [[0; 4]; MASK_KEYS_DRAWN];
        Self {
            now,
            mask_keys: MaskKeys { draw: Box::new(mask_keys), keys, used: MASK_KEYS_DRAWN },
            compression: Compression::default(),
            deflaters: Default::default(),
            inflater: None,
            buffers: Vec::new(),
            deflated: Vec::new(),
        }
    }

    /// The same with other compressors. A figure outside its range counts as the nearest inside.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = Compression {
            level: compression.level.min(9),
            memory_level: compression.memory_level.clamp(1, 9),
            window_bits_max: compression.window_bits_max.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX),
        };
        self.deflaters = Default::default();
        self
    }

    /// Takes a buffer that is no longer needed, such as the payload of an owned event, for later use. One that is
    /// larger than 64 KiB, or one too many, is dropped.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        let fits = (1..=POOLED_BUFFER_BYTES_MAX).contains(&buffer.capacity());
        if fits && self.buffers.len() < POOLED_BUFFERS_MAX {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }

    /// Takes the payload of an event that has been dealt with, if it is owned ([`Self::recycle`]).
    #[inline]
    pub fn recycle_event(&mut self, event: Event<'_>) {
        match event {
            Event::Text(Cow::Owned(text)) => self.recycle(text.into_bytes()),
            Event::Binary(Cow::Owned(bytes)) | Event::Piece { bytes: Cow::Owned(bytes), .. } => self.recycle(bytes),
            _ => {}
        }
    }

    /// An empty buffer, the one last given back if there is one: it is the likeliest to be in the cache.
    #[inline]
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_else(|| Vec::with_capacity(NEW_BUFFER_BYTES))
    }

    #[inline]
    pub(super) fn mask_key(&mut self) -> [u8; 4] {
        self.mask_keys.next()
    }

    /// A compressor for a connection that keeps its window.
    pub(super) fn new_deflater(&self, window_bits: u8) -> Deflater {
        let window_bits = self.window_bits(window_bits);
        Deflater::new(window_bits, self.compression.memory_level, self.compression.level)
    }

    /// The window that a compressor uses where `agreed` is the largest allowed.
    pub(super) fn window_bits(&self, agreed: u8) -> u8 {
        agreed.min(self.compression.window_bits_max).clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX)
    }

    /// `payload` compressed on its own, in a buffer to be given back with [`Self::put_deflated`].
    pub(super) fn deflate(&mut self, payload: &[u8], window_bits: u8) -> Vec<u8> {
        let mut deflated = self.take_deflated();
        let window_bits = self.window_bits(window_bits);
        let slot = &mut self.deflaters[usize::from(window_bits - WINDOW_BITS_MIN)];
        let Compression { level, memory_level, .. } = self.compression;
        let deflater = slot.get_or_insert_with(|| Deflater::new(window_bits, memory_level, level));
        deflater.compress(payload, &mut deflated);
        deflater.reset();
        deflated
    }

    /// An empty buffer for compressed bytes, to be given back with [`Self::put_deflated`].
    pub(super) fn take_deflated(&mut self) -> Vec<u8> {
        mem::take(&mut self.deflated)
    }

    /// Keeps the buffer for the next message, unless it has become too large to keep.
    pub(super) fn put_deflated(&mut self, mut deflated: Vec<u8>) {
        if deflated.capacity() <= POOLED_BUFFER_BYTES_MAX {
            deflated.clear();
            self.deflated = deflated;
        }
    }

    /// Inflates a message that stands on its own. The largest window reads what any smaller one wrote.
    pub(super) fn inflate(
        &mut self,
        compressed: &[u8],
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        let inflater = self.inflater.get_or_insert_with(|| Inflater::new(WINDOW_BITS_MAX));
        let result = inflater.inflate(compressed, bytes_max, out);
        inflater.reset();
        result
    }
}

type DrawKeys = dyn FnMut(&mut [[u8; 4]]) + Send;

/// Keys for the next frames of clients, drawn many at a time: to draw one costs more than what it is worth.
struct MaskKeys {
    draw: Box<DrawKeys>,
    keys: [[u8; 4]; MASK_KEYS_DRAWN],
    used: usize,
}

impl MaskKeys {
    #[inline]
    fn next(&mut self) -> [u8; 4] {
        if self.used >= MASK_KEYS_DRAWN {
            (self.draw)(&mut self.keys);
            self.used = 0;
        }
        let key = self.keys[self.used];
        self.used += 1;
        key
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("now", &self.now).field("buffers", &self.buffers.len()).finish_non_exhaustive()
    }
}

/// So many mask keys are drawn at a time.
const MASK_KEYS_DRAWN: usize = 64;
/// Buffers kept for later use: enough for the connections of a few turns, little memory (4 MiB at the most).
const POOLED_BUFFERS_MAX: usize = 64;
/// Largest buffer kept, in bytes: what one read brings fits, one huge message does not stay for ever.
const POOLED_BUFFER_BYTES_MAX: usize = 64 << 10;
/// Capacity of a fresh buffer, in bytes.
const NEW_BUFFER_BYTES: usize = 1024;

const WINDOW_BITS_MIN: u8 = 9;
const WINDOW_BITS_MAX: u8 = 15;
const WINDOW_SIZES: usize = (WINDOW_BITS_MAX - WINDOW_BITS_MIN) as usize + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mask_key_is_given_once_in_the_order_drawn() {
        let mut drawn = 0u32;
        let mut context = Context::new(Instant::now(), move |keys| {
            for key in keys {
                *key = drawn.to_be_bytes();
                drawn += 1;
            }
        });
        for expected in 0..3 * MASK_KEYS_DRAWN as u32 {
            assert_eq!(context.mask_key(), expected.to_be_bytes());
        }
    }
}
