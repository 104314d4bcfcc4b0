//! The server's side of the opening handshake (RFC 6455 §4.2): read a [`Request`], see in it an [`Upgrade`], answer with
//! [`write_accept`] or [`write_refusal`].
//!
//! [`Request`] is any HTTP/1.x request, because one port serves pages and WebSocket: whoever owns the socket decides by
//! [`Request::is_upgrade`] who gets it. Absent on purpose: routes, Origin and Host policy, request bodies.

mod answer;
mod request;
mod upgrade;

pub use answer::{write_accept, write_refusal};
pub use request::{Request, RequestError};
pub use upgrade::{Upgrade, UpgradeError};
