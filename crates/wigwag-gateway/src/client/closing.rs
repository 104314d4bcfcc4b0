//! Either side ends: its words pass to the other, whose last words are delivered before the first is answered.

use wigwag_net::{CloseCode, CloseReason, Closed, ConnectionId, Local, PeerEnd, Socket};
use wigwag_proto::ProtocolError;

use super::{ClientSide, Ended, Link};
use crate::{
    answer::{self, CLIENT_FAILED},
    metrics::Failure,
    sampler::LAST_WORDS,
};

impl ClientSide {
    /// The client's side has ended: it sent a Close, or broke the protocol.
    pub(super) fn handle_end(&mut self, socket: &mut Socket<'_>, end: PeerEnd<'_>) {
        let code = match end {
            PeerEnd::Close(reason) => reason.code,
            PeerEnd::Failed(error) => Some(error.close_code()),
        };
        let Link::Open(to) = self.link else {
            self.stop_waiting(&mut socket.local());
            return answer_end(socket, code);
        };
        let last_words = matches!(end, PeerEnd::Failed(_)).then(|| socket.timer(LAST_WORDS));
        self.ended = Some(Ended { code, last_words });
        // One that is just going away says so in this very turn.
        let Some(mut upstream) = socket.other(to) else { return };
        match end {
            PeerEnd::Close(reason) => upstream.close_with(reason),
            PeerEnd::Failed(_) => upstream.close(CloseCode::GOING_AWAY, CLIENT_FAILED),
        }
    }

    /// The upstream has had the time for its last words to a client that broke the protocol.
    pub(super) fn end_last_words(&mut self, local: &mut Local<'_>) {
        if let (Some(ended), Some(mut socket)) = (&self.ended, self.socket(local)) {
            answer_end(&mut socket, ended.code);
        }
    }

    /// The client is gone.
    pub(super) fn handle_gone(&mut self, local: &mut Local<'_>, closed: &Closed) {
        if let Link::Open(to) = self.link
            && let Some(mut upstream) = local.socket(to)
        {
            upstream.close_with(&answer::told_to_upstream(closed));
        }
        self.stop_waiting(local);
    }

    /// The upstream sent a Close, which waits for its answer: the client's own, or at once if it restarts.
    pub(super) fn handle_upstream_closing(
        &mut self,
        local: &mut Local<'_>,
        id: ConnectionId,
        reason: &CloseReason,
        in_message: bool,
    ) {
        if !self.is_linked_to(id) || (answer::is_restart(reason) && self.can_replace(in_message)) {
            if let Some(mut upstream) = local.socket(id) {
                answer_end(&mut upstream, reason.code);
            }
            if self.is_linked_to(id) {
                self.handle_loss(local, in_message);
            }
            return;
        }
        match self.socket(local) {
            // Whatever the client still says reaches the upstream; it is answered when the client is gone.
            Some(mut client) => client.close_with(reason),
            None => self.answer_upstream(local, id, reason.code),
        }
    }

    /// The upstream broke the protocol. It is told so when the client has ended, or has had the time for it.
    pub(super) fn handle_upstream_failed(&mut self, local: &mut Local<'_>, id: ConnectionId, error: ProtocolError) {
        if !self.is_linked_to(id) {
            return self.answer_upstream(local, id, None);
        }
        if let Some(mut client) = self.socket(local) {
            client.close(CloseCode::BAD_GATEWAY, &format!("the upstream broke the protocol: {error}"));
        }
    }

    /// The upstream is gone, after a Close or without.
    pub(super) fn handle_upstream_gone(
        &mut self,
        local: &mut Local<'_>,
        id: ConnectionId,
        closed: &Closed,
        in_message: bool,
    ) {
        if !self.is_linked_to(id) {
            return;
        }
        let Some(mut client) = self.socket(local) else {
            self.link = Link::Ended;
            return;
        };
        match &self.ended {
            // All that it had to say is said: the client's end is answered with its words.
            Some(ended) => {
                let echo = CloseReason { code: ended.code, reason: String::new() };
                client.close_with(closed.reason.as_ref().unwrap_or(&echo));
                self.link = Link::Ended;
            }
            // The client is being closed already.
            None if !client.is_open() => self.link = Link::Ended,
            None => self.handle_loss(local, in_message),
        }
    }

    /// The upstream went away under a client that has not ended.
    fn handle_loss(&mut self, local: &mut Local<'_>, in_message: bool) {
        self.upstream.metrics.count(Failure::Lost);
        if self.can_replace(in_message) {
            return self.wait_again(local);
        }
        self.link = Link::Ended;
        let wanted = self.upstream.replays();
        let why = match (wanted, in_message) {
            (true, true) => "the upstream went away in the middle of a message: connect again",
            (true, false) => {
                self.upstream.metrics.count(Failure::ReplayTooBig);
                "the upstream went away, and too much was said to it to be said again: connect again"
            }
            (false, _) => "the upstream went away: connect again",
        };
        if let Some(mut client) = self.socket(local) {
            client.close(CloseCode::SERVICE_RESTART, why);
        }
    }

    /// Whether another upstream connection can take the place of this one. Half a message that the client has already can
    /// be finished by none.
    fn can_replace(&self, in_message: bool) -> bool {
        self.replay.is_some() && self.ended.is_none() && !in_message
    }

    fn is_linked_to(&self, id: ConnectionId) -> bool {
        matches!(self.link, Link::Open(to) if to == id)
    }

    fn answer_upstream(&self, local: &mut Local<'_>, id: ConnectionId, code: Option<CloseCode>) {
        if let Some(mut upstream) = local.socket(id) {
            answer_end(&mut upstream, code);
        }
    }
}

/// Ends our side as the peer's has ended. One that broke the protocol is told so, whatever the code.
fn answer_end(socket: &mut Socket<'_>, code: Option<CloseCode>) {
    socket.close_with(&CloseReason { code, reason: String::new() });
}
