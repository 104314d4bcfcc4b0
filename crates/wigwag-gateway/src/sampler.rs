//! Which messages are measured, and how long a side that broke the protocol waits for the other's last words.

use std::time::{Duration, Instant};

use wigwag_net::Socket;

use crate::metrics::Buckets;

/// Counts messages, and picks the first and one of [`EVERY`].
#[derive(Default)]
pub(crate) struct Sampler(u16);

impl Sampler {
    /// So many messages were passed on to `socket`. If some of them are to be measured, all are written at once, so that the
    /// clock stops with the write. That takes a batch apart, which costs: so only few are.
    pub(crate) fn sample(&mut self, messages: u64, socket: &mut Socket<'_>, latency: &Buckets) {
        let before = u64::from(self.0);
        let after = before + messages;
        let picked = after.div_ceil(EVERY) - before.div_ceil(EVERY);
        self.0 = (after % EVERY) as u16;
        if picked > 0 {
            let found_readable = socket.now();
            socket.flush();
            let took = Instant::now().duration_since(found_readable);
            (0..picked).for_each(|_| latency.count(took));
        }
    }
}

const EVERY: u64 = 1024;

/// How long one side's breach of the protocol is kept from it, while the other has still something to say.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(900);
