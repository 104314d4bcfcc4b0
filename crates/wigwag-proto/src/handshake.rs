//! The opening handshake (RFC 6455 §4), both roles: heads of HTTP/1.1 in, heads out.
//!
//! [`server`] judges requests and writes the answers, [`client`] writes the request and judges the answer, [`extensions`]
//! negotiates permessage-deflate. Heads are read strictly, because a head that two readers understand differently is how
//! requests are smuggled. Absent on purpose: random numbers (the client's key is an argument), redirects,
//! authentication, message bodies, and any memory of what was read before.

pub mod client;
pub mod extensions;
mod head;
pub mod server;
mod syntax;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

pub use head::{HeadLimits, HeaderFields};
pub use syntax::UnwritableHead;

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`, both as they stand in the header (§4.2.2).
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    STANDARD.encode_slice(digest, &mut accept).expect("20 bytes make 28 of base64");
    accept
}

/// §1.3: appended to the key before it is hashed.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_accept_key_is_that_of_the_example_of_section_1_3() {
        assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    proptest! {
        #[test]
        fn the_accept_key_is_that_of_another_implementation(key: Vec<u8>) {
            let other = tungstenite::handshake::derive_accept_key(&key);
            prop_assert_eq!(&accept_key(&key)[..], other.as_bytes());
        }
    }
}
