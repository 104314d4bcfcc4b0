//! The checker is checked: a server that drops, doubles, reorders, alters, misroutes, answers late and closes in the middle
//! counts what it does, and the ledger's counts must be the same, class by class.
//!
//! The server shares nothing with what is tested: framing and handshake are its own, on plain sockets and threads.

mod counts;
mod harm;
mod runs;
mod server;
mod wire;
