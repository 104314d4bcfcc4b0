//! Handshakes that wait for their service's decision: nothing is read meanwhile, what came with the head is kept.

use wigwag_proto::{
    Connection, Role,
    deflate::Negotiated,
    handshake::{
        extensions::negotiate,
        server::{Request, Upgrade, write_accept},
    },
};

use super::{
    Flags, Phase, Worker,
    opening::{RETRY_AFTER, refusal},
    slot::{HeldRequest, Opening},
    timers::{Due, What},
};
use crate::{
    acceptor::{Accept, Refusal},
    limits::FOREVER,
    local::Held,
    service::CloseCause,
    socket::ConnectionId,
};

/// A 101 to be sent, what was negotiated, and where the frames begin.
type Answer = (Vec<u8>, Option<Negotiated>, usize);

impl Worker {
    /// Leaves the answer to the service. `bytes` begins with the whole head.
    pub(super) fn hold(&mut self, index: usize, bytes: Vec<u8>, accept: Accept) {
        let Accept { service, route, config, deflate, permit, hold, .. } = accept;
        let hold = hold.unwrap_or_default().min(FOREVER);
        let deadline = self.context.now + hold;
        if hold < self.limits.handshake_timeout.min(self.limits.ping_interval).min(self.limits.idle_timeout) {
            let generation = self.slots[index].generation;
            self.wheel.insert(deadline, Due { slot: index as u32, generation, what: What::Hold });
        }
        let slot = &mut self.slots[index];
        slot.phase = Phase::Held;
        slot.flags.set(Flags::PAUSED);
        slot.set_route(route);
        slot.service = Some(service);
        let extra = slot.extra();
        extra.permit = permit;
        extra.opening = Some(Opening::Held(Box::new(HeldRequest { bytes, deadline, config, deflate })));
        self.call_service(index, |service, worker| service.on_hold(&mut Held { worker, slot: index }));
        self.settle(index);
    }

    pub(crate) fn find_held(&self, id: ConnectionId) -> Option<usize> {
        self.find_in(Phase::Held, id)
    }

    /// Answers 101; `false` if that cannot be written.
    pub(crate) fn accept_held(&mut self, index: usize, protocol: Option<&str>, headers: &[(&str, &str)]) -> bool {
        let Some(Opening::Held(held)) = self.slots[index].extra().opening.take() else { return false };
        let HeldRequest { mut bytes, config, deflate, .. } = *held;
        // Read anew: nothing of it was worth keeping beside the bytes.
        let answer = (|| {
            let request = Request::parse(&bytes, &self.limits.head).ok()??;
            let upgrade = Upgrade::from_request(&request).ok()?;
            let grant = negotiate(upgrade.offers(), &deflate);
            let mut response = Vec::with_capacity(256);
            write_accept(&mut response, &upgrade, protocol, grant.as_ref(), headers).ok()?;
            Some((response, grant.map(|grant| grant.negotiated()), request.head_bytes()))
        })();
        let Some((response, negotiated, frames_at)): Option<Answer> = answer else {
            tracing::error!(?protocol, "a response head that cannot be written");
            self.refuse_held(index, &refusal(500, "unwritable", &[], "the server failed".to_owned()));
            return false;
        };
        bytes.drain(..frames_at);
        let slot = &mut self.slots[index];
        slot.connection = Some(Connection::new(Role::Server, config, negotiated));
        slot.phase = Phase::Open;
        slot.flags.clear(Flags::PAUSED);
        let extra = slot.extra();
        extra.raw_out = response;
        extra.kept = bytes;
        extra.kept_start = 0;
        self.metrics.routes[usize::from(self.slots[index].route)].opened.add(1);
        self.revive(index);
        self.mark_dirty(index);
        self.queue_run(index);
        true
    }

    /// Answers with an HTTP status; the service hears nothing more.
    pub(crate) fn refuse_held(&mut self, index: usize, refusal: &Refusal) {
        let slot = &mut self.slots[index];
        slot.flags.set(Flags::TOLD);
        slot.extra().opening = None;
        self.write_refusal(index, refusal);
    }

    /// As [`Self::refuse_held`], for reasons of the worker's own: the service is told that the peer is lost to it.
    pub(super) fn end_hold(&mut self, index: usize, refusal: &Refusal, cause: CloseCause) {
        self.tell_closed(index, cause);
        self.refuse_held(index, refusal);
        self.settle(index);
    }

    /// The time is over.
    pub(super) fn expire_hold(&mut self, index: usize) {
        let why = "the service behind this path did not decide in time".to_owned();
        self.end_hold(index, &refusal(504, "hold_timeout", RETRY_AFTER, why), CloseCause::IdleTimeout);
    }

    /// The worker stops.
    pub(super) fn drain_hold(&mut self, index: usize) {
        let why = "the server is stopping".to_owned();
        self.end_hold(index, &refusal(503, "draining", RETRY_AFTER, why), CloseCause::Drained);
    }
}
