//! The server side of the opening handshake (§4.2).
