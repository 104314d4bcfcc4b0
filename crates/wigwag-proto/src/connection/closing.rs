//! The closing handshake (RFC 6455 §7): who closed, why, and until when it may last.

use std::time::Instant;

use super::{
    Connection,
    context::Context,
    event::{Event, ProtocolError},
};
use crate::{
    close::{CloseCode, CloseReason},
    frame::Opcode,
};

/// How far a connection is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Both sides may send.
    Open,
    /// The peer will say no more: its Close is there, or it broke the protocol. We may still send
    /// ([`Config::half_open`](super::Config::half_open)).
    HalfOpen,
    /// Our Close is queued or sent, or can no longer be; the peer's is awaited, and its messages are still reported.
    CloseSent,
    /// Both Closes are there; ours may still be queued.
    Closed,
    /// The peer broke the protocol, and a Close that says so is queued.
    Failed,
    /// The peer is gone without a Close.
    Lost,
}

/// What is known of the end. Boxed: an open connection has none.
#[derive(Default)]
pub(super) struct Closing {
    deadline: Option<Instant>,
    own: Option<CloseReason>,
    peer: Option<CloseReason>,
    error: Option<ProtocolError>,
}

impl Connection {
    /// Begins the closing handshake: a Close is queued after all that is queued already, messages that still arrive are
    /// reported. Harmless where the connection is closing. A reason without a code cannot be sent and is left out; one
    /// over 123 bytes is cut.
    ///
    /// Where the peer's side has ended already ([`Config::half_open`](super::Config::half_open)) this answers its Close; one
    /// that broke the protocol is told so instead, whatever the code.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str, context: &mut Context) {
        let reason = || code.map_or_else(CloseReason::default, |code| CloseReason::new(code, reason));
        match (self.state, self.error()) {
            (State::Open, _) => {
                self.queue_close(reason(), context);
                self.state = State::CloseSent;
            }
            (State::HalfOpen, Some(error)) => {
                self.queue_close(told(error), context);
                self.state = State::Failed;
            }
            (State::HalfOpen, None) => {
                self.queue_close(reason(), context);
                self.state = State::Closed;
            }
            _ => {}
        }
    }

    /// The peer will send no more. Reports [`Event::Lost`] if its Close had not come.
    ///
    /// The peer may have closed one direction only, so what is queued may still be sent, for as long as
    /// [`Config::close_timeout`](super::Config::close_timeout).
    pub fn handle_eof(&mut self, context: &mut Context) -> Option<Event<'static>> {
        self.is_reading().then(|| {
            let deadline = self.closing_deadline(context);
            self.closing_mut().deadline.get_or_insert(deadline);
            self.lose()
        })
    }

    /// The peer takes nothing more, but what it said before may not all have been read: answers, and the Close that says
    /// why. Forgets what is queued and sends nothing from now on; input still matters until
    /// [`Config::close_timeout`](super::Config::close_timeout). `false` if it does not.
    pub fn handle_write_failure(&mut self, context: &Context) -> bool {
        if !self.is_reading() {
            return false;
        }
        self.out.discard();
        self.state = State::CloseSent;
        let deadline = self.closing_deadline(context);
        self.closing_mut().deadline.get_or_insert(deadline);
        true
    }

    /// When [`Self::handle_timeout`] wants to be called: closing has lasted too long then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.closing.as_ref().and_then(|closing| closing.deadline)
    }

    /// Does nothing before the time of [`Self::poll_timeout`]. Then it forgets what is queued, so that the connection is
    /// done, and reports [`Event::Lost`] if the peer's Close had not come.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Event<'static>> {
        let closing = self.closing.as_mut()?;
        closing.deadline.take_if(|deadline| *deadline <= now)?;
        self.out.discard();
        self.is_reading().then(|| self.lose())
    }

    /// Messages may be sent.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::HalfOpen)
    }

    /// Messages may be sent, but the peer's side has ended ([`Config::half_open`](super::Config::half_open)).
    #[must_use]
    pub fn is_half_open(&self) -> bool {
        self.state == State::HalfOpen
    }

    /// The connection is on its way to the end and not there yet.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        !self.is_open() && !self.is_done()
    }

    /// Nothing more is to be sent, nothing that arrives matters: a server may shut down its side of the stream now, a
    /// client waits for the end of the stream, until [`Self::poll_timeout`] (§7.1.1).
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed | State::Lost) && self.queued_bytes() == 0
    }

    /// Input still matters; else it is discarded.
    #[inline]
    #[must_use]
    pub fn is_reading(&self) -> bool {
        matches!(self.state, State::Open | State::CloseSent)
    }

    /// Both Closes are exchanged (§7.1.4 "closed _cleanly_").
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.state == State::Closed
    }

    /// The final word, once there is one: the peer's Close, or what we told a peer that broke the protocol. `None` as long
    /// as the connection is open, and where the peer went without a Close (1006 in other APIs).
    #[must_use]
    pub fn close_reason(&self) -> Option<&CloseReason> {
        let closing = self.closing.as_deref()?;
        match self.state {
            State::Closed | State::HalfOpen => closing.peer.as_ref(),
            State::Failed => closing.own.as_ref(),
            State::Open | State::CloseSent | State::Lost => None,
        }
    }

    /// What our Close said, once it is queued.
    #[must_use]
    pub fn own_close_reason(&self) -> Option<&CloseReason> {
        self.closing.as_deref()?.own.as_ref()
    }

    /// How the peer broke the protocol, if it did.
    #[must_use]
    pub fn error(&self) -> Option<ProtocolError> {
        self.closing.as_deref()?.error
    }

    /// The peer's Close is there: answers it unless it is itself the answer (§5.5.1).
    pub(super) fn peer_closed(&mut self, reason: CloseReason, context: &mut Context) -> Event<'static> {
        if self.state == State::Open && self.config.half_open {
            self.state = State::HalfOpen;
        } else {
            if self.state == State::Open {
                // Echo the peer's code, not a code of ours: an empty Close is answered by an empty one.
                self.queue_close(CloseReason { code: reason.code, reason: String::new() }, context);
            }
            self.state = State::Closed;
        }
        self.incoming = None;
        self.closing_mut().peer = Some(reason.clone());
        Event::Close(reason)
    }

    /// §7.1.7 "_Fail the WebSocket Connection_": what is queued goes out first, then a Close with the error's code.
    pub(super) fn fail(&mut self, error: ProtocolError, context: &mut Context) -> Event<'static> {
        if self.state == State::Open && self.config.half_open {
            self.state = State::HalfOpen;
        } else {
            if self.state == State::Open {
                self.queue_close(told(error), context);
            }
            self.state = State::Failed;
        }
        self.incoming = None;
        self.closing_mut().error = Some(error);
        Event::Failed(error)
    }

    fn lose(&mut self) -> Event<'static> {
        self.state = State::Lost;
        self.incoming = None;
        Event::Lost
    }

    fn queue_close(&mut self, reason: CloseReason, context: &mut Context) {
        let mut payload = Vec::new();
        if let Some(code) = reason.code {
            payload.extend_from_slice(&code.get().to_be_bytes());
            payload.extend_from_slice(reason.reason.as_bytes());
        }
        self.push_frame(Opcode::Close, true, 0, &payload, context);
        let deadline = self.closing_deadline(context);
        let closing = self.closing_mut();
        closing.own = Some(reason);
        closing.deadline = Some(deadline);
    }

    fn closing_deadline(&self, context: &Context) -> Instant {
        // A time-out beyond what the clock can count is none at all in effect; a day is as good.
        let day = std::time::Duration::from_secs(86_400);
        context.now.checked_add(self.config.close_timeout).unwrap_or(context.now + day)
    }

    fn closing_mut(&mut self) -> &mut Closing {
        self.closing.get_or_insert_default()
    }
}

/// What a peer is told that broke the protocol.
fn told(error: ProtocolError) -> CloseReason {
    CloseReason::new(error.close_code(), &error.to_string())
}
