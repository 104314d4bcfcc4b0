//! Listening sockets, and an error that helps where one cannot be had.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::process;

/// Connections that may wait to be accepted; the operating system may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Someone else listens there.
    #[error("{address} is taken{}: stop it, or listen on another port (port 0 picks a free one)", by(.holder))]
    Taken {
        /// The address.
        address: SocketAddr,
        /// Who holds it, as far as this user may see.
        holder: Option<String>,
    },
    /// Only the administrator may listen there.
    #[error("{address} needs privileges: listen on a port above 1023, or give the capability CAP_NET_BIND_SERVICE")]
    Denied {
        /// The address.
        address: SocketAddr,
    },
    /// The machine does not have this address.
    #[error("{address} is no address of this machine: 127.0.0.1 is reached from here alone, 0.0.0.0 from everywhere")]
    NotHere {
        /// The address.
        address: SocketAddr,
    },
    /// The text is no address, or its name does not resolve.
    #[error("cannot resolve the address to listen on: {0}")]
    Unresolved(#[source] io::Error),
    /// Something else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

fn by(holder: &Option<String>) -> String {
    holder.as_ref().map_or_else(String::new, |holder| format!(" by {holder}"))
}

/// Binds and listens; `others` are bound already.
pub(crate) fn listen(address: SocketAddr, others: &[SocketAddr]) -> Result<TcpListener, BindError> {
    open(address, others).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { address, holder: process::listener_of(address) },
        io::ErrorKind::PermissionDenied => BindError::Denied { address },
        io::ErrorKind::AddrNotAvailable => BindError::NotHere { address },
        _ => BindError::Other { address, source },
    })
}

fn open(address: SocketAddr, others: &[SocketAddr]) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a restart need not wait for connections of the last run to leave TIME_WAIT. Elsewhere than on Unix the
    // option would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // [::] takes IPv4 as well, unless 0.0.0.0 is listened on beside it.
        let beside = |other: &SocketAddr| other.ip() == IpAddr::from([0; 4]) && other.port() == address.port();
        socket.set_only_v6(others.iter().any(beside))?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
