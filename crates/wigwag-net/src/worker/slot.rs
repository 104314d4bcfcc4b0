//! One connection's place in its worker. What every connection needs is inline and small; the rest is boxed.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use mio::net::TcpStream;
use wigwag_proto::{Config, Connection, connection::Prepared, handshake::extensions::DeflatePolicy};

use crate::{
    acceptor::{Peer, Permit},
    local::Agreed,
    metrics::ROUTES_MAX,
    net::ConnectJob,
    remote::RemoteState,
    service::{CloseCause, Service},
    topic::{Lag, Topic},
};

use super::tls::Tls;

/// A connection. Hot fields only, in two lines of the cache and never across a third: 10,000 of these are walked at random.
#[repr(align(64))]
pub(crate) struct Slot {
    pub(crate) socket: TcpStream,
    pub(crate) generation: u32,
    /// When the peer last gave a sign of life, in milliseconds since the worker's start (wraps).
    pub(crate) life: u32,
    pub(crate) flags: Flags,
    pub(crate) phase: Phase,
    /// Below [`ROUTES_MAX`].
    pub(crate) route: u8,
    /// Present from the end of the handshake on.
    pub(crate) connection: Option<Connection>,
    /// Absent while it runs, before it opens and after it was told of the end.
    pub(crate) service: Option<Box<dyn Service>>,
    pub(crate) extra: Option<Box<Extra>>,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A client's TCP connection is being opened.
    Connecting,
    /// A client waits for the 101.
    Requesting,
    /// A server waits for the request head.
    Accepting,
    /// The request waits for the service's decision.
    Held,
    /// Messages flow, or the closing handshake.
    Open,
    /// Our side has ended: what is queued goes out, input is thrown away until the peer ends too.
    Lingering,
    /// To be removed as soon as no callback runs.
    Gone,
}

/// Readiness and reasons to wait, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    /// The socket may have bytes.
    pub(crate) const READABLE: Self = Self(1);
    /// The peer has ended its side: read on until the end is seen.
    pub(crate) const ENDED: Self = Self(1 << 1);
    /// The service does not want to read.
    pub(crate) const PAUSED: Self = Self(1 << 2);
    /// The out-queue is above its high-water mark: nothing is dispatched.
    pub(crate) const BLOCKED: Self = Self(1 << 3);
    /// The socket took less than was offered: a writable event comes.
    pub(crate) const STALLED: Self = Self(1 << 4);
    /// Writable events are asked for.
    pub(crate) const WRITE_EVENTS: Self = Self(1 << 5);
    /// Is in the run queue.
    pub(crate) const QUEUED: Self = Self(1 << 6);
    /// Is in the list of connections to flush at the end of the turn.
    pub(crate) const DIRTY: Self = Self(1 << 7);
    /// A Ping of ours is under way.
    pub(crate) const PINGED: Self = Self(1 << 8);
    /// The timer for the closing handshake is set.
    pub(crate) const CLOSE_TIMER: Self = Self(1 << 9);
    /// Shut the writing side down as soon as everything is out.
    pub(crate) const SHUTDOWN: Self = Self(1 << 10);
    /// The writing side has been shut down.
    pub(crate) const SHUT: Self = Self(1 << 11);
    /// Has subscriptions.
    pub(crate) const SUBSCRIBED: Self = Self(1 << 12);
    /// Has a TLS session.
    pub(crate) const TLS: Self = Self(1 << 13);
    /// The service is told when the out-queue is below its low-water mark.
    pub(crate) const WANTS_WRITABLE: Self = Self(1 << 14);
    /// The service was told of the end.
    pub(crate) const TOLD: Self = Self(1 << 15);

    /// Those from which something follows as soon as the socket takes more.
    const UNSETTLED: Self = Self(Self::BLOCKED.0 | Self::STALLED.0 | Self::WANTS_WRITABLE.0);

    pub(crate) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(crate) const fn set(&mut self, flag: Self) {
        self.0 |= flag.0;
    }

    pub(crate) const fn clear(&mut self, flag: Self) {
        self.0 &= !flag.0;
    }

    /// Clears the flag; `false` if it was not set.
    pub(crate) const fn lower(&mut self, flag: Self) -> bool {
        let was = self.has(flag);
        self.clear(flag);
        was
    }

    /// Sets the flag; `false` if it was set already.
    pub(crate) const fn raise(&mut self, flag: Self) -> bool {
        let new = !self.has(flag);
        self.set(flag);
        new
    }
}

/// What only some connections have, or only for a while.
#[derive(Default)]
pub(crate) struct Extra {
    /// A handshake that is not done.
    pub(crate) opening: Option<Opening>,
    /// What the server answered; only while the service is told that the connection is open.
    pub(crate) agreed: Option<Box<Agreed>>,
    pub(crate) tls: Option<Box<Tls>>,
    /// Bytes that were read and wait to be dispatched, from `kept_start` on.
    pub(crate) kept: Vec<u8>,
    pub(crate) kept_start: usize,
    /// An HTTP response or a request head on its way out, outside of any connection.
    pub(crate) raw_out: Vec<u8>,
    pub(crate) remote: Option<Arc<RemoteState>>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) permit: Option<Permit>,
    /// Since when the peer has taken nothing although something is queued.
    pub(crate) stalled_since: Option<Instant>,
    /// A write has failed, and what follows from it is still to be done.
    pub(crate) write_error: Option<io::ErrorKind>,
    /// The write time-out's timer is set; there is one at most.
    pub(crate) write_timer: bool,
    /// Bytes of this connection in the process-wide sums.
    pub(crate) counted_out: usize,
    pub(crate) counted_unfinished: usize,
    /// Input thrown away while lingering.
    pub(crate) lingered_bytes: usize,
    /// Why the connection ends, where that is known before the end.
    pub(crate) cause: Option<CloseCause>,
    pub(crate) timers: u32,
}

/// A handshake that is not done.
pub(crate) enum Opening {
    /// As server: the head so far.
    Server { peer: Peer, deadline: Instant, head: Vec<u8> },
    /// As server: the whole request, and what follows it, for the time of the answer.
    Held(Box<HeldRequest>),
    /// As client: whom to reach, and the response head so far.
    Client { job: Box<ConnectJob>, address: SocketAddr, key: [u8; 16], head: Vec<u8> },
}

/// A request that waits for its service's decision.
pub(crate) struct HeldRequest {
    /// The head and what came with it: the connection's first input, if there will be one.
    pub(crate) bytes: Vec<u8>,
    pub(crate) deadline: Instant,
    pub(crate) config: Arc<Config>,
    pub(crate) deflate: DeflatePolicy,
}

/// One connection's part in a topic.
pub(crate) struct Subscription {
    pub(crate) topic: Topic,
    /// Where the connection stands in the topic's list.
    pub(crate) position: u32,
    pub(crate) lag: Lag,
    /// Has missed publications: the newest one is owed.
    pub(crate) owed: bool,
}

impl Extra {
    /// Whether what is queued goes to the socket as it is, and nothing goes before it.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.tls.is_none() && self.raw_out.is_empty() && self.write_error.is_none()
    }

    /// Whether nothing in it is needed any longer.
    pub(crate) fn is_idle(&self) -> bool {
        self.opening.is_none()
            && self.tls.is_none()
            && self.kept.is_empty()
            && self.raw_out.is_empty()
            && self.remote.is_none()
            && self.subscriptions.is_empty()
            && self.permit.is_none()
            && self.stalled_since.is_none()
            && self.write_error.is_none()
            && !self.write_timer
            && self.counted_out == 0
            && self.counted_unfinished == 0
            && self.cause.is_none()
            && self.timers == 0
    }
}

impl Slot {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Under which number the metrics count it; one that they do not have counts as 0.
    pub(crate) fn set_route(&mut self, route: u16) {
        self.route = u8::try_from(route).ok().filter(|route| usize::from(*route) < ROUTES_MAX).unwrap_or(0);
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.connection.as_ref().map_or(0, Connection::queued_bytes)
    }

    /// Whether nothing waits and nothing has to follow: true of nearly every connection once what it had is written.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.phase == Phase::Open
            && self.extra.is_none()
            && !self.flags.has(Flags::UNSETTLED)
            && self.connection.as_ref().is_some_and(|connection| {
                connection.is_open()
                    && connection.queued_bytes() == 0
                    && connection.unfinished_bytes() == 0
                    && connection.poll_timeout().is_none()
            })
    }

    /// What is to be written next, if the socket may take it and gets it as it is, in one piece.
    #[inline]
    pub(crate) fn plain_output(&self) -> Option<&[u8]> {
        let connection = self.connection.as_ref()?;
        let plain = self.extra.as_ref().is_none_or(|extra| extra.is_plain());
        let may = self.phase == Phase::Open && !self.flags.has(Flags::STALLED);
        (plain && may).then(|| connection.transmit_single()).flatten()
    }

    /// Whether anything has still to go out, be it in a TLS session's buffer.
    pub(crate) fn has_output(&self) -> bool {
        self.queued_bytes() > 0
            || self.flags.has(Flags::STALLED)
            || self.extra.as_ref().is_some_and(|extra| !extra.raw_out.is_empty())
    }

    /// Whether bytes that were read before wait to be dispatched: nothing may be read past them.
    pub(crate) fn has_kept(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| !extra.kept.is_empty())
    }

    /// Whether input may be read and dispatched now.
    pub(crate) fn takes_input(&self) -> bool {
        !self.flags.has(Flags::PAUSED) && !self.flags.has(Flags::BLOCKED)
    }

    /// Appends an encoded message, if the connection is still open.
    pub(crate) fn send_prepared(&mut self, message: &Prepared, context: &mut wigwag_proto::Context) -> bool {
        self.connection.as_mut().is_some_and(|connection| connection.send_prepared(message, context).is_ok())
    }
}

/// Where a socket is a descriptor and no more: with debug assertions mio adds a mark of its own.
#[cfg(all(target_os = "linux", not(debug_assertions)))]
const _: () = assert!(size_of::<Slot>() == 128, "a slot is no longer two lines of the cache");
