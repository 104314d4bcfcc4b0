//! Bounds and habits of connections.

use std::time::Duration;

/// Which side of the connection this endpoint is: a client masks what it sends, a server does not (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Accepted the connection.
    Server,
    /// Opened the connection.
    Client,
}

/// Bounds and habits, shared by many connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// Largest message accepted, in bytes after inflation (and before it). Default: 1 MiB. A larger one fails the
    /// connection with 1009. Worst-case memory is this times the connections.
    pub message_bytes_max: usize,
    /// Largest frame accepted, in bytes of payload on the wire. Default: no bound besides `message_bytes_max`, which
    /// holds for frames as well. A larger one fails the connection with 1009.
    pub frame_bytes_max: usize,
    /// Most frames in one message. Default: 131,072. More fail the connection with 1008.
    pub fragments_max: u32,
    /// Pongs that wait while the peer does not read; beyond it the newest replaces the last that waits. Default: 16.
    pub pongs_waiting_max: usize,
    /// How long the closing handshake may take, from our Close on. Default: 5 s.
    pub close_timeout: Duration,
    /// Messages below this size are sent uncompressed, in bytes. Default: 1,024.
    pub deflate_bytes_min: usize,
    /// Largest frame that the piecewise mode reports as one piece, in bytes. Default: 64 KiB. That much may be held of an
    /// unfinished frame; what is larger is reported in several pieces, as it arrives.
    pub piece_bytes_max: usize,
    /// Whether our side stays open when the peer's has ended: neither is its Close answered nor a breach of the protocol
    /// told before [`Connection::close`](super::Connection::close). For who passes on what others have still to say.
    /// Default: no.
    pub half_open: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            message_bytes_max: 1 << 20,
            frame_bytes_max: usize::MAX,
            fragments_max: 131_072,
            pongs_waiting_max: 16,
            close_timeout: Duration::from_secs(5),
            deflate_bytes_min: 1024,
            piece_bytes_max: 64 << 10,
            half_open: false,
        }
    }
}
