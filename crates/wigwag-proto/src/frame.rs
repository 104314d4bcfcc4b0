//! Frame headers: bytes to `Header` and back (RFC 6455 §5.2). Knows nothing of messages or fragments.
