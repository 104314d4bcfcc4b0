//! One message to many connections: topics. A message is encoded once, crosses to each worker once, and the same bytes
//! are appended to each subscriber's out-buffer, which goes out at the end of the turn.

/// Names a topic within one [`crate::Net`]; see [`crate::Handle::topic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic(pub(crate) u32);

/// What a subscription does when its connection does not keep up (its out-queue is above the high-water mark).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lag {
    /// Skip publications, and send the newest one as soon as the peer reads again. What was skipped is counted.
    #[default]
    Newest,
    /// Queue up to the push bound, then close with 1013 (try again later).
    Close,
}
