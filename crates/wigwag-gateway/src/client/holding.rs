//! The upstream is not there: the client waits, within bounds, while it is tried again.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::Instant};

use wigwag_net::{CloseCode, ConnectionId, Local, Refusal, Timer};

use super::{ClientSide, Link};
use crate::{answer, backoff::Backoff, gateway::Upstream, metrics::Failure, pieces::Pieces};

/// A client whose upstream is not there.
pub(super) struct Waiting {
    /// The attempt under way.
    pub(super) opening: Option<ConnectionId>,
    /// What the client said meanwhile.
    pub(super) queue: Pieces,
    /// There was an upstream before.
    pub(super) replaces: bool,
    backoff: Backoff,
    /// From the first failure on.
    hold: Option<Hold>,
}

/// The bounded wait.
struct Hold {
    deadline: Timer,
    retry: Option<Timer>,
    last: Failure,
    _counted: Counted,
}

/// Counts a hold, and its end when it is dropped.
struct Counted(Arc<Upstream>);

impl Waiting {
    pub(super) fn new(upstream: &Upstream) -> Self {
        Self {
            opening: None,
            queue: Pieces::default(),
            replaces: false,
            backoff: Backoff::new(upstream.config.retry_min, upstream.config.retry_max),
            hold: None,
        }
    }
}

impl ClientSide {
    /// An attempt failed that may be repeated. A client that offers no subprotocols gets its 101 now, for nothing in it
    /// depends on the upstream.
    pub(super) fn wait(&mut self, local: &mut Local<'_>, failure: Failure) {
        if self.upstream.config.hold.is_zero() {
            return self.end_wait(local, answer::unreachable(failure), failure);
        }
        let offers_none = self.asked.as_ref().is_some_and(|asked| asked.protocols().next().is_none());
        if offers_none && let Some(held) = self.held(local) {
            if held.accept(None, &[]).is_none() {
                self.link = Link::Ended;
                return;
            }
            if let Some(mut socket) = self.socket(local) {
                socket.set_piecewise(true);
            }
        }
        let now = local.now();
        let (Some(deadline), Some(id)) = (now.checked_add(self.upstream.config.hold), self.id) else { return };
        let Link::Waiting(waiting) = &mut self.link else { return };
        let retry_at = now + waiting.backoff.next(fastrand::f64());
        let retry = timer_at(local, id, retry_at);
        match &mut waiting.hold {
            Some(hold) => (hold.retry, hold.last) = (retry, failure),
            None => {
                let Some(deadline) = timer_at(local, id, deadline) else { return };
                let counted = Counted::new(&self.upstream);
                waiting.hold = Some(Hold { deadline, retry, last: failure, _counted: counted });
            }
        }
    }

    /// The upstream that was there is not any longer, and what was said to it can be said again. One that comes and goes is
    /// waited for longer each time, and not for ever.
    pub(super) fn wait_again(&mut self, local: &mut Local<'_>) {
        let mut waiting = Waiting { replaces: true, ..Waiting::new(&self.upstream) };
        if let Some((since, flaps)) = self.replay.as_mut().and_then(|replay| replay.linked.as_mut()) {
            let stayed = local.now().duration_since(*since) >= self.upstream.config.retry_max;
            *flaps = if stayed { 0 } else { *flaps + 1 };
            if *flaps > FLAPS_MAX {
                return self.give_up(local, CloseCode::TRY_AGAIN_LATER, "the upstream comes and goes");
            }
            for _ in 0..*flaps {
                waiting.backoff.next(0.0);
            }
        }
        self.link = Link::Waiting(Box::new(waiting));
        if let Some(mut socket) = self.socket(local) {
            // The one that was too slow for it is gone.
            socket.resume();
        }
        self.wait(local, Failure::Lost);
    }

    pub(super) fn handle_timer(&mut self, local: &mut Local<'_>, timer: Timer) {
        if self.ended.as_ref().is_some_and(|ended| ended.last_words == Some(timer)) {
            return self.end_last_words(local);
        }
        let Link::Waiting(waiting) = &mut self.link else { return };
        let Some(hold) = &mut waiting.hold else { return };
        if hold.retry.take_if(|retry| *retry == timer).is_some() {
            self.attempt(local);
        } else if hold.deadline == timer {
            let last = hold.last;
            self.upstream.metrics.count(Failure::HoldTimeout);
            self.end_wait(local, answer::waited_in_vain(last), last);
        }
    }

    /// The client has waited long enough, or may not wait at all; `refusal` is for one whose handshake is not answered.
    fn end_wait(&mut self, local: &mut Local<'_>, refusal: Refusal, last: Failure) {
        if let Some(held) = self.held(local) {
            held.refuse(&refusal);
            return self.stop_waiting(local);
        }
        let why = format!("the upstream has not come back in time: {}", answer::words(last));
        self.give_up(local, CloseCode::TRY_AGAIN_LATER, &why);
    }

    /// Ends a wait with a Close.
    pub(super) fn give_up(&mut self, local: &mut Local<'_>, code: CloseCode, why: &str) {
        self.stop_waiting(local);
        if let Some(mut socket) = self.socket(local) {
            socket.close(code, why);
        }
    }

    /// Waits no longer: an attempt under way is cancelled, what waited is dropped.
    pub(super) fn stop_waiting(&mut self, local: &mut Local<'_>) {
        if let Link::Waiting(waiting) = std::mem::replace(&mut self.link, Link::Ended)
            && let Some(opening) = waiting.opening
        {
            local.cancel(opening);
        }
    }
}

impl Counted {
    fn new(upstream: &Arc<Upstream>) -> Self {
        upstream.metrics.holds.fetch_add(1, Relaxed);
        Self(upstream.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.holds_over.fetch_add(1, Relaxed);
    }
}

/// A timer of the client's connection, be it open or in its handshake.
fn timer_at(local: &mut Local<'_>, id: ConnectionId, at: Instant) -> Option<Timer> {
    match local.held(id) {
        Some(mut held) => Some(held.timer_at(at)),
        None => local.socket(id).map(|mut socket| socket.timer_at(at)),
    }
}

/// How often in a row an upstream may come and go at once before its client is given up.
const FLAPS_MAX: u8 = 10;
