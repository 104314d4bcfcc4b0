//! The upstream's side of a pair. It remembers next to nothing: what happens to it, it tells the client's side.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Instant};

use wigwag_net::{
    CloseCause, CloseReason, Closed, ConnectionId, Local, Message, OpenError, PeerEnd, Service, Socket, Timer,
};
use wigwag_proto::{Frames, MessageKind, ProtocolError};

use crate::{
    gateway::Upstream,
    metrics::Failure,
    sampler::{LAST_WORDS, Sampler},
};

/// What the upstream's side tells the client's.
#[derive(Debug)]
pub(crate) enum Note {
    /// The upstream answered 101.
    Opened {
        id: ConnectionId,
        protocol: Option<String>,
        /// The cookies that it sets, where those pass.
        cookies: Vec<String>,
    },
    NotOpened(OpenError),
    /// It sent a Close, which waits for its answer.
    Closing {
        id: ConnectionId,
        reason: CloseReason,
        in_message: bool,
    },
    /// It broke the protocol, and was not told so yet.
    Failed {
        id: ConnectionId,
        error: ProtocolError,
    },
    /// It is gone.
    Gone {
        id: ConnectionId,
        closed: Closed,
        in_message: bool,
    },
}

/// A connection to an upstream for one client.
pub(crate) struct UpstreamSide {
    upstream: Arc<Upstream>,
    client: ConnectionId,
    /// Once it is open.
    id: Option<ConnectionId>,
    began: Instant,
    /// The last piece had others to follow.
    in_message: bool,
    sampler: Sampler,
}

impl UpstreamSide {
    pub(crate) fn new(upstream: Arc<Upstream>, client: ConnectionId, began: Instant) -> Self {
        Self { upstream, client, id: None, began, in_message: false, sampler: Sampler::default() }
    }
}

impl Service for UpstreamSide {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let id = socket.id();
        self.id = Some(id);
        self.upstream.metrics.upstream_opened.fetch_add(1, Relaxed);
        self.upstream.metrics.connect_time.count(Instant::now().duration_since(self.began));
        self.upstream.is_reached();
        socket.set_piecewise(true);
        let agreed = socket.agreed();
        let protocol = agreed.and_then(|agreed| agreed.protocol.clone());
        let cookies = agreed.filter(|_| self.upstream.config.pass_cookies);
        let cookies = cookies.map(|agreed| agreed.headers("Set-Cookie").map(str::to_owned).collect());
        let note = Note::Opened { id, protocol, cookies: cookies.unwrap_or_default() };
        if !socket.local().tell(self.client, Box::new(note)) {
            socket.close_with(&client_gone());
        }
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        self.on_piece(socket, message.kind(), message.as_bytes(), true, true);
    }

    fn on_piece(&mut self, socket: &mut Socket<'_>, kind: MessageKind, piece: &[u8], _: bool, last: bool) {
        self.in_message = !last;
        let Some(mut client) = socket.other(self.client) else { return };
        client.send_piece(kind, piece, last);
        if last {
            self.sampler.sample(1, &mut client, &self.upstream.metrics.added_latency);
        }
        if client.is_backed_up() {
            socket.pause();
        }
    }

    fn on_frames(&mut self, socket: &mut Socket<'_>, frames: Frames<'_>) {
        self.in_message = false;
        let Some(mut client) = socket.other(self.client) else { return };
        let messages = frames.messages();
        client.send_frames(frames);
        self.sampler.sample(messages, &mut client, &self.upstream.metrics.added_latency);
        if client.is_backed_up() {
            socket.pause();
        }
    }

    fn on_writable(&mut self, socket: &mut Socket<'_>) {
        if let Some(mut client) = socket.other(self.client) {
            client.resume();
        }
    }

    fn on_peer_end(&mut self, socket: &mut Socket<'_>, end: PeerEnd<'_>) {
        let id = socket.id();
        let note = match end {
            PeerEnd::Close(reason) => Note::Closing { id, reason: reason.clone(), in_message: self.in_message },
            PeerEnd::Failed(error) => {
                self.upstream.metrics.count(Failure::Protocol);
                // What the client answers meanwhile is delivered first.
                socket.timer(LAST_WORDS);
                Note::Failed { id, error }
            }
        };
        if !socket.local().tell(self.client, Box::new(note)) {
            socket.close_with(&client_gone());
        }
    }

    fn on_timer(&mut self, socket: &mut Socket<'_>, _: Timer) {
        socket.close_with(&client_gone());
    }

    /// The client's side ends first, and this one with it.
    fn on_drain(&mut self, _: &mut Socket<'_>) {}

    fn on_gone(&mut self, local: &mut Local<'_>, closed: &Closed) {
        let note = match (self.id, &closed.cause) {
            (None, CloseCause::NotOpened(error)) => Note::NotOpened(error.clone()),
            (None, _) => return,
            (Some(id), _) => {
                self.upstream.metrics.upstream_closed.fetch_add(1, Relaxed);
                Note::Gone { id, closed: closed.clone(), in_message: self.in_message }
            }
        };
        local.tell(self.client, Box::new(note));
    }
}

fn client_gone() -> CloseReason {
    CloseReason::new(wigwag_net::CloseCode::GOING_AWAY, "the client is gone")
}
