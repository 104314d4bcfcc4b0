//! Which messages are measured, and how long a side that broke the protocol waits for the other's last words.

use std::time::{Duration, Instant};

use wigwag_net::Socket;

use crate::metrics::Buckets;

/// Counts messages, and picks the first and one of [`EVERY`].
#[derive(Default)]
pub(crate) struct Sampler(u16);

impl Sampler {
    /// One message was passed on to `socket`. If it is to be measured, it is written at once, so that the clock stops
    /// with the write. That takes a batch apart, which costs: so only few are.
    pub(crate) fn sample(&mut self, socket: &mut Socket<'_>, latency: &Buckets) {
        let number = self.0;
        self.0 = (number + 1) % EVERY;
        if number == 0 {
            let found_readable = socket.now();
            socket.flush();
            latency.count(Instant::now().duration_since(found_readable));
        }
    }
}

const EVERY: u16 = 1024;

/// How long one side's breach of the protocol is kept from it, while the other has still something to say.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(900);
