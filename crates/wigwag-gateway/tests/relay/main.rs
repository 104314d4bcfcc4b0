//! The relay over real sockets: a gateway in this process, and both its peers written by hand, frame by frame.

mod closing;
mod flowing;
mod holding;
mod moving;
mod opening;
mod replaying;
mod support;
mod tls;
