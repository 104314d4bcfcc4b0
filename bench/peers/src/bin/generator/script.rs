//! What the clients say and what they must hear: a ring of distinct masked frames, made once, and the check of
//! an answer. Knows nothing of sockets.

/// A ring of messages of one length. Every client walks round it, each from a place of its own.
pub(crate) struct Script {
    texts: Vec<u8>,
    /// The ring twice over, so that any batch is one slice.
    frames: Vec<u8>,
    text_bytes: usize,
    frame_bytes: usize,
    len: usize,
}

impl Script {
    /// `len` messages of `text_bytes` each; a batch may not be longer than `len`.
    pub(crate) fn new(len: usize, text_bytes: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let mut texts = Vec::with_capacity(len * text_bytes);
        let mut frames = Vec::new();
        for _ in 0..len {
            let start = texts.len();
            texts.extend((0..text_bytes).map(|_| random.alphanumeric() as u8));
            push_frame(&mut frames, &texts[start..], random.u32(..).to_ne_bytes());
        }
        let frame_bytes = frames.len() / len;
        frames.extend_from_within(..);
        Self { texts, frames, text_bytes, frame_bytes, len }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// The bytes of `count` frames from place `from`.
    pub(crate) fn frames(&self, from: usize, count: usize) -> &[u8] {
        &self.frames[from * self.frame_bytes..(from + count) * self.frame_bytes]
    }

    /// Checks the first frame in `input` against the message at `place`.
    ///
    /// `Ok(Some(n))`: right, and `n` bytes long; `Ok(None)`: not all of it is there yet.
    pub(crate) fn check(&self, place: usize, input: &[u8]) -> Result<Option<usize>, String> {
        let &[first, second, ..] = input else { return Ok(None) };
        if first != TEXT_FINAL {
            return Err(format!("expected one unfragmented text frame, got first byte {first:#04x}"));
        }
        let (head, payload) = match (second, input) {
            (0..=125, _) => (2, usize::from(second)),
            (126, &[_, _, a, b, ..]) => (4, usize::from(u16::from_be_bytes([a, b]))),
            (126, _) => return Ok(None),
            _ => return Err(format!("expected a short unmasked frame, got second byte {second:#04x}")),
        };
        let Some(payload) = input.get(head..head + payload) else { return Ok(None) };
        let text = &self.texts[place * self.text_bytes..(place + 1) * self.text_bytes];
        match payload.split_at_checked(self.text_bytes) {
            Some((echo, [b' ', number @ ..])) if echo == text && is_1_to_100(number) => Ok(Some(head + payload.len())),
            _ => Err(format!(
                "answer is not the message, a space and 1..100: sent {:?}…, got {:?}…",
                String::from_utf8_lossy(&text[..text.len().min(24)]),
                String::from_utf8_lossy(&payload[..payload.len().min(32)]),
            )),
        }
    }
}

fn is_1_to_100(digits: &[u8]) -> bool {
    match digits {
        [a] => (b'1'..=b'9').contains(a),
        [a, b] => (b'1'..=b'9').contains(a) && b.is_ascii_digit(),
        _ => digits == b"100",
    }
}

fn push_frame(out: &mut Vec<u8>, text: &[u8], mask: [u8; 4]) {
    out.push(TEXT_FINAL);
    match u16::try_from(text.len()) {
        Ok(len @ 0..=125) => out.push(MASKED | len as u8),
        Ok(len) => {
            out.push(MASKED | 126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        Err(_) => unreachable!("no workload sends more than 65535 bytes"),
    }
    out.extend_from_slice(&mask);
    out.extend(text.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

const TEXT_FINAL: u8 = 0x81;
const MASKED: u8 = 0x80;

#[cfg(test)]
mod answers {
    use super::*;

    fn script() -> (Script, Vec<u8>) {
        let script = Script::new(2, 16);
        let text = script.texts[16..].to_vec();
        (script, text)
    }

    fn frame(text: &[u8], tail: &str) -> Vec<u8> {
        let mut out = vec![TEXT_FINAL, (text.len() + tail.len()) as u8];
        out.extend_from_slice(text);
        out.extend_from_slice(tail.as_bytes());
        out
    }

    #[test]
    fn right_ones_pass_at_their_length() {
        let (script, text) = script();
        for tail in [" 1", " 42", " 100"] {
            let input = frame(&text, tail);
            assert_eq!(script.check(1, &input), Ok(Some(input.len())));
            assert_eq!(script.check(1, &input[..input.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn wrong_number_wrong_text_and_wrong_place_fail() {
        let (script, text) = script();
        for tail in [" 0", " 101", " 007", "42", ""] {
            assert!(script.check(1, &frame(&text, tail)).is_err(), "{tail:?}");
        }
        assert!(script.check(0, &frame(&text, " 42")).is_err());
    }

    #[test]
    fn a_batch_may_wrap_round_the_ring() {
        let (script, _) = script();
        assert_eq!(script.frames(1, 2).len(), 2 * script.frame_bytes());
        assert_eq!(script.frames(1, 2)[script.frame_bytes()..], script.frames[..script.frame_bytes()]);
    }
}
