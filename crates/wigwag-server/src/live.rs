//! `/metrics/live`.
use crate::{
    metrics::Metrics,
    route::{Handshake, Route},
};
use std::sync::Arc;
use wigwag_net::{Handle, Message, Refusal, Service, Socket};
/// Where it is served.
pub const PATH: &str = "/metrics/live";
pub(crate) struct Feed;
struct Live;
impl Service for Live {
    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}
}
impl Route for Feed {
    fn open(&self, _: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal> {
        Ok(Box::new(Live))
    }
}
pub(crate) async fn publish(_: Handle, _: Arc<Metrics>) {}
