//! Every setting, declared once. Flag, variable, TOML key, `--help`, `wigwag config` and docs/configuration.md derive
//! from this table; so does [`Settings`].
//!
//! `field: Type = "default" in range;` A section names the commands that read it; `for SERVE` after the default narrows that
//! for one field. A default is written as a person would write it. The default of an `Option` is
//! the word for `None`, and of a `Vec` the empty text for none. Ranges of sizes are in bytes, of durations in
//! milliseconds. In a section marked `Prefixed`, flags and variables carry the section's name, and `enabled` is the
//! section itself: `[deflate] level` is `--deflate-level`, `[deflate] enabled` is `--deflate`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use wigwag_server::addresses::Network;

use super::layers::Layers;
use super::routes::{HeaderName, JsonKey, JsonMatch, RouteRule, Upstream};
use super::setting::{Flags, Serving, Setting};
use super::types::{AllowedHost, AllowedOrigin, Bytes, LogFormat, LogLevel, ReplayOthers, ServiceName};
use super::value::Value;

macro_rules! settings {
    ($(
        #[doc = $about:literal]
        $section:ident: $Section:ident [$table:literal, $flags:ident, $readers:ident] {$(
            $(#[doc = $help:literal])+
            $field:ident: $type:ty = $default:literal $(for $only:ident)? $(in $range:expr)?;
        )+}
    )+) => {
        /// The whole configuration, checked.
        #[derive(Clone, Debug)]
        pub(crate) struct Settings {$(
            #[doc = $about]
            pub(crate) $section: $Section,
        )+}

        $(
            #[doc = $about]
            #[derive(Clone, Debug)]
            pub(crate) struct $Section {$(
                $(#[doc = $help])+
                pub(crate) $field: $type,
            )+}
        )+

        /// Every setting, in the order of its declaration.
        pub(crate) static SETTINGS: &[Setting] = &[$($(
            Setting {
                table: $table,
                about: $about,
                flags: Flags::$flags,
                read_by: declared_readers!($readers $($only)?),
                field: stringify!($field),
                default: $default,
                range: declared_range!($($range)?),
                words: concat!($($help),+),
                metavar: <$type as Value>::METAVAR,
                many: <$type as Value>::MANY,
                switch: <$type as Value>::SWITCH,
                tabular: <$type as Value>::TABULAR,
                expected: <$type as Value>::expected,
            },
        )+)+];

        impl Settings {
            /// Takes each value from its source. What is wrong is noted in `layers`, and a default stands in.
            pub(super) fn settle(layers: &mut Layers) -> Self {
                let mut settings = SETTINGS.iter();
                Self {$(
                    $section: $Section {$(
                        $field: layers.value(settings.next().expect("one entry for each field")),
                    )+},
                )+}
            }
        }
    };
}

macro_rules! declared_range {
    () => {
        None
    };
    ($range:expr) => {
        Some($range)
    };
}

macro_rules! declared_readers {
    ($readers:ident) => {
        $readers
    };
    ($readers:ident $only:ident) => {
        $only
    };
}

settings! {
    /// Where and how the server runs.
    server: Server ["", Plain, BOTH] {
        /// Address and port to listen on; may be repeated. Port 0 takes a free one.
        listen: Vec<SocketAddr> = "127.0.0.1:8765" for SERVE;
        /// Threads that move messages.
        workers: Option<u32> = "cores" in 1..=1024;
        /// Read and write several connections in one system call, by io_uring, where the kernel lets us: Linux 6.1 or later.
        io_uring: bool = "on";
    }
    /// The services.
    services: Services ["services", Plain, SERVE] {
        /// Service that answers a WebSocket request for `/`.
        default_service: ServiceName = "random";
        /// Pause between two characters of the stream service.
        stream_interval: Duration = "100ms" in 0..=HOUR;
        /// How often the letters service renews its numbers.
        letters_interval: Duration = "1s" in 1..=HOUR;
    }
    /// What the gateway relays, and what it does while an upstream is away. A route may have values of its own.
    gateway: Gateway ["gateway", Plain, GATEWAY] {
        /// Address and port to listen on; may be repeated. Port 0 takes a free one.
        listen: Vec<SocketAddr> = "127.0.0.1:8000";
        /// Where `/ws` and a WebSocket request for `/` are relayed to.
        upstream: Upstream = "ws://127.0.0.1:8765/letters";
        /// Path that is relayed, and where to; may be repeated.
        route: Vec<RouteRule> = "";
        /// Relay `/echo`, `/random`, `/stream` and `/letters` to the host of `upstream`, so that every page works.
        relay_services: bool = "on";
        /// How long a client is held while its upstream cannot be reached; then it gets Close 1013. 0s refuses at once, with 502 or 504.
        hold: Duration = "30s" in 0..=HOUR;
        /// Most that a held client may send meanwhile; more gets Close 1013.
        hold_bytes_max: Bytes = "64KiB" in 0..=GIB;
        /// Time for an upstream to be connected to and to answer the handshake.
        connect_timeout: Duration = "5s" in 1..=HOUR;
        /// Wait before the second attempt to reach an upstream; each further one is twice as long.
        retry_min: Duration = "100ms" in 1..=HOUR;
        /// Longest wait between two attempts.
        retry_max: Duration = "2s" in 1..=HOUR;
        /// When the upstream comes back, send it what the client has sent, in order; without, the client gets Close 1012.
        replay_on_reconnect: bool = "off";
        /// Most that is kept for that; a client that has sent more gets Close 1012 when its upstream goes.
        replay_bytes_max: Bytes = "64KiB" in 1..=64 * KIB;
        /// Field of JSON messages that says what they are about: of those that agree in all such fields, only the last is kept; may be repeated.
        replay_key: Vec<JsonKey> = "";
        /// Field and value of JSON messages that take the one before away and are not kept themselves, such as `action=unsubscribe`; all of them must agree where it is repeated.
        replay_cancel: Vec<JsonMatch> = "";
        /// Whether `a` and `A` are the same value of such a field.
        replay_ignore_case: bool = "off";
        /// What becomes of messages without these fields.
        replay_others: ReplayOthers = "replay";
        /// Pass the client's cookies to the upstream, and those that it sets to the client.
        pass_cookies: bool = "off";
        /// Pass the client's Authorization to the upstream.
        pass_authorization: bool = "off";
        /// Request header that is passed to the upstream; may be repeated. Those of the connection and the handshake never are.
        pass_header: Vec<HeaderName> = "User-Agent,Accept-Language";
        /// Tell the upstream who asks: X-Forwarded-For, -Proto, -Host and Forwarded.
        forwarded: bool = "on";
        /// Offer permessage-deflate to the upstream.
        upstream_deflate: bool = "off";
        /// PEM file with the roots that wss:// upstreams are verified with, instead of the system's. A path in the TOML file is relative to that file.
        upstream_ca: Option<PathBuf> = "none";
        /// Do not verify wss:// upstreams: for tests only.
        insecure_upstream: bool = "off";
    }
    /// Bounds on what a peer may send and on how many may be here. What exceeds one is refused with its reason.
    limits: Limits ["limits", Plain, BOTH] {
        /// Largest message accepted, after inflation; a larger one gets Close 1009. Memory is bounded by it per connection.
        message_bytes_max: Bytes = "1MiB" in 1..=GIB;
        /// Largest frame accepted; follows the message bound unless set.
        frame_bytes_max: Option<Bytes> = "message-bytes-max" in 1..=GIB;
        /// Most fragments of one message; more get Close 1008.
        fragments_max: u32 = "131072" in 1..=16_777_216;
        /// Largest request head (request line and headers); a larger one gets 431.
        head_bytes_max: Bytes = "16KiB" in 512..=MIB;
        /// Most headers of a request; more get 431.
        headers_max: u32 = "100" in 8..=1024;
        /// Largest body of an HTTP request; a larger one gets 413.
        http_body_bytes_max: Bytes = "64KiB" in 0..=GIB;
        /// Unfinished incoming messages of all connections together; the connection that would exceed it gets Close 1013.
        unfinished_bytes_max_total: Bytes = "1GiB" in KIB..=TIB;
        /// Most connections at once; further ones get 503.
        connections_max: u32 = "100000" in 1..=100_000_000;
    }
    /// Who may connect. By default an Origin passes if it names the request's own host; a loopback listener also takes loopback origins and `null`, and asks for a loopback Host.
    access: Access ["access", Plain, BOTH] {
        /// Origin that may connect besides the server's own, such as `https://example.org` (that scheme and port), `example.org` (any) or `*.example.org` (its subdomains); may be repeated. `*` admits any.
        allow_origin: Vec<AllowedOrigin> = "";
        /// Host by which the server may be reached, such as `example.org` (any port), `example.org:8765` or `*.example.org`; may be repeated. A loopback listener also takes loopback names, others take any host while none is named. `*` admits any.
        allow_host: Vec<AllowedHost> = "";
        /// Address or network whose X-Forwarded-For is believed; may be repeated.
        trusted_proxy: Vec<Network> = "";
        /// Most connections at once from one address; further ones get 429.
        connections_per_address_max: Option<u32> = "off" in 1..=100_000_000;
        /// Most new connections in a second from one address; further ones get 429.
        connect_rate_per_address_max: Option<u32> = "off" in 1..=1_000_000;
    }
    /// How long the server waits.
    timeouts: Timeouts ["timeouts", Plain, BOTH] {
        /// Time for a request head to arrive; then the connection is cut.
        handshake_timeout: Duration = "10s" in 1..=DAY;
        /// Silence after which a Ping is sent.
        ping_interval: Duration = "25s" in 1..=DAY;
        /// Silence after which the connection is closed. Any received byte is life.
        idle_timeout: Duration = "60s" in 1..=DAY;
        /// Time for the peer to answer a Close; then the connection is cut.
        close_timeout: Duration = "5s" in 1..=DAY;
        /// Time during which a peer may leave what we send unread; then the connection is cut.
        write_timeout: Duration = "30s" in 1..=DAY;
        /// Time for running answers after SIGTERM; then what is left is closed and counted. 0s stops at once.
        drain_timeout: Duration = "10s" in 0..=DAY;
    }
    /// What waits to be sent, and what happens when it is much.
    queues: Queues ["queues", Plain, BOTH] {
        /// Above this a connection's messages wait unread until the peer has read its answers. One answer may be larger.
        out_queue_bytes_high_water: Bytes = "64KiB" in KIB..=GIB;
        /// Below this they go on.
        out_queue_bytes_low_water: Bytes = "16KiB" in 0..=GIB;
        /// Most that pushes such as fan-out may queue for one connection; beyond it the service's policy applies.
        push_queue_bytes_max: Bytes = "1MiB" in KIB..=GIB;
        /// Out-queues of all connections together; the connection that would exceed it gets Close 1013.
        out_queue_bytes_max_total: Bytes = "1GiB" in KIB..=TIB;
    }
    /// permessage-deflate (RFC 7692).
    deflate: Deflate ["deflate", Prefixed, BOTH] {
        /// Agree to permessage-deflate when a client offers it.
        enabled: bool = "on";
        /// Smallest message that is compressed.
        bytes_min: Bytes = "1KiB" in 0..=GIB;
        /// Keep the window from message to message: smaller messages, but memory for each connection.
        context_takeover: bool = "off";
        /// Effort of compression, 1 (fast) to 9 (small).
        level: u32 = "1" in 1..=9;
        /// Base-2 logarithm of the window in bytes.
        window_bits: u32 = "15" in 9..=15;
    }
    /// TLS: with both, the listeners speak https and wss.
    tls: Tls ["tls", Prefixed, BOTH] {
        /// PEM file with the certificate chain. SIGHUP reads it again. A path in the TOML file is relative to that file.
        cert: Option<PathBuf> = "none";
        /// PEM file with the private key.
        key: Option<PathBuf> = "none";
    }
    /// Metrics.
    metrics: Metrics ["metrics", Prefixed, BOTH] {
        /// Address for `/metrics`, as plain HTTP, instead of the server's own port. `/healthz` and `/readyz` are at both.
        listen: Option<SocketAddr> = "same";
    }
    /// Logs, on standard error.
    log: Log ["log", Prefixed, BOTH] {
        /// Least severe level that is logged.
        level: LogLevel = "info";
        /// Text for people or JSON for machines.
        format: LogFormat = "text";
    }
}

const SERVE: &[Serving] = &[Serving::Serve];
const GATEWAY: &[Serving] = &[Serving::Gateway];
const BOTH: &[Serving] = &[Serving::Serve, Serving::Gateway];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
