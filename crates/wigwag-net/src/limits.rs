//! Every bound of the reactor, with its default. What concerns one message is in [`wigwag_proto::Config`].

use std::time::Duration;

use wigwag_proto::{connection::Compression, handshake::HeadLimits};

/// Bounds of all connections of one [`crate::Net`].
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bounds of a request head. Over it: 431.
    pub head: HeadLimits,
    /// From accept to the end of the head, TLS included. Default: 10 s; then the connection is cut.
    pub handshake_timeout: Duration,
    /// Silence after which a Ping asks for life. Default: 25 s.
    pub ping_interval: Duration,
    /// Silence after which the connection is closed. Default: 60 s. The clock stands while we ourselves do not read.
    pub idle_timeout: Duration,
    /// How long a peer may take nothing while something is queued for it. Default: 30 s; then it is cut.
    pub write_timeout: Duration,
    /// Above this many queued bytes a connection's messages are no longer dispatched. Default: 64 KiB.
    pub out_queue_high_water: usize,
    /// Below this many queued bytes they are again. Default: 16 KiB.
    pub out_queue_low_water: usize,
    /// Most bytes queued by pushes that cannot wait (fan-out). Default: 1 MiB; over it the push's policy decides.
    pub push_queue_bytes_max: usize,
    /// Bytes queued for all peers together. Default: 1 GiB; over it pushes and new connections are refused.
    pub out_queue_bytes_max_total: usize,
    /// Bytes of unfinished incoming messages together. Default: 1 GiB; over it the growing connection is closed (1013).
    pub unfinished_bytes_max_total: usize,
    /// Connections together. Default: 100,000; over it new ones are answered 503.
    pub connections_max: usize,
    /// How long input is still read (and thrown away) after we ended our side. Default: 2 s.
    pub linger_timeout: Duration,
    /// How much input is thrown away then, in bytes. Default: 1 MiB.
    pub linger_bytes_max: usize,
    /// How hard each worker's compressor works, and so what it weighs.
    pub compression: Compression,
    /// Whether several connections are read, and written to, in one system call: by io_uring, where the kernel lets us (Linux
    /// 6.1 or later). Default: yes. It costs a descriptor for each worker, and 32 KiB; 256 KiB once 128 connections were
    /// ready at once.
    pub io_uring: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: HeadLimits::default(),
            handshake_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            out_queue_high_water: 64 << 10,
            out_queue_low_water: 16 << 10,
            push_queue_bytes_max: 1 << 20,
            out_queue_bytes_max_total: 1 << 30,
            unfinished_bytes_max_total: 1 << 30,
            connections_max: 100_000,
            linger_timeout: Duration::from_secs(2),
            linger_bytes_max: 1 << 20,
            compression: Compression::default(),
            io_uring: true,
        }
    }
}

impl Limits {
    /// Times beyond what the clock can count become [`FOREVER`].
    pub(crate) fn within_reason(mut self) -> Self {
        let times = [
            &mut self.handshake_timeout,
            &mut self.ping_interval,
            &mut self.idle_timeout,
            &mut self.write_timeout,
            &mut self.linger_timeout,
        ];
        times.into_iter().for_each(|time| *time = (*time).min(FOREVER));
        self
    }
}

/// As good as no time-out at all: three weeks. The life clock counts 49 days.
pub(crate) const FOREVER: Duration = Duration::from_secs(21 * 86_400);
