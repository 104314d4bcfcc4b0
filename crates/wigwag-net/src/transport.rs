//! A socket with its TLS session and the bytes already read: what changes hands between a worker and an HTTP server.

use std::net::TcpStream;

/// A connection that leaves the reactor, or comes (back) to it, whole.
///
/// The socket is non-blocking. `unread` comes before anything that the socket or the TLS session still holds.
#[derive(Debug)]
pub struct Transport {
    /// The socket, non-blocking.
    pub socket: TcpStream,
    /// The TLS session, if TLS is spoken.
    pub tls: Option<Box<rustls::ServerConnection>>,
    /// Plain bytes that were read and belong to what follows.
    pub unread: Vec<u8>,
}
