//! The server over real loopback sockets, as a client sees it.

mod support;

mod drain;
mod http;
mod live;
mod metrics;
mod tls;
mod websocket;
