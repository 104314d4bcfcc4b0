//! The reactor: it moves WebSocket messages between sockets and services, one thread per core, on mio.
//!
//! A [`Net`] starts workers. A worker owns its connections for their whole life: it accepts (or connects), reads into a
//! buffer that all its connections share, lets [`wigwag_proto`] make events of the bytes, calls the connection's
//! [`Service`], and writes what the service sent in one write per read. Other threads reach a connection through a
//! [`Remote`], a set of connections through a [`Topic`].
//!
//! Absent on purpose: tokio, routes, concrete services, metrics formats, configuration. An [`Acceptor`] says what a
//! handshake becomes; what is not a WebSocket request is given away whole, as a [`Transport`].
//!
//! | module | is |
//! |---|---|
//! | [`service`] | the trait that a user writes |
//! | [`socket`] | what a callback may do with its connection |
//! | [`local`] | what a callback may do with the worker's other connections, and with handshakes that wait |
//! | [`acceptor`] | who judges handshakes |
//! | [`net`] | starting, stopping, reaching the workers |
//! | [`message`] | a message that owns its payload |
//! | [`messages`] | the messages that one read brought |
//! | [`remote`] | a connection reached from another thread |
//! | [`tls`] | certificates from files, as server and as client |
//! | [`topic`] | one message to many connections |
//! | [`limits`] | every bound, with its default |
//! | [`metrics`] | what the workers count |
//! | [`pace`] | what a worker does at times that it names itself |
//! | [`transport`] | a socket with its TLS session and unread bytes |
//! | [`url`] | `ws://` and `wss://` URLs in their parts |
//! | `worker` | the loop itself (private) |

pub mod acceptor;
pub mod limits;
pub mod local;
pub mod message;
pub mod messages;
pub mod metrics;
pub mod net;
pub mod pace;
pub mod remote;
pub mod service;
pub mod socket;
pub mod tls;
pub mod topic;
pub mod transport;
pub mod url;

mod poll;
mod wheel;
mod worker;

pub use acceptor::{Accept, Acceptor, Peer, Permit, Refusal, Verdict};
pub use limits::Limits;
pub use local::{Agreed, Held, Local};
pub use message::OwnedMessage;
pub use messages::Messages;
pub use net::{Connect, DrainReport, Handle, Listener, Net};
pub use pace::{Pacer, Turn};
pub use remote::{Ready, Remote, SendError};
pub use service::{CloseCause, Closed, OpenError, OpenErrorKind, PeerEnd, Service, Timer};
pub use socket::{ConnectionId, OnFull, Socket};
pub use topic::{Lag, Topic};
pub use transport::Transport;
pub use wigwag_proto::{CloseCode, CloseReason, Message, MessageKind, connection::Prepared};
