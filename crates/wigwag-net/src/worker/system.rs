//! The two system calls of every message. On Linux they are made directly: libc's are points where a thread may be cancelled,
//! which costs two locked instructions each in a process that has threads.

use std::io;
#[cfg(not(target_os = "linux"))]
use std::io::{Read as _, Write as _};

use mio::net::TcpStream;
#[cfg(target_os = "linux")]
use rustix::net::{RecvFlags, SendFlags};

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
