//! The relay: a client's WebSocket on one side, an upstream server's on the other, and what passes between them.
//!
//! A [`Gateway`] makes a [`Relay`] for each upstream; a relay is a [`wigwag_server::Route`] like any other. Both sockets of
//! a pair live on one worker, so a message goes from the shared read buffer into the other side's out-buffer with one copy,
//! no lock and no queue in between.
//!
//! ```no_run
//! use wigwag_gateway::{Gateway, RelayConfig};
//! use wigwag_server::Server;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let gateway = Gateway::new();
//! let letters = gateway.relay("/ws", "ws://127.0.0.1:8765/letters".parse()?, RelayConfig::default())?;
//! let server = Server::builder().route("/ws", letters).default_route("ws").bind("127.0.0.1:8000")?;
//! server.serve_until(std::future::pending())?;
//! # Ok(()) }
//! ```
//!
//! Absent on purpose: settings files, the text of `/metrics`, pages, and any knowledge of a service's messages. What is
//! replayed after an upstream's restart is configured by JSON keys ([`Replay`]).
//!
//! | module | is |
//! |---|---|
//! | [`config`] | what a relay may be told, with its defaults |
//! | [`gateway`] | the relays of one process, and the route that a relay is |
//! | [`metrics`] | what is counted, to be read at any time |
//! | [`health`] | whether the upstreams answer |
//! | `client` | the client's side of a pair, which decides for both (private) |
//! | `upstream` | the upstream's side of a pair (private) |
//! | `headers`, `asked` | the request to the upstream, and how it is kept (private) |
//! | `answer` | what a failed attempt means, and what the client is told (private) |
//! | `pieces`, `replay` | what waits for an upstream, and what may have to be said again (private) |
//! | `addresses`, `backoff`, `sampler` | names, waits, measurements (private) |

pub mod config;
pub mod gateway;
pub mod health;
pub mod metrics;

mod addresses;
mod answer;
mod asked;
mod backoff;
mod client;
mod headers;
mod pieces;
mod replay;
mod sampler;
mod upstream;

pub use config::{Others, RelayConfig, Replay, ReplayRule};
pub use gateway::{Gateway, Relay, RelayError};
pub use health::{UpstreamHealth, UpstreamState};
pub use metrics::{Failure, Histogram, RelaySnapshot};
