//! The client side of the opening handshake (§4.1).
