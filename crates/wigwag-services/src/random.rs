//! `/random`: the message, a space, and a whole number from 1 to 100, each equally likely.
//!
//! Nothing is allocated or locked per message: the parts of an answer are put together in the connection's out-buffer,
//! and the generator is the thread's own. The numbers are no secret; nobody may rely on their being unforeseeable.

use wigwag_net::{Message, MessageKind, Messages, Service, Socket};

/// Answers with the message, a space and a random number. See `docs/services/random.md`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Service for Random {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        answer(socket, message.kind(), message.as_bytes());
    }

    fn on_messages(&mut self, messages: &mut Messages<'_, '_>) {
        while let Some((mut socket, kind, bytes)) = messages.take_next_bytes() {
            answer(&mut socket, kind, bytes);
        }
    }
}

fn answer(socket: &mut Socket<'_>, kind: MessageKind, message: &[u8]) {
    let suffix = Suffix::new(fastrand::u8(1..=100));
    socket.send_parts(kind, &[message, suffix.as_bytes()]);
}

/// What an answer adds: a space and up to three digits.
struct Suffix {
    bytes: [u8; 4],
    len: usize,
}

impl Suffix {
    fn new(number: u8) -> Self {
        let [hundreds, tens, ones] = [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit);
        let (bytes, len) = match number {
            0..10 => ([b' ', ones, 0, 0], 2),
            10..100 => ([b' ', tens, ones, 0], 3),
            100.. => ([b' ', hundreds, tens, ones], 4),
        };
        Self { bytes, len }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_is_zero_sized() {
        assert_eq!(size_of::<Random>(), 0);
    }

    #[test]
    fn suffix_is_the_number_in_decimal() {
        for number in 0..=u8::MAX {
            assert_eq!(Suffix::new(number).as_bytes(), format!(" {number}").as_bytes());
        }
    }
}
