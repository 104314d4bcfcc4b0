//! What a user gives for a path: a [`Route`], and what it is asked to judge: a [`Handshake`].

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use wigwag_net::{Handle, Peer, Refusal, Service};
use wigwag_proto::{
    Config,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};

/// An endpoint: makes a service for each connection, or refuses it.
///
/// Rarely written by hand: a closure `Fn(&Handshake<'_>) -> impl Service`, one that gives `Result<_, Refusal>`, and a
/// `Service` that is `Clone` are routes as well (see [`IntoRoute`]); [`Endpoint`] adds bounds and subprotocols to them.
/// Everything here runs on the workers: it must not block.
#[expect(unused_variables, reason = "the default bodies ignore what an implementation will use")]
pub trait Route: Send + Sync + 'static {
    /// Judges the handshake. Syntax, Host, Origin and the bounds per address have been checked before.
    ///
    /// # Errors
    /// What the peer gets instead of a WebSocket.
    fn open(&self, handshake: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal>;

    /// The subprotocol to speak: one of [`Handshake::protocols`]. Default: none.
    fn protocol(&self, handshake: &Handshake<'_>) -> Option<String> {
        None
    }

    /// Further headers of the 101. Default: none.
    fn headers(&self, handshake: &Handshake<'_>) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Where the service decides later ([`Service::on_hold`]): how long the answer may wait for it. The service says the
    /// subprotocol and the headers then. Default: the answer does not wait.
    fn hold(&self) -> Option<Duration> {
        None
    }

    /// Bounds of messages on this route; asked once, at the start. Default: the server's.
    fn config(&self) -> Option<Config> {
        None
    }

    /// Compression on this route; asked once, at the start. Default: the server's.
    fn deflate(&self) -> Option<DeflatePolicy> {
        None
    }

    /// The workers run: called once, for tickers and the like.
    fn start(&self, net: &Handle) {}
}

impl Route for Box<dyn Route> {
    fn open(&self, handshake: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal> {
        (**self).open(handshake)
    }

    fn protocol(&self, handshake: &Handshake<'_>) -> Option<String> {
        (**self).protocol(handshake)
    }

    fn headers(&self, handshake: &Handshake<'_>) -> Vec<(String, String)> {
        (**self).headers(handshake)
    }

    fn hold(&self) -> Option<Duration> {
        (**self).hold()
    }

    fn config(&self) -> Option<Config> {
        (**self).config()
    }

    fn deflate(&self) -> Option<DeflatePolicy> {
        (**self).deflate()
    }

    fn start(&self, net: &Handle) {
        (**self).start(net);
    }
}

/// A well-formed request for a WebSocket, as its route sees it.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'h> {
    pub(crate) request: &'h Request<'h>,
    pub(crate) upgrade: &'h Upgrade<'h>,
    pub(crate) peer: &'h Peer,
    pub(crate) client: IpAddr,
    pub(crate) params: &'h [(String, String)],
    pub(crate) route: u16,
}

impl<'h> Handshake<'h> {
    /// The path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &'h str {
        self.request.path()
    }

    /// What follows the `?`, still percent-encoded.
    #[must_use]
    pub fn query(&self) -> Option<&'h str> {
        self.request.query()
    }

    /// The value of a parameter in the route's path, percent-decoded; empty where the path has no such parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> &'h str {
        let params: &'h [(String, String)] = self.params;
        params.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// The value of the first header of this name (any case), if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h str> {
        self.request.header(name).and_then(|value| str::from_utf8(value).ok())
    }

    /// The whole request, for what is not offered here.
    #[must_use]
    pub fn request(&self) -> &'h Request<'h> {
        self.request
    }

    /// The subprotocols that the client offers, most wanted first.
    #[must_use]
    pub fn protocols(&self) -> &'h [&'h str] {
        self.upgrade.protocols()
    }

    /// The client's address: the peer's, or what a trusted proxy said in `X-Forwarded-For`.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// The other end of the TCP connection, which may be a proxy.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer.address
    }

    /// Whether TLS is spoken on this connection.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.peer.tls
    }

    /// Under which number the metrics count the route.
    #[must_use]
    pub fn route(&self) -> u16 {
        self.route
    }
}

/// What can be given for a path. `Marker` only keeps the implementations apart; it is never named.
pub trait IntoRoute<Marker> {
    /// The route that this is.
    fn into_route(self) -> Box<dyn Route>;
}

/// Keeps [`IntoRoute`]'s implementations apart.
#[derive(Debug)]
pub struct IsRoute;
/// Keeps [`IntoRoute`]'s implementations apart.
#[derive(Debug)]
pub struct IsService;
/// Keeps [`IntoRoute`]'s implementations apart.
#[derive(Debug)]
pub struct MakesService<S>(std::marker::PhantomData<S>);
/// Keeps [`IntoRoute`]'s implementations apart.
#[derive(Debug)]
pub struct MayRefuse<S>(std::marker::PhantomData<S>);

impl<R: Route> IntoRoute<IsRoute> for R {
    fn into_route(self) -> Box<dyn Route> {
        Box::new(self)
    }
}

/// A service that is cloned for each connection.
impl<S: Service + Clone + Sync> IntoRoute<IsService> for S {
    fn into_route(self) -> Box<dyn Route> {
        Box::new(Maker(move |_: &Handshake<'_>| Ok(Box::new(self.clone()) as Box<dyn Service>)))
    }
}

/// A closure that makes a service for each connection.
impl<F, S> IntoRoute<MakesService<S>> for F
where
    F: Fn(&Handshake<'_>) -> S + Send + Sync + 'static,
    S: Service,
{
    fn into_route(self) -> Box<dyn Route> {
        Box::new(Maker(move |handshake: &Handshake<'_>| Ok(Box::new(self(handshake)) as Box<dyn Service>)))
    }
}

/// A closure that makes a service or refuses.
impl<F, S> IntoRoute<MayRefuse<S>> for F
where
    F: Fn(&Handshake<'_>) -> Result<S, Refusal> + Send + Sync + 'static,
    S: Service,
{
    fn into_route(self) -> Box<dyn Route> {
        Box::new(Maker(move |handshake: &Handshake<'_>| {
            self(handshake).map(|service| Box::new(service) as Box<dyn Service>)
        }))
    }
}

struct Maker<F>(F);

impl<F> Route for Maker<F>
where
    F: Fn(&Handshake<'_>) -> Result<Box<dyn Service>, Refusal> + Send + Sync + 'static,
{
    fn open(&self, handshake: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal> {
        (self.0)(handshake)
    }
}

/// A route with bounds, compression or subprotocols of its own.
///
/// ```
/// # use wigwag_net::{Message, Service, Socket};
/// # use wigwag_server::Endpoint;
/// # #[derive(Clone)]
/// # struct Echo;
/// # impl Service for Echo {
/// #     fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) { socket.send(message); }
/// # }
/// let endpoint = Endpoint::new(Echo).protocols(["v2.echo", "v1.echo"]);
/// ```
pub struct Endpoint {
    route: Box<dyn Route>,
    config: Option<Config>,
    deflate: Option<DeflatePolicy>,
    protocols: Vec<String>,
    start: Option<OnStart>,
}

type OnStart = Box<dyn Fn(&Handle) + Send + Sync>;

impl Endpoint {
    /// The same route, for now.
    pub fn new<M>(route: impl IntoRoute<M>) -> Self {
        Self { route: route.into_route(), config: None, deflate: None, protocols: Vec::new(), start: None }
    }

    /// Bounds of messages.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Compression.
    #[must_use]
    pub fn deflate(mut self, deflate: DeflatePolicy) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Subprotocols that are spoken, most wanted first. The first that the client offers is chosen; none of them is no
    /// reason to refuse.
    #[must_use]
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Called once when the workers run, after the route's own [`Route::start`].
    #[must_use]
    pub fn on_start(mut self, start: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        self.start = Some(Box::new(start));
        self
    }
}

impl Route for Endpoint {
    fn open(&self, handshake: &Handshake<'_>) -> Result<Box<dyn Service>, Refusal> {
        self.route.open(handshake)
    }

    fn protocol(&self, handshake: &Handshake<'_>) -> Option<String> {
        let spoken = self.protocols.iter().find(|protocol| handshake.protocols().contains(&protocol.as_str()));
        spoken.cloned().or_else(|| self.route.protocol(handshake))
    }

    fn headers(&self, handshake: &Handshake<'_>) -> Vec<(String, String)> {
        self.route.headers(handshake)
    }

    fn hold(&self) -> Option<Duration> {
        self.route.hold()
    }

    fn config(&self) -> Option<Config> {
        self.config.clone().or_else(|| self.route.config())
    }

    fn deflate(&self) -> Option<DeflatePolicy> {
        self.deflate.or_else(|| self.route.deflate())
    }

    fn start(&self, net: &Handle) {
        self.route.start(net);
        if let Some(start) = &self.start {
            start(net);
        }
    }
}
