//! The upstream is asked, and answers: the client gets its 101, or what the upstream says instead.

use wigwag_net::{CloseCode, ConnectionId, Local, OpenError};

use super::{ClientSide, Link};
use crate::{
    answer::{self, Attempt},
    metrics::Failure,
    upstream::UpstreamSide,
};

impl ClientSide {
    /// Asks the upstream for a connection.
    pub(super) fn attempt(&mut self, local: &mut Local<'_>) {
        let (Some(id), Some(asked), Link::Waiting(waiting)) = (self.id, &self.asked, &mut self.link) else { return };
        let connect = self.upstream.connect(asked);
        waiting.opening = local.connect(connect, UpstreamSide::new(self.upstream.clone(), id, local.now()));
    }

    /// The upstream answered 101: so does the gateway, if the client still waits for it. What waited is said first.
    pub(super) fn handle_opened(
        &mut self,
        local: &mut Local<'_>,
        to: ConnectionId,
        protocol: Option<&str>,
        cookies: &[String],
    ) {
        let Link::Waiting(waiting) = std::mem::replace(&mut self.link, Link::Open(to)) else {
            self.link = Link::Ended;
            return close(local, to, "the client is closing");
        };
        if let Some(held) = self.held(local) {
            let headers: Vec<(&str, &str)> = cookies.iter().map(|cookie| ("Set-Cookie", cookie.as_str())).collect();
            if held.accept(protocol, &headers).is_none() {
                self.link = Link::Ended;
                return close(local, to, "the client could not be answered");
            }
            if let Some(asked) = &mut self.asked {
                **asked = asked.with_protocol(protocol);
            }
        } else if self.asked.as_ref().is_none_or(|asked| asked.protocols().next() != protocol) {
            return self.refuse_other_protocol(local, to);
        }
        match &mut self.replay {
            Some(replay) => replay.linked = Some((local.now(), replay.linked.map_or(0, |(_, flaps)| flaps))),
            None => self.asked = None,
        }
        let Some(mut socket) = self.socket(local) else { return close(local, to, "the client is gone") };
        socket.set_piecewise(true);
        if waiting.replaces {
            self.upstream.metrics.replays.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        self.say_again(local, to);
        for (kind, piece, last) in waiting.queue.iter() {
            self.remember(kind, piece, last);
            if let Some(mut upstream) = local.socket(to) {
                upstream.send_piece(kind, piece, last);
            }
        }
    }

    /// Tells a new upstream what the one before was told.
    fn say_again(&self, local: &mut Local<'_>, to: ConnectionId) {
        let (Some(replay), Some(mut upstream)) = (&self.replay, local.socket(to)) else { return };
        for (kind, payload, last) in replay.memory.iter() {
            upstream.send_piece(kind, payload, last);
        }
    }

    /// The client was promised another subprotocol, or none.
    fn refuse_other_protocol(&mut self, local: &mut Local<'_>, to: ConnectionId) {
        self.link = Link::Ended;
        close(local, to, "another subprotocol than before");
        if let Some(mut client) = self.socket(local) {
            client.close(CloseCode::BAD_GATEWAY, "the upstream came back with another subprotocol");
        }
    }

    /// There is no connection to the upstream.
    pub(super) fn handle_not_opened(&mut self, local: &mut Local<'_>, error: OpenError) {
        let why = error.why.clone();
        let attempt = Attempt::of(error);
        self.upstream.metrics.count(attempt.failure());
        self.upstream.is_missed(&attempt, &why);
        let Link::Waiting(waiting) = &mut self.link else { return };
        waiting.opening = None;
        match attempt {
            Attempt::MayRetry(failure) => self.wait(local, failure),
            Attempt::Refused(refusal) => match self.held(local) {
                Some(held) => {
                    held.refuse(&answer::passed_on(&refusal, self.upstream.config.pass_cookies));
                    self.stop_waiting(local);
                }
                None if answer::is_passing(refusal.status) => self.wait(local, Failure::Refused),
                None => {
                    let why = format!("the upstream refuses the connection: {} {}", refusal.status, refusal.reason);
                    self.give_up(local, CloseCode::BAD_GATEWAY, &why);
                }
            },
            Attempt::Hopeless(failure) => match self.held(local) {
                Some(held) => {
                    held.refuse(&answer::unreachable(failure));
                    self.stop_waiting(local);
                }
                None => {
                    let why = format!("the upstream cannot be reached: {}", answer::words(failure));
                    self.give_up(local, CloseCode::BAD_GATEWAY, &why);
                }
            },
        }
    }
}

fn close(local: &mut Local<'_>, id: ConnectionId, why: &str) {
    if let Some(mut socket) = local.socket(id) {
        socket.close(CloseCode::GOING_AWAY, why);
    }
}
