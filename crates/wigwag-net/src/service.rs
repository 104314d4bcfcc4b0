//! The one trait that a user writes: [`Service`], one connection's behaviour.

use std::{any::Any, fmt, time::Instant};

use wigwag_proto::{CloseCode, CloseReason, Frames, Message, MessageKind, ProtocolError, handshake::client};

use crate::{
    local::{Held, Local},
    messages::Messages,
    socket::Socket,
};

/// One connection's behaviour; the route's factory makes a value per connection.
///
/// Callbacks run on the connection's worker and must not block. A panic closes this connection with 1011 and harms no
/// other. A service without state is zero-sized and costs no memory.
///
/// ```
/// use wigwag_net::{Message, Service, Socket};
///
/// struct Shout;
///
/// impl Service for Shout {
///     fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
///         if let Message::Text(text) = message {
///             socket.send(Message::Text(&text.to_uppercase()));
///         }
///     }
/// }
/// ```
#[expect(unused_variables, reason = "the default bodies ignore what an implementation will use")]
pub trait Service: Send + 'static {
    /// A client's TCP connection stands, since this time; TLS and the opening handshake follow.
    fn on_connected(&mut self, now: Instant) {}

    /// The opening handshake is done.
    fn on_open(&mut self, socket: &mut Socket<'_>) {}

    /// A whole message arrived, borrowed from the worker's read buffer.
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>);

    /// Whole messages arrived in one read: as [`Self::on_message`], for who does some things once for all of them. Those that
    /// it does not take are given to `on_message`. Default: calls `on_message` for each.
    fn on_messages(&mut self, messages: &mut Messages<'_, '_>) {
        while let Some((mut socket, message)) = messages.take_next() {
            self.on_message(&mut socket, message);
        }
    }

    /// A piece of a message arrived; only after [`Socket::set_piecewise`]. `first` and `last` mark the message's ends.
    /// A piece of a text may end inside a character.
    fn on_piece(&mut self, socket: &mut Socket<'_>, kind: MessageKind, piece: &[u8], first: bool, last: bool) {}

    /// Whole messages arrived, one frame each, one behind another; only after [`Socket::set_piecewise`]. Who passes them on as
    /// they are spares their copies ([`Socket::send_frames`]). They come at once, also to who pauses. Default: calls `on_piece` for
    /// each.
    fn on_frames(&mut self, socket: &mut Socket<'_>, mut frames: Frames<'_>) {
        for (kind, payload) in frames.iter() {
            self.on_piece(socket, kind, payload, true, true);
        }
    }

    /// A timer asked for with [`Socket::timer`] has run down.
    fn on_timer(&mut self, socket: &mut Socket<'_>, timer: Timer) {}

    /// The out-queue was above its high-water mark and is below its low-water mark again.
    fn on_writable(&mut self, socket: &mut Socket<'_>) {}

    /// A Pong arrived.
    fn on_pong(&mut self, socket: &mut Socket<'_>, payload: &[u8]) {}

    /// The server stops: finish what is being answered, then close. Default: Close 1001 at once.
    fn on_drain(&mut self, socket: &mut Socket<'_>) {
        socket.close(CloseCode::GOING_AWAY, "the server is stopping");
    }

    /// The connection is gone; nothing can be sent any more. Called exactly once after `on_open`, and as the only
    /// callback where a client's connection could not be opened.
    fn on_close(&mut self, closed: &Closed) {}

    /// As [`Self::on_close`], and called in its place, for who has to tell other connections of the worker. Default: calls
    /// `on_close`. Where the workers have stopped, `on_close` alone is called.
    fn on_gone(&mut self, local: &mut Local<'_>, closed: &Closed) {
        self.on_close(closed);
    }

    /// The handshake waits for this service's decision: [`Held::accept`] or [`Held::refuse`], here or later. Only where the
    /// acceptor said so ([`crate::Accept::hold`]). When the time is over the peer gets 504, and when it leaves
    /// [`Self::on_gone`] is called. `on_open` is not called: the service itself opens the connection.
    fn on_hold(&mut self, held: &mut Held<'_>) {}

    /// The peer's side has ended, ours has not: messages may still be sent, and `close` ends the connection. Only where
    /// [`wigwag_proto::Config::half_open`] says so. Default: closes at once, with the peer's own code.
    fn on_peer_end(&mut self, socket: &mut Socket<'_>, end: PeerEnd<'_>) {
        let code = match end {
            PeerEnd::Close(reason) => reason.code,
            PeerEnd::Failed(error) => Some(error.close_code()),
        };
        socket.close_with(&CloseReason { code, reason: String::new() });
    }

    /// Another connection of the worker has something to say: see [`Local::tell`].
    fn on_told(&mut self, local: &mut Local<'_>, what: Box<dyn Any>) {}
}

/// How a peer's side ended.
#[derive(Clone, Copy, Debug)]
pub enum PeerEnd<'a> {
    /// By a Close, which is not answered yet.
    Close(&'a CloseReason),
    /// By a breach of the protocol, of which the peer is not told yet.
    Failed(ProtocolError),
}

/// Names a timer of one connection; see [`Socket::timer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timer(pub(crate) u32);

/// How a connection ended.
#[derive(Clone, Debug)]
pub struct Closed {
    /// What the peer's Close said; where it broke the protocol, or its service panicked, what it was told. `None` where it
    /// ended without a Close.
    pub reason: Option<CloseReason>,
    /// Who or what ended it.
    pub cause: CloseCause,
}

impl Closed {
    /// The code as APIs report it (§7.1.5): 1005 for a Close without a code, 1006 where no Close came.
    #[must_use]
    pub fn code(&self) -> u16 {
        match &self.reason {
            Some(CloseReason { code: Some(code), .. }) => code.get(),
            Some(CloseReason { code: None, .. }) => 1005,
            None => 1006,
        }
    }
}

/// Who or what ended a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCause {
    /// The peer sent a Close first.
    Peer,
    /// We sent a Close first, and the peer answered it.
    Local,
    /// We sent a Close, and no answer came in time.
    CloseTimeout,
    /// The peer broke the protocol or a bound; it was told so.
    Protocol(ProtocolError),
    /// The peer ended the stream without a Close.
    Eof,
    /// The socket failed.
    Io(std::io::ErrorKind),
    /// No sign of life within the idle time-out.
    IdleTimeout,
    /// The peer did not read for the write time-out.
    WriteTimeout,
    /// A queue or the process reached its bound.
    Overload,
    /// The service panicked.
    Panic,
    /// The drain's time was over.
    Drained,
    /// A client's connection could not be opened.
    NotOpened(OpenError),
}

/// Why a client's connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError {
    /// How far it came, for whoever acts on it.
    pub kind: OpenErrorKind,
    /// What happened, for a person.
    pub why: String,
    /// What the server answered, where it refused with an HTTP status.
    pub refusal: Option<Box<client::Refusal>>,
}

/// How far the opening of a client's connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// The name has no address.
    Unresolved,
    /// No address takes a connection; the last one failed like this.
    Unreachable(std::io::ErrorKind),
    /// The peer's certificate is not trusted.
    Untrusted,
    /// The peer refused, or what it said is no opening handshake.
    Handshake,
    /// The peer ended the connection before it had answered.
    Ended,
    /// The time was over.
    Timeout,
    /// The request cannot be sent as it was asked for.
    Request,
    /// The workers stop.
    Stopped,
}

impl OpenError {
    pub(crate) fn new(kind: OpenErrorKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), refusal: None }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl fmt::Display for CloseCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str("closed by the peer"),
            Self::Local => f.write_str("closed by this side"),
            Self::CloseTimeout => f.write_str("the peer did not answer the Close in time"),
            Self::Protocol(error) => write!(f, "{error}"),
            Self::Eof => f.write_str("the peer ended the connection without a Close"),
            Self::Io(kind) => write!(f, "{kind}"),
            Self::IdleTimeout => f.write_str("no sign of life from the peer"),
            Self::WriteTimeout => f.write_str("the peer did not read"),
            Self::Overload => f.write_str("a queue reached its bound"),
            Self::Panic => f.write_str("the service failed"),
            Self::Drained => f.write_str("cut off at the end of the drain"),
            Self::NotOpened(error) => write!(f, "{error}"),
        }
    }
}

impl CloseCause {
    /// A short name for metrics, one word per cause.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Local => "local",
            Self::CloseTimeout => "close_timeout",
            Self::Protocol(_) => "protocol",
            Self::Eof => "eof",
            Self::Io(_) => "io",
            Self::IdleTimeout => "idle_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Overload => "overload",
            Self::Panic => "panic",
            Self::Drained => "drained",
            Self::NotOpened(_) => "not_opened",
        }
    }
}
