//! TLS under a connection: rustls' sync sessions between the socket and the plain bytes. Knows nothing of WebSocket.

use std::io::{self, IoSlice, Read, Write};

use mio::net::TcpStream;

/// Plain bytes that rustls holds at most before they are encrypted and written.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// A TLS session, either role.
pub(crate) struct Tls {
    session: rustls::Connection,
}

impl Tls {
    pub(crate) fn new(session: impl Into<rustls::Connection>) -> Self {
        let mut session = session.into();
        session.set_buffer_limit(Some(BUFFER_BYTES_MAX));
        Self { session }
    }

    /// The server session, to give it away; `None` for a client's.
    pub(crate) fn into_server(self) -> Option<Box<rustls::ServerConnection>> {
        match self.session {
            rustls::Connection::Server(session) => Some(Box::new(session)),
            rustls::Connection::Client(_) => None,
        }
    }

    /// Reads plain bytes. `WouldBlock` means that the socket is drained, `Ok(0)` that the peer has ended its side.
    pub(crate) fn read(&mut self, mut socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Ended without close_notify: a truncated stream is no more than a vanished peer here, for WebSocket has
                // its own closing handshake.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            // At the end of the stream this reads nothing, and the reader above says so in the next round.
            self.session.read_tls(&mut socket)?;
            let processed = self.session.process_new_packets();
            // Handshake messages and alerts have to go out, also where processing failed.
            let flushed = self.flush(socket);
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            flushed?;
        }
    }

    /// Takes plain bytes and writes what the socket takes; gives how many plain bytes were taken.
    pub(crate) fn write(&mut self, socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush(socket)?;
        if self.session.wants_write() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.session.writer().write_vectored(slices)?;
        if taken == 0 {
            // Before the handshake is done only this much waits in the session: a request head of this size is an error.
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.flush(socket)?;
        Ok(taken)
    }

    /// Writes encrypted bytes until none are left or the socket takes no more (no error: see [`Self::wants_write`]).
    pub(crate) fn flush(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Says that nothing more is sent.
    pub(crate) fn end(&mut self) {
        self.session.send_close_notify();
    }
}
