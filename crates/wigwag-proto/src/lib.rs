//! WebSocket without I/O: RFC 6455 and RFC 7692 (permessage-deflate), as server and as client.
//!
//! Bytes go in, events and bytes come out; whoever owns the socket decides when. Absent on purpose: sockets, runtimes,
//! clocks, random numbers, logs and environment variables. Time and mask keys are arguments ([`Context`]).
//!
//! | module | is |
//! |---|---|
//! | [`handshake`] | the opening handshake (§4), both roles, and the negotiation of subprotocol and extension |
//! | [`frame`] | frame headers: bytes to `Header` and back (§5.2) |
//! | [`mask`] | masking in place (§5.3) |
//! | [`utf8`] | UTF-8 validated as it arrives (§8.1) |
//! | [`deflate`] | permessage-deflate (RFC 7692): parameters, bounded inflation, compression |
//! | [`close`] | close codes and reasons (§7.4) |
//! | [`connection`] | an open connection: messages, control frames, closing handshake |

pub mod close;
pub mod connection;
pub mod deflate;
pub mod frame;
pub mod handshake;
pub mod mask;
pub mod utf8;

pub use close::{CloseCode, CloseReason};
pub use connection::{
    Config, Connection, Context, Event, Frames, Input, Message, MessageKind, Prepared, ProtocolError, Role, SendError,
    Transmit,
};
