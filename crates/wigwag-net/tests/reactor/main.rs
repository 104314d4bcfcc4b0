//! The reactor over real sockets of the loopback interface.

#![expect(clippy::tests_outside_test_module, reason = "every room of this crate is a test")]

mod support;

mod accepting;
mod backpressure;
mod client;
mod closing;
mod drain;
mod fairness;
mod holding;
mod idle;
mod local;
mod messages;
mod pacing;
mod panics;
mod remotes;
mod timers;
mod tls;
mod together;
mod topics;
