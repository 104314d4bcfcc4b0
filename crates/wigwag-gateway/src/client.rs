//! The client's side of a pair, which decides for both: it waits for the upstream, remembers what may have to be said again,
//! and passes each side's end on to the other.
//!
//! | room | holds |
//! |---|---|
//! | `opening` | the upstream answers the first attempt, or a later one |
//! | `holding` | the upstream is not there: waiting, trying again, giving up |
//! | `moving` | pieces of messages on their way |
//! | `closing` | either side ends |

mod closing;
mod holding;
mod moving;
mod opening;

use std::{any::Any, sync::Arc, time::Instant};

use wigwag_net::{CloseCode, CloseReason, Closed, ConnectionId, Held, Local, Message, PeerEnd, Service, Socket, Timer};
use wigwag_proto::{Frames, MessageKind};

use self::holding::Waiting;
use crate::{answer::STOPPING, asked::Asked, gateway::Upstream, replay::Memory, sampler::Sampler, upstream::Note};

/// A client's connection, from its handshake on.
pub(crate) struct ClientSide {
    upstream: Arc<Upstream>,
    /// Its name, from the start of its handshake on.
    id: Option<ConnectionId>,
    link: Link,
    /// What the upstream is asked for; gone once it need not be asked again.
    asked: Option<Box<Asked>>,
    /// If what was said may have to be said again.
    replay: Option<Box<Replaying>>,
    /// The client's side has ended, ours has not.
    ended: Option<Ended>,
    sampler: Sampler,
}

/// What another upstream has to know.
#[derive(Default)]
struct Replaying {
    /// What was said to the upstream.
    memory: Memory,
    /// Since when it is there, and how often in a row it was not there for long.
    linked: Option<(Instant, u8)>,
}

/// How the client's side ended.
struct Ended {
    /// What it is answered if the upstream has no words of its own.
    code: Option<CloseCode>,
    /// The client broke the protocol: when it is told so at the latest.
    last_words: Option<Timer>,
}

/// Where the client's messages go.
enum Link {
    /// To this connection.
    Open(ConnectionId),
    /// The upstream is not there (yet).
    Waiting(Box<Waiting>),
    /// Nowhere: the pair has ended.
    Ended,
}

impl ClientSide {
    pub(crate) fn new(upstream: Arc<Upstream>, asked: Asked) -> Self {
        let replays = upstream.replays();
        Self {
            upstream,
            id: None,
            link: Link::Ended,
            asked: Some(Box::new(asked)),
            replay: replays.then(Box::default),
            ended: None,
            sampler: Sampler::default(),
        }
    }

    /// The client's own socket, if it is open.
    fn socket<'w>(&self, local: &'w mut Local<'_>) -> Option<Socket<'w>> {
        local.socket(self.id?)
    }

    /// The client's own handshake, if it waits.
    fn held<'w>(&self, local: &'w mut Local<'_>) -> Option<Held<'w>> {
        local.held(self.id?)
    }
}

impl Service for ClientSide {
    fn on_hold(&mut self, held: &mut Held<'_>) {
        self.id = Some(held.id());
        self.link = Link::Waiting(Box::new(Waiting::new(&self.upstream)));
        self.attempt(&mut held.local());
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        self.pass_on(socket, message.kind(), message.as_bytes(), true);
    }

    fn on_piece(&mut self, socket: &mut Socket<'_>, kind: MessageKind, piece: &[u8], _: bool, last: bool) {
        self.pass_on(socket, kind, piece, last);
    }

    fn on_frames(&mut self, socket: &mut Socket<'_>, frames: Frames<'_>) {
        self.pass_on_frames(socket, frames);
    }

    fn on_writable(&mut self, socket: &mut Socket<'_>) {
        if let Link::Open(upstream) = self.link
            && let Some(mut upstream) = socket.other(upstream)
        {
            upstream.resume();
        }
    }

    fn on_peer_end(&mut self, socket: &mut Socket<'_>, end: PeerEnd<'_>) {
        self.handle_end(socket, end);
    }

    fn on_timer(&mut self, socket: &mut Socket<'_>, timer: Timer) {
        self.handle_timer(&mut socket.local(), timer);
    }

    fn on_told(&mut self, local: &mut Local<'_>, what: Box<dyn Any>) {
        let Ok(note) = what.downcast::<Note>() else { return };
        match *note {
            Note::Opened { id, protocol, cookies } => self.handle_opened(local, id, protocol.as_deref(), &cookies),
            Note::NotOpened(error) => self.handle_not_opened(local, error),
            Note::Closing { id, reason, in_message } => self.handle_upstream_closing(local, id, &reason, in_message),
            Note::Failed { id, error } => self.handle_upstream_failed(local, id, error),
            Note::Gone { id, closed, in_message } => self.handle_upstream_gone(local, id, &closed, in_message),
        }
    }

    fn on_drain(&mut self, socket: &mut Socket<'_>) {
        socket.close_with(&CloseReason::new(CloseCode::GOING_AWAY, STOPPING));
    }

    fn on_gone(&mut self, local: &mut Local<'_>, closed: &Closed) {
        self.handle_gone(local, closed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::UpstreamSide;

    #[test]
    fn the_two_sides_of_a_pair_take_little() {
        assert!(size_of::<ClientSide>() <= 80, "{} bytes", size_of::<ClientSide>());
        assert!(size_of::<UpstreamSide>() <= 64, "{} bytes", size_of::<UpstreamSide>());
    }
}
