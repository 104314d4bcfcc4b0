//! The opening handshake (RFC 6455 §4), both roles.

pub mod client;
pub mod extensions;
pub mod server;
