//! Async services and clients over loopback sockets: order, bounds, every way to end.

mod bounds;
mod client;
mod draining;
mod ending;
mod messages;
mod support;
mod tls;
