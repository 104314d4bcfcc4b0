//! What a relay may be told, with its defaults. Plain data: nothing is read or checked before [`crate::Gateway::relay`].

use std::{collections::BTreeMap, time::Duration};

use wigwag_net::tls::ClientTls;
use wigwag_proto::{Config, handshake::extensions::DeflatePolicy};

/// How one route is relayed.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// How long a client waits for an upstream that cannot be reached, or went away in the middle. Default: 30 s; then
    /// Close 1013. With 0 nobody waits: a handshake is refused with 502 or 504, and a lost upstream is Close 1012.
    pub hold: Duration,
    /// How many bytes of a waiting client's messages are kept, framing left out. Default: 64 KiB; over it Close 1013.
    pub hold_bytes_max: usize,
    /// For TCP, TLS and the opening handshake with the upstream together. Default: 5 s.
    pub connect_timeout: Duration,
    /// The wait before the second attempt to reach an upstream. Each further one is twice as long, up to
    /// [`Self::retry_max`]; each is shortened at random by up to a half. Default: 100 ms.
    pub retry_min: Duration,
    /// The longest wait between two attempts. Default: 2 s.
    pub retry_max: Duration,
    /// What is said to an upstream that came back. Default: nothing, and the client is told by Close 1012 to come back.
    pub replay: Replay,
    /// How many bytes of a client's messages are remembered for the replay. Default: 64 KiB. Over it nothing is remembered
    /// any longer, and losing the upstream is Close 1012.
    pub replay_bytes_max: usize,
    /// Request headers that are passed on, by name (any case). Those that belong to one connection alone (RFC 9110 §7.6.1)
    /// and those of the WebSocket handshake never are. Default: `User-Agent`, `Accept-Language`.
    pub pass_headers: Vec<String>,
    /// Whether `Cookie` is passed on, and the upstream's `Set-Cookie` back. Default: no.
    pub pass_cookies: bool,
    /// Whether `Authorization` is passed on. Default: no.
    pub pass_authorization: bool,
    /// Whether the upstream is told who asks, in `X-Forwarded-For`, `-Proto`, `-Host` and `Forwarded` (RFC 7239).
    /// Default: yes.
    pub forwarded: bool,
    /// How TLS is spoken with a `wss://` upstream. Default: the system's roots.
    pub tls: ClientTls,
    /// Bounds of messages, both sides. A message is not gathered, so a large bound costs no memory unless one side
    /// compresses.
    pub messages: Config,
    /// Compression with the client. Default: granted where it is offered.
    pub deflate: DeflatePolicy,
    /// Compression with the upstream. Default: not offered, for upstreams are near.
    pub upstream_deflate: DeflatePolicy,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(30),
            hold_bytes_max: 64 << 10,
            connect_timeout: Duration::from_secs(5),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(2),
            replay: Replay::Nothing,
            replay_bytes_max: 64 << 10,
            pass_headers: vec!["User-Agent".to_owned(), "Accept-Language".to_owned()],
            pass_cookies: false,
            pass_authorization: false,
            forwarded: true,
            tls: ClientTls::default(),
            messages: Config::default(),
            deflate: DeflatePolicy::default(),
            upstream_deflate: DeflatePolicy::DISABLED,
        }
    }
}

/// What a new connection to the upstream is told of the client's earlier messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// Nothing: the client itself has to come back.
    #[default]
    Nothing,
    /// All of them, in their order.
    Everything,
    /// Those that still matter, in their order.
    Compacted(ReplayRule),
}

/// Which messages still matter, told by their JSON keys.
///
/// A message whose [`Self::key`] fields have the same values as those of an earlier one takes its place. For a service with
/// `{"action": "subscribe", "letter": "A"}` and `{"action": "unsubscribe", "letter": "A"}` the rule
///
/// ```
/// # use wigwag_gateway::{Others, ReplayRule};
/// let rule = ReplayRule {
///     key: vec!["letter".to_owned()],
///     cancel: [("action".to_owned(), "unsubscribe".to_owned())].into(),
///     ignore_case: true,
///     others: Others::Forget,
/// };
/// ```
///
/// leaves exactly the present subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayRule {
    /// The fields that say what a message is about. A message that has them all is compacted, the others are [`Others`].
    pub key: Vec<String>,
    /// A message with these fields takes the earlier one away and is not remembered itself. Values that are no JSON strings
    /// compare by their JSON text. Default: no message does.
    pub cancel: BTreeMap<String, String>,
    /// Whether `"a"` and `"A"` are the same value. Default: no.
    pub ignore_case: bool,
    /// What becomes of messages without the key fields. Default: they are replayed as they are.
    pub others: Others,
}

/// What becomes of messages that a [`ReplayRule`] says nothing of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// They are replayed, each in its place.
    #[default]
    Replay,
    /// They are forgotten.
    Forget,
}
