//! A bystander's connection: TCP, TLS where the plan says so, the opening handshake; then bytes as they are.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use socket2::{Domain, Socket, Type};
use wigwag_proto::handshake::{
    HeadLimits,
    client::{Request, Response},
    extensions::DeflatePolicy,
};

use crate::worker::Job;

/// An open connection. Its socket blocks, until [`Self::never_wait`].
pub(super) struct Bystander {
    stream: Stream,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Bystander {
    pub(super) fn open(job: &Job) -> io::Result<Self> {
        let mut failure = io::Error::other("the server has no address");
        for address in &job.addresses {
            match Self::open_at(job, *address) {
                Ok(bystander) => return Ok(bystander),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn open_at(job: &Job, address: SocketAddr) -> io::Result<Self> {
        let connect = &job.connect;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // Before connecting, for it decides how much the server may send to one who reads nothing.
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        socket.connect_timeout(&address.into(), connect.timeout)?;
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let stream = match &connect.tls {
            None => Stream::Plain(socket),
            Some(config) => {
                let name = ServerName::try_from(connect.host.clone()).map_err(io::Error::other)?;
                let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                Stream::Tls(Box::new(StreamOwned::new(session, socket)))
            }
        };
        let mut bystander = Self { stream };
        bystander.shake_hands(job)?;
        Ok(bystander)
    }

    fn shake_hands(&mut self, job: &Job) -> io::Result<()> {
        let connect = &job.connect;
        let host = if connect.host.contains(':') { format!("[{}]", connect.host) } else { connect.host.clone() };
        let host = format!("{host}:{}", connect.port);
        let protocols: Vec<&str> = connect.protocols.iter().map(String::as_str).collect();
        let headers: Vec<(&str, &str)> = connect.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let request = Request {
            host: &host,
            target: &connect.target,
            key: fastrand::u128(..).to_le_bytes(),
            protocols: &protocols,
            deflate: DeflatePolicy::DISABLED,
            origin: connect.origin.as_deref(),
            headers: &headers,
        };
        let mut head = Vec::new();
        request.write(&mut head).map_err(io::Error::other)?;
        self.write_all(&head)?;
        let expected = request.expected();
        let mut answer = Vec::new();
        let mut byte = [0];
        // One by one, so that nothing behind the head is taken.
        while Response::parse(&answer, &HeadLimits::default(), &expected).map_err(io::Error::other)?.is_none() {
            self.read_exact(&mut byte)?;
            answer.extend_from_slice(&byte);
        }
        Ok(())
    }

    /// Ends our side of the stream, in the middle of whatever it was.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.socket().shutdown(Shutdown::Write)
    }

    /// From now on, reading and writing do what can be done at once.
    pub(super) fn never_wait(&self) -> io::Result<()> {
        self.socket().set_nonblocking(true)
    }

    /// What the network said of the connection, without reading from it.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.socket().take_error().ok().flatten()
    }

    fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_ref(),
        }
    }
}

impl Read for Bystander {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Bystander {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// So little of what the server sends is taken by the system for one who does not read.
const RECEIVE_BUFFER_BYTES: usize = 4096;
/// How long a server may take over its handshake, and over its reaction.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
