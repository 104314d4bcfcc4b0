//! The server around the reactor: it binds addresses, sends requests to routes, keeps strangers out, serves HTTP beside
//! WebSocket on the same port, counts, and stops gently.
//!
//! [`wigwag_net`] moves the messages; this crate decides who may come in ([`access`], [`addresses`]) and to whom
//! ([`route`]), and owns a small tokio runtime for what is not a WebSocket: pages, probes, metrics ([`http`]).
//!
//! Absent on purpose: concrete services, pages, configuration files, signals, the state of any user interface.
//!
//! ```no_run
//! use wigwag_net::{Message, Service, Socket};
//! use wigwag_server::{Handshake, Server};
//!
//! #[derive(Clone)]
//! struct Echo;
//!
//! impl Service for Echo {
//!     fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
//!         socket.send(message);
//!     }
//! }
//!
//! struct Room(String);
//!
//! impl Service for Room {
//!     fn on_message(&mut self, socket: &mut Socket<'_>, _: Message<'_>) {
//!         socket.send(Message::Text(&self.0));
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder()
//!     .route("/echo", Echo)
//!     .route("/rooms/{room}", |handshake: &Handshake<'_>| Room(handshake.param("room").to_owned()))
//!     .default_route("echo")
//!     .bind("127.0.0.1:8765")?;
//! let report = server.serve_until(std::future::pending())?;
//! println!("{report}");
//! # Ok(()) }
//! ```
//!
//! | module | is |
//! |---|---|
//! | [`server`] | the builder, the bound and the running server, the drain |
//! | [`route`] | the endpoint that a user gives for a path, and the handshake that it judges |
//! | [`access`] | which Host and which Origin may come in |
//! | [`addresses`] | bounds per peer address, trusted proxies |
//! | [`async_service`] | services written as an async loop on tokio |
//! | [`async_client`] | connections opened as client, for async code |
//! | [`http`] | bounds of the HTTP side |
//! | [`live`] | the shape of `/metrics/live` |
//! | [`tls`] | certificates from files, as server and as client ([`wigwag_net::tls`]) |
//! | `front` | the acceptor that the workers ask (private) |
//! | `health` | what a program adds to `/healthz` (private) |
//! | `metrics` | the Prometheus text (private) |

pub mod access;
pub mod addresses;
pub mod async_client;
pub mod async_service;
pub mod http;
pub mod live;
pub mod route;
pub mod server;

mod bind;
mod front;
mod health;
mod metrics;
mod process;
mod routes;
#[cfg(test)]
mod wire;

pub use access::Access;
pub use addresses::AddressLimits;
pub use async_service::{AsyncService, AsyncSocket, async_service};
pub use bind::BindError;
pub use health::HealthReport;
pub use http::HttpLimits;
pub use metrics::{Families, Histogram, MetricsSource};
pub use route::{Endpoint, Handshake, IntoRoute, Route};
pub use routes::RouteError;
pub use server::{BoundServer, BuildError, Builder, DrainReport, RunningServer, Server, Stopper};
pub use wigwag_net::tls;
