//! `Sec-WebSocket-Extensions` (§9.1): permessage-deflate offered and granted (RFC 7692 §5, §7.1).
