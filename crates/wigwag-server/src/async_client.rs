//! Connections opened as client, for `async` code: [`connect`] gives the same [`AsyncSocket`] that services get.

use std::{io, sync::Arc};

use tokio::sync::oneshot;
use wigwag_net::{
    CloseCode, Closed, Connect, Handle, Limits, Message, Net, Service, Socket,
    url::{UrlError, WsUrl},
};

use crate::{
    async_service::{AsyncLimits, AsyncSocket, Link},
    tls::{ClientTls, TlsError},
};

/// A connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot open {url}: {why}")]
pub struct ConnectError {
    /// What was to be opened.
    pub url: String,
    /// What went wrong.
    pub why: String,
}

/// A connection to be opened, by URL: its place, whom it trusts, and the rest by default.
///
/// ```no_run
/// # async fn example(net: &wigwag_net::Handle) -> Result<(), Box<dyn std::error::Error>> {
/// use wigwag_server::async_client::{ClientOptions, connect};
///
/// let mut socket = connect(net, ClientOptions::from_url("ws://127.0.0.1:8765/echo")?.into_connect()?).await?;
/// socket.send("hello").await?;
/// println!("{:?}", socket.recv().await?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where to.
    pub url: WsUrl,
    /// TLS, where the URL asks for it. Default: the system's roots.
    pub tls: ClientTls,
}

impl ClientOptions {
    /// A connection to this URL.
    ///
    /// # Errors
    /// What is wrong with the URL, and what to write instead.
    pub fn from_url(url: &str) -> Result<Self, UrlError> {
        Ok(Self { url: url.parse()?, tls: ClientTls::default() })
    }

    /// What [`connect`] takes; further settings are its fields. Reads files, where TLS is asked for.
    ///
    /// # Errors
    /// Where those files cannot be used.
    pub fn into_connect(self) -> Result<Connect, TlsError> {
        let tls = if self.url.tls { Some(self.tls.config()?) } else { None };
        Ok(Connect { tls, ..self.url.connect_plain() })
    }
}

/// Opens a connection. Runs on any executor; dropped before it is done, it leaves no connection behind.
///
/// # Errors
/// Where the name does not resolve, nobody answers in time, TLS fails, or the server refuses.
pub async fn connect(net: &Handle, connect: Connect) -> Result<AsyncSocket, ConnectError> {
    let url = url_of(&connect);
    let (opened, outcome) = oneshot::channel();
    net.connect(connect, Client { opened: Some(opened), link: None });
    let outcome = outcome.await.unwrap_or_else(|_| Err("the workers have stopped".to_owned()));
    outcome.map_err(|why| ConnectError { url, why })
}

/// Workers that only open connections.
///
/// # Errors
/// As [`Net::start`].
pub fn start_client(workers: usize) -> io::Result<Net> {
    Net::client(workers, Limits::default())
}

/// A client's connection, on its worker.
struct Client {
    opened: Option<oneshot::Sender<Result<AsyncSocket, String>>>,
    link: Option<Arc<Link>>,
}

impl Service for Client {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let link = Arc::new(Link::new(socket.remote(), AsyncLimits::default().inbox_bytes_max));
        self.link = Some(link.clone());
        if let Some(opened) = self.opened.take() {
            // Where nobody waits any longer the socket comes back, is dropped, and so closed.
            let _ = opened.send(Ok(AsyncSocket::new(link)));
        }
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        if let Some(link) = &self.link {
            link.deliver(socket, message);
        }
    }

    fn on_drain(&mut self, socket: &mut Socket<'_>) {
        match &self.link {
            Some(link) => link.drain(),
            None => socket.close(CloseCode::GOING_AWAY, ""),
        }
    }

    fn on_close(&mut self, closed: &Closed) {
        if let Some(link) = self.link.take() {
            link.end(closed.clone());
        }
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Err(closed.cause.to_string())); // nobody waits any longer: nobody is to be told
        }
    }
}

fn url_of(connect: &Connect) -> String {
    let scheme = if connect.tls.is_some() { "wss" } else { "ws" };
    let (host, port, target) = (&connect.host, connect.port, &connect.target);
    if host.contains(':') {
        format!("{scheme}://[{host}]:{port}{target}")
    } else {
        format!("{scheme}://{host}:{port}{target}")
    }
}
