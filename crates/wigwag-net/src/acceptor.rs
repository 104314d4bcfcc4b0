//! Who judges handshakes: the [`Acceptor`] turns a request into a service, a refusal, or a plain HTTP connection.

use std::{any::Any, net::SocketAddr, sync::Arc, time::Duration};

use wigwag_proto::{
    Config,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};

use crate::{service::Service, transport::Transport};

/// Judges the connections of one [`crate::Net`]. Called on the workers: it must not block.
pub trait Acceptor: Send + Sync + 'static {
    /// A well-formed WebSocket handshake: who serves it, or why not.
    fn judge(&self, request: &Request<'_>, upgrade: &Upgrade<'_>, peer: &Peer) -> Verdict;

    /// A request that asks for no WebSocket: the connection with the bytes already read is given away.
    fn http(&self, transport: Transport, peer: Peer);
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The other side.
    pub address: SocketAddr,
    /// The address it reached.
    pub local: SocketAddr,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Which listener accepted it: the position in [`crate::Net::start`]'s list.
    pub listener: u16,
}

/// What becomes of a handshake.
pub enum Verdict {
    /// 101, and this service.
    Accept(Accept),
    /// An HTTP status instead.
    Refuse(Refusal),
}

/// Something held as long as the connection lives; dropped when it is gone (a counter's guard, say).
pub type Permit = Box<dyn Any + Send>;

/// An accepted handshake.
pub struct Accept {
    /// The connection's behaviour.
    pub service: Box<dyn Service>,
    /// Under which number the metrics count it; below [`crate::metrics::ROUTES_MAX`].
    pub route: u16,
    /// Bounds of its messages.
    pub config: Arc<Config>,
    /// Whether and how to compress.
    pub deflate: DeflatePolicy,
    /// The subprotocol chosen from those offered.
    pub protocol: Option<String>,
    /// Further response headers.
    pub headers: Vec<(String, String)>,
    /// Held while the connection lives.
    pub permit: Option<Permit>,
    /// Where the service decides later: how long the answer may wait for it ([`Service::on_hold`]). The subprotocol and the
    /// headers are the service's to say then. `None`: 101 at once.
    pub hold: Option<Duration>,
}

/// A refused handshake: an HTTP response, after which the connection is closed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The HTTP status, 400–599.
    pub status: u16,
    /// For metrics: why, in one word (`origin`, `host`, `not_found`, …).
    pub label: &'static str,
    /// Further response headers. `Content-Type` is that of the body; default: plain text.
    pub headers: Vec<(String, String)>,
    /// What a person should know.
    pub body: String,
}
