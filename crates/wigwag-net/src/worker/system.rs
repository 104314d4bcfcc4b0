//! The two system calls of every message, and many of either in one. On Linux they are made directly: libc's are points
//! where a thread may be cancelled, which costs two locked instructions each in a process that has threads.

#[cfg(target_os = "linux")]
mod ring;
#[cfg(not(target_os = "linux"))]
mod ring {
    //! There is none.

    use std::io;

    use super::{Receive, Results, Send};

    pub(in crate::worker) enum Ring {}

    impl Ring {
        pub(in crate::worker) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in crate::worker) fn send_all(&mut self, _: &[Send<'_>], _: &mut Results) -> io::Result<()> {
            match *self {}
        }

        pub(in crate::worker) fn receive_all(&mut self, _: &mut [Receive<'_>], _: &mut Results) -> io::Result<()> {
            match *self {}
        }
    }
}

use std::io;
#[cfg(not(target_os = "linux"))]
use std::io::{Read as _, Write as _};

use mio::net::TcpStream;
#[cfg(target_os = "linux")]
use rustix::net::{RecvFlags, SendFlags};

pub(super) use ring::Ring;

/// One of several writes that a [`Ring`] makes together.
pub(super) struct Send<'a> {
    /// Comes back with the result.
    pub(super) key: u32,
    pub(super) socket: &'a TcpStream,
    pub(super) bytes: &'a [u8],
}

/// One of several reads that a [`Ring`] makes together.
pub(super) struct Receive<'a> {
    /// Comes back with the result.
    pub(super) key: u32,
    pub(super) socket: &'a TcpStream,
    /// Where to.
    pub(super) buffer: &'a mut [u8],
}

/// What came of several calls, each with its key.
pub(super) type Results = Vec<(u32, io::Result<usize>)>;

/// Most that are handed over in one go.
pub(super) const CALLS_MAX: usize = 128;

/// Reads what has arrived; 0 is the end.
#[cfg(target_os = "linux")]
#[inline]
pub(super) fn read(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::net::recv(socket, buffer, RecvFlags::empty())?.0)
}

/// Writes as much as the socket takes.
#[cfg(target_os = "linux")]
#[inline]
pub(super) fn write(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(mut socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    socket.read(buffer)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn write(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    socket.write(bytes)
}
