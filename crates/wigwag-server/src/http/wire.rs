//! A connection that came over from a worker, for tokio: the socket and, where TLS is spoken, its session, which is driven
//! here because tokio-rustls cannot adopt one. Knows nothing of HTTP.

use std::{
    io::{self, IoSlice, Read, Write},
    net::TcpStream as StdStream,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustls::ServerConnection;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

/// Plain bytes that the session takes before the socket took any of them.
const TLS_BUFFER_BYTES_MAX: usize = 64 << 10;

/// A socket, with or without TLS. Writing fails with `TimedOut` once the peer has taken nothing for `write_timeout`.
pub(super) struct Wire {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// Must be called on the runtime that shall drive it.
    pub(super) fn new(
        socket: StdStream,
        mut tls: Option<Box<ServerConnection>>,
        write_timeout: Duration,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        if let Some(session) = &mut tls {
            session.set_buffer_limit(Some(TLS_BUFFER_BYTES_MAX));
        }
        Ok(Self { socket: TcpStream::from_std(socket)?, tls, write_timeout, stalled: None })
    }

    /// Waits until the socket takes bytes.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// The parts again, to give them back.
    pub(super) fn into_parts(self) -> io::Result<(StdStream, Option<Box<ServerConnection>>)> {
        Ok((self.socket.into_std()?, self.tls))
    }

    /// Turns a wait that has lasted too long into an error.
    fn bound<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let deadline = Instant::now() + self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_write_some(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Some(session) = &mut self.tls else {
            return Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        };
        ready!(flush_tls(session, &mut self.socket, cx))?;
        let taken = session.writer().write_vectored(slices)?;
        // What does not go out now goes out with the next write or flush.
        let _ = flush_tls(session, &mut self.socket, cx)?;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.tls {
            Some(session) => flush_tls(session, &mut self.socket, cx),
            None => Pin::new(&mut self.socket).poll_flush(cx),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { socket, tls, .. } = self.get_mut();
        match tls {
            Some(session) => read_tls(session, socket, cx, buffer),
            None => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = this.poll_write_some(cx, slices);
        this.bound(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = this.poll_flush_all(cx);
        this.bound(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(session) = &mut this.tls {
            session.send_close_notify(); // Only the first call does anything.
        }
        let outcome = this.poll_flush_all(cx);
        ready!(this.bound(cx, outcome))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

/// The socket as rustls' synchronous calls see it: what is pending would block.
struct Blocking<'s, 'c, 'w> {
    socket: &'s mut TcpStream,
    cx: &'c mut Context<'w>,
}

impl Read for Blocking<'_, '_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        match Pin::new(&mut *self.socket).poll_read(self.cx, &mut buffer) {
            Poll::Ready(outcome) => outcome.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Blocking<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.socket).poll_write(self.cx, bytes) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read_tls(
    session: &mut ServerConnection,
    socket: &mut TcpStream,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    loop {
        match session.reader().read(buffer.initialize_unfilled()) {
            Ok(count) => {
                buffer.advance(count);
                return Poll::Ready(Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Ended without close_notify: HTTP knows by itself where a request ends.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(())),
            Err(error) => return Poll::Ready(Err(error)),
        }
        if let Err(error) = session.read_tls(&mut Blocking { socket, cx }) {
            return if error.kind() == io::ErrorKind::WouldBlock { Poll::Pending } else { Poll::Ready(Err(error)) };
        }
        let processed = session.process_new_packets();
        // Key updates and alerts have to go out, also where processing failed; what does not go out now goes later.
        let _ = flush_tls(session, socket, cx)?;
        if let Err(error) = processed {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
    }
}

fn flush_tls(session: &mut ServerConnection, socket: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    while session.wants_write() {
        match session.write_tls(&mut Blocking { socket, cx }) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}
