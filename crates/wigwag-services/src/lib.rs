//! The ready services: one service is one file here and one page in `docs/services/`.
//!
//! Each type is the behaviour of one connection and, cloned, of the next: a route keeps one and hands out clones. They
//! stand on the reactor's [`Service`](wigwag_net::Service) alone. Absent on purpose: paths, configuration, sockets.
//!
//! | service | answers with |
//! |---|---|
//! | [`Echo`] | the same message |
//! | [`Random`] | the same message, a space and a number from 1 to 100 |
//! | [`Stream`] | a text's characters one by one, there and back, and a count |
//! | [`Letters`] | the numbers of the letters subscribed to, as they change |

mod echo;
mod letters;
mod random;
mod stream;
// One file serves both crates: it is for tests, and no crate is to depend on another for it.
#[cfg(test)]
#[path = "../../wigwag-server/src/wire.rs"]
mod wire;

pub use echo::Echo;
pub use letters::Letters;
pub use random::Random;
pub use stream::Stream;

/// The beginning of what a client sent, for an error: the answer need not be as long as the question.
fn shortened(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| &text[..end])
}
