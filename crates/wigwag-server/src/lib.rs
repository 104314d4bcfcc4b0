//! The server around the reactor.

pub mod async_client;
pub mod async_service;

pub use async_service::{AsyncService, AsyncSocket, async_service};
