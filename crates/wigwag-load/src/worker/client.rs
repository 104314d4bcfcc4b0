//! A simulated client's state, apart from its messages, which are the ledger's.

use wigwag_net::ConnectionId;

/// How far a simulated client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Not wanted yet, or not any more.
    #[default]
    Unborn,
    /// TCP, TLS or the handshake are under way.
    Opening,
    /// Messages flow.
    Open,
    /// We sent a Close and read up to the peer's.
    Ending,
    /// Died, and waits to be opened again.
    Waiting,
    /// Gone for good.
    Gone,
}

impl State {
    pub(super) fn has_socket(self) -> bool {
        matches!(self, Self::Opening | Self::Open | Self::Ending)
    }
}

/// A simulated client.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) id: Option<ConnectionId>,
    /// When the present state began, in nanoseconds since the run began.
    pub(super) since: u64,
    /// From there to the TCP connection, in microseconds.
    pub(super) connect_micros: u32,
    /// Where it stands in the list of open ones.
    pub(super) place: u32,
    pub(super) state: State,
    /// Attempts to open it again since it was last open.
    pub(super) attempts: u8,
    /// No more messages: it is to be closed once all are answered.
    pub(super) is_retiring: bool,
    /// Is in the list of those whose queue was full.
    pub(super) is_blocked: bool,
    /// Its thoughts have begun since it was opened.
    pub(super) has_thought: bool,
}

impl Client {
    /// Tells this opening from others, with `since` in microseconds.
    pub(super) fn opening(&self) -> u32 {
        (self.since / 1_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_takes_at_most_40_bytes() {
        assert!(size_of::<Client>() <= 40, "{}", size_of::<Client>());
    }
}
