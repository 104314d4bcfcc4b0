//! A connection that the window keeps: a [`Link`] and the network that carries out its steps.

use std::{sync::Arc, time::Instant};

use wigwag_net::{
    Connect, OwnedMessage,
    tls::{ClientTls, Trust},
    url::WsUrl,
};
use wigwag_proto::{CloseCode, Config, handshake::extensions::DeflatePolicy};

use crate::{
    link::{Link, Status, Step},
    wire::{Event, Inbox, Wire},
};

/// How to connect, besides the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) protocols: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// One connection, kept open as long as it is wanted.
pub(crate) struct Channel {
    wire: Arc<Wire>,
    pub(crate) link: Link,
    target: Option<(WsUrl, Manner)>,
    inbox: Option<Inbox>,
    message_bytes_max: usize,
}

/// What a channel tells its tab.
#[derive(Debug)]
pub(crate) enum News {
    Opened,
    Message(OwnedMessage, Instant),
    Closed,
}

impl Channel {
    pub(crate) fn new(wire: Arc<Wire>) -> Self {
        Self {
            wire,
            link: Link::new(fastrand::u64(..)),
            target: None,
            inbox: None,
            message_bytes_max: MESSAGE_BYTES_MAX,
        }
    }

    /// For a service whose messages are small: larger ones close the connection (1009).
    pub(crate) fn of_service(wire: Arc<Wire>) -> Self {
        Self { message_bytes_max: SERVICE_MESSAGE_BYTES_MAX, ..Self::new(wire) }
    }

    /// Where it goes and how, if it is wanted.
    pub(crate) fn target(&self) -> Option<&(WsUrl, Manner)> {
        self.target.as_ref().filter(|_| self.link.is_wanted())
    }

    /// Where it goes, if it is wanted.
    pub(crate) fn url(&self) -> Option<&WsUrl> {
        self.target().map(|(url, _)| url)
    }

    /// Opens a connection, in place of the one that there may be.
    pub(crate) fn connect(&mut self, url: WsUrl, manner: Manner) {
        self.inbox = None;
        self.target = Some((url, manner));
        self.link.connect();
        self.carry_out();
    }

    /// Opens a connection to `url` if this channel has none that leads there and never had one that failed; closes it if
    /// `url` is `None`.
    pub(crate) fn want(&mut self, url: Option<WsUrl>, manner: &Manner) {
        let Some(url) = url else { return self.disconnect() };
        let same = self.target.as_ref().is_some_and(|(target, how)| *target == url && how == manner);
        if !same || matches!(self.link.status(), Status::Off) {
            self.connect(url, manner.clone());
        }
    }

    pub(crate) fn disconnect(&mut self) {
        self.link.disconnect();
        self.carry_out();
    }

    /// Sends text, or bytes. `false` where there is no open connection.
    pub(crate) fn send(&self, message: impl Into<OwnedMessage>) -> bool {
        let open = self.link.status() == Status::Open;
        let remote = self.inbox.as_ref().and_then(Inbox::remote).filter(|_| open);
        remote.is_some_and(|remote| remote.send(message).is_ok())
    }

    /// What has happened since the last frame.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<News> {
        let events = self.inbox.as_mut().map(Inbox::take).unwrap_or_default();
        let mut news = Vec::with_capacity(events.len());
        for event in events {
            match event {
                Event::Opened(_, protocol) => {
                    self.link.handle_opened(protocol, now);
                    news.push(News::Opened);
                }
                Event::Message(message, at) => {
                    self.link.handle_message();
                    news.push(News::Message(message, at));
                }
                Event::Pong(payload, at) => self.link.handle_pong(&payload, at),
                Event::Closed(closed) => {
                    self.link.handle_closed(&closed, now);
                    self.inbox = None;
                    news.push(News::Closed);
                }
            }
        }
        self.link.handle_time(now);
        self.carry_out();
        news
    }

    fn carry_out(&mut self) {
        for step in self.link.take_steps() {
            let remote = self.inbox.as_ref().and_then(Inbox::remote);
            match (step, remote) {
                (Step::Connect, _) => self.open(),
                (Step::Ping(payload), Some(remote)) => remote.ping(&payload),
                (Step::Close, Some(remote)) => remote.close(CloseCode::NORMAL, ""),
                // Not open yet: without its mail it will not be.
                (Step::Close, None) => self.inbox = None,
                (Step::Ping(_), None) => {}
            }
        }
    }

    fn open(&mut self) {
        let Some((url, manner)) = &self.target else { return };
        let tls = url.tls.then(|| ClientTls { trust: Trust::System, identity: None }.config()).transpose();
        match tls {
            Ok(tls) => {
                let config = Config { message_bytes_max: self.message_bytes_max, ..Config::default() };
                self.inbox = Some(self.wire.open(Connect {
                    tls,
                    protocols: manner.protocols.clone(),
                    headers: manner.headers.clone(),
                    deflate: DeflatePolicy::DISABLED,
                    config: Arc::new(config),
                    ..url.connect_plain()
                }));
            }
            Err(error) => self.link.refuse(error.to_string()),
        }
    }
}

/// Of a message that comes in.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// What the services' tabs keep of many messages is bounded by this.
const SERVICE_MESSAGE_BYTES_MAX: usize = 64 << 10;
