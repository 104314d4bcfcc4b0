//! A connection as its future sees it: [`AsyncSocket`], and its halves.

use std::{fmt, sync::Arc};

use wigwag_net::{CloseCause, CloseCode, Closed, ConnectionId, OwnedMessage};

use super::link::Link;

/// A connection, to be used in one future; [`Self::split`] makes two halves of it.
///
/// Whoever drops the last handle to a connection closes it with 1000.
#[derive(Debug)]
pub struct AsyncSocket {
    receiver: Receiver,
    sender: Sender,
}

/// A connection ended without a closing handshake, or by a fault.
#[derive(Clone, Debug, thiserror::Error)]
#[error("connection lost: {}", closed.cause)]
pub struct ConnectionLost {
    /// How it ended.
    pub closed: Closed,
}

/// The connection is closing or gone: nothing can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct SocketClosed;

impl AsyncSocket {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        let held = Arc::new(Held(link));
        Self { receiver: Receiver { held: held.clone() }, sender: Sender { held } }
    }

    /// The next message. `None` after a closing handshake, and while the server drains once everything that had arrived
    /// is taken. Cancel-safe: dropped while it waits, it has taken nothing.
    ///
    /// # Errors
    /// Where the connection ended in any other way.
    pub async fn recv(&mut self) -> Result<Option<OwnedMessage>, ConnectionLost> {
        self.receiver.recv().await
    }

    /// Queues a message, and waits for that while the out-queue is above its high-water mark. Cancel-safe: dropped while
    /// it waits, it has queued nothing.
    ///
    /// # Errors
    /// Where the connection is closing or gone.
    pub async fn send(&self, message: impl Into<OwnedMessage> + Send) -> Result<(), SocketClosed> {
        self.sender.send(message).await
    }

    /// Closes with this code and reason, and waits for the peer's Close; what arrives before it is thrown away. Takes no
    /// longer than the close time-out. Gives how the connection ended.
    pub async fn close(self, code: CloseCode, reason: &str) -> Closed {
        self.sender.close(code, reason).await
    }

    /// Two halves that can live in two tasks.
    #[must_use]
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }

    /// Another handle for sending.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Whether the server stops: answer what has arrived, then end.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.sender.is_draining()
    }

    /// Waits until the server stops, or the connection is gone.
    pub async fn draining(&self) {
        self.sender.draining().await;
    }

    /// Waits until the connection is gone, and says how it ended.
    pub async fn closed(&self) -> Closed {
        self.sender.closed().await
    }

    /// The connection's name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.sender.id()
    }
}

/// The half that receives. Dropped, it leaves whatever still arrives to be thrown away, and the other half working.
#[derive(Debug)]
pub struct Receiver {
    held: Arc<Held>,
}

impl Receiver {
    /// See [`AsyncSocket::recv`].
    ///
    /// # Errors
    /// Where the connection ended without a closing handshake.
    pub async fn recv(&mut self) -> Result<Option<OwnedMessage>, ConnectionLost> {
        if let Some(message) = self.held.0.receive().await {
            return Ok(Some(message));
        }
        match &self.held.0.state().closed {
            Some(closed) if !is_clean(closed) => Err(ConnectionLost { closed: closed.clone() }),
            _ => Ok(None),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.held.0.abandon_inbox();
    }
}

/// The half that sends; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sender {
    held: Arc<Held>,
}

impl Sender {
    /// See [`AsyncSocket::send`].
    ///
    /// # Errors
    /// Where the connection is closing or gone.
    pub async fn send(&self, message: impl Into<OwnedMessage> + Send) -> Result<(), SocketClosed> {
        self.held.0.remote().send_when_ready(message).await.map_err(|_| SocketClosed)
    }

    /// See [`AsyncSocket::close`]. The other handles learn of it: they cannot send any more, and receive what had arrived.
    pub async fn close(&self, code: CloseCode, reason: &str) -> Closed {
        self.held.0.close(code, reason);
        self.closed().await
    }

    /// See [`AsyncSocket::is_draining`].
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.held.0.state().draining
    }

    /// See [`AsyncSocket::draining`].
    pub async fn draining(&self) {
        self.held.0.wait_until(|state| state.draining || state.closed.is_some()).await;
    }

    /// See [`AsyncSocket::closed`].
    pub async fn closed(&self) -> Closed {
        self.held.0.closed().await
    }

    /// The connection's name.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.held.0.remote().id()
    }
}

/// Closes the connection when nobody holds it any more.
struct Held(Arc<Link>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.close_as_done();
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.0.remote().id()).finish()
    }
}

/// Whether both sides agreed to end.
fn is_clean(closed: &Closed) -> bool {
    matches!(closed.cause, CloseCause::Peer | CloseCause::Local)
}
