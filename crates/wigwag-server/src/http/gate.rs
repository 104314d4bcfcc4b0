//! What stands between a socket and hyper: the requests of a kept-alive connection pass one by one, each head read first
//! by the same strict parser that reads the heads of WebSocket requests. hyper therefore never sees a head that two
//! readers could understand differently, and a request for a WebSocket never reaches it at all.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wigwag_proto::handshake::{
    HeadLimits,
    server::{Request, RequestError},
};

use super::wire::Wire;

/// The method of the request that hyper gets in place of one that was refused.
pub(super) const REFUSED_METHOD: &str = "REFUSED";

/// hyper has to answer in the order of the requests, so a refusal takes its request's place in the stream.
const REFUSED_HEAD: &[u8] = b"REFUSED / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const READ_BYTES: usize = 8 << 10;

/// A connection's bytes, let through head by head.
pub(super) struct Gate {
    wire: Wire,
    /// Read and not yet let through.
    waiting: Vec<u8>,
    /// How much of `waiting` is known to be an unfinished head.
    seen_bytes: usize,
    /// Let through, from `passed_at` on.
    passed: Vec<u8>,
    passed_at: usize,
    state: State,
    limits: HeadLimits,
    /// Whether requests for a WebSocket have somewhere to go.
    hands_back: bool,
    refused: Arc<OnceLock<RequestError>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The next bytes are a head.
    Heads,
    /// A request with a body was let through: hyper finds its end, and the connection ends with its answer.
    Body,
    /// A request was refused: nothing after it has a meaning.
    Refused,
    /// The next request asks for a WebSocket.
    WebSocket,
    /// The peer has ended its side.
    Ended,
}

/// A connection after HTTP.
pub(super) enum Rest {
    /// The next request asks for a WebSocket: the bytes from that request on.
    WebSocket(Wire, Vec<u8>),
    /// The peer has ended its side.
    Ended(Wire),
    /// The peer may still be sending.
    Open(Wire),
}

impl Gate {
    pub(super) fn new(wire: Wire, unread: Vec<u8>, limits: HeadLimits, hands_back: bool) -> Self {
        Self {
            wire,
            waiting: unread,
            seen_bytes: 0,
            passed: Vec::new(),
            passed_at: 0,
            state: State::Heads,
            limits,
            hands_back,
            refused: Arc::default(),
        }
    }

    /// Filled when a request is refused, before hyper sees its substitute.
    pub(super) fn refused(&self) -> Arc<OnceLock<RequestError>> {
        self.refused.clone()
    }

    /// What is left when HTTP is over.
    pub(super) fn into_rest(self) -> Rest {
        match self.state {
            State::WebSocket => Rest::WebSocket(self.wire, self.waiting),
            State::Ended => Rest::Ended(self.wire),
            State::Heads | State::Body | State::Refused => Rest::Open(self.wire),
        }
    }

    /// Lets the next request through if it is all there; `false` if more has to be read first.
    fn pass(&mut self) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let passed_bytes = match Request::parse_more(&self.waiting, self.seen_bytes, &self.limits) {
            Ok(None) => {
                self.seen_bytes = self.waiting.len();
                return false;
            }
            Ok(Some(request)) if request.is_upgrade() && self.hands_back => {
                self.state = State::WebSocket;
                return true;
            }
            Ok(Some(request)) if request.has_body() => {
                self.state = State::Body;
                self.waiting.len()
            }
            Ok(Some(request)) => request.head_bytes(),
            Err(error) => {
                self.state = State::Refused;
                self.refused.get_or_init(|| error);
                self.waiting = REFUSED_HEAD.to_vec();
                REFUSED_HEAD.len()
            }
        };
        let rest = self.waiting.split_off(passed_bytes);
        self.passed = std::mem::replace(&mut self.waiting, rest);
        self.passed_at = 0;
        self.seen_bytes = 0;
        true
    }

    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            self.state = State::Ended;
        }
        self.waiting.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Gate {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let passed = &this.passed[this.passed_at..];
            if !passed.is_empty() {
                let count = passed.len().min(buffer.remaining());
                buffer.put_slice(&passed[..count]);
                this.passed_at += count;
                return Poll::Ready(Ok(()));
            }
            match this.state {
                State::Body => return Pin::new(&mut this.wire).poll_read(cx, buffer),
                // To hyper this is the end of the stream.
                State::Refused | State::WebSocket | State::Ended => return Poll::Ready(Ok(())),
                State::Heads => {
                    if !this.pass() {
                        ready!(this.poll_more(cx))?;
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Gate {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}
