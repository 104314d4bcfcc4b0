//! The opening handshake: RFC 6455 §4, RFC 7692 §7.1, and what RFC 9112 asks of who reads a request.

mod client;
mod extensions;
mod oracle;
mod properties;
mod request;
mod upgrade;
