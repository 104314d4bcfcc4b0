//! The server's life: [`Builder`], [`BoundServer`], [`RunningServer`], and the drain that ends it.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use axum::{Router, extract::DefaultBodyLimit};
use wigwag_net::{Handle, Limits, Listener, Net, net::TlsSource};
use wigwag_proto::{Config, handshake::extensions::DeflatePolicy};

use crate::{
    access::{Access, AccessError, AccessRules},
    addresses::{AddressLimits, Addresses},
    bind::{self, BindError},
    front::Front,
    health::HealthReport,
    http::{Http, HttpLimits, Site},
    live,
    metrics::{Metrics, MetricsSource},
    route::{IntoRoute, Route},
    routes::{RouteError, Routes},
};

/// Where everything begins: [`Server::builder`].
#[derive(Debug)]
pub struct Server;

impl Server {
    /// A server without routes.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }
}

/// What a server shall be.
pub struct Builder {
    routes: Vec<(String, Box<dyn Route>)>,
    default_route: Option<String>,
    pages: Router,
    workers: usize,
    limits: Limits,
    config: Config,
    deflate: DeflatePolicy,
    access: Access,
    addresses: AddressLimits,
    http: HttpLimits,
    tls: Option<TlsSource>,
    metrics_listen: Vec<SocketAddr>,
    metrics_sources: Vec<Arc<dyn MetricsSource>>,
    health: Option<HealthReport>,
    drain_timeout: Duration,
    version: String,
}

/// Why a server could not be built, bound or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A route that cannot be.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// An entry of the allow lists that cannot be understood.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// An address that cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The operating system gives no threads or no poll.
    #[error("cannot start the workers: {0}")]
    Start(#[from] io::Error),
}

impl Builder {
    fn new() -> Self {
        Self {
            routes: Vec::new(),
            default_route: None,
            pages: Router::new(),
            workers: thread::available_parallelism().map_or(1, NonZero::get),
            limits: Limits::default(),
            config: Config::default(),
            deflate: DeflatePolicy::default(),
            access: Access::default(),
            addresses: AddressLimits::default(),
            http: HttpLimits::default(),
            tls: None,
            metrics_listen: Vec::new(),
            metrics_sources: Vec::new(),
            health: None,
            drain_timeout: Duration::from_secs(10),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Serves WebSocket requests for `path`; `{name}` in it matches a segment, `{*name}` the rest. The path without its
    /// first slash is the name under which the metrics count.
    #[must_use]
    pub fn route<M>(mut self, path: &str, route: impl IntoRoute<M>) -> Self {
        self.routes.push((path.to_owned(), route.into_route()));
        self
    }

    /// Who gets WebSocket requests for `/`: a route's name (or path). Default: nobody.
    #[must_use]
    pub fn default_route(mut self, name: &str) -> Self {
        self.default_route = Some(name.to_owned());
        self
    }

    /// Who answers HTTP requests that are neither probes nor metrics. An empty 404 or 405 gets a body from this server.
    /// Default: every path is 404.
    #[must_use]
    pub fn pages(mut self, pages: Router) -> Self {
        self.pages = pages;
        self
    }

    /// Threads that move messages. Default: one per core.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Bounds of all connections.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Bounds of messages, for routes that have none of their own.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Compression, for routes that have no policy of their own.
    #[must_use]
    pub fn deflate(mut self, deflate: DeflatePolicy) -> Self {
        self.deflate = deflate;
        self
    }

    /// Hosts and origins that are let in besides the usual ones.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Bounds per peer address. Default: none.
    #[must_use]
    pub fn address_limits(mut self, addresses: AddressLimits) -> Self {
        self.addresses = addresses;
        self
    }

    /// Bounds of the HTTP side.
    #[must_use]
    pub fn http_limits(mut self, http: HttpLimits) -> Self {
        self.http = http;
        self
    }

    /// Speaks TLS on all listeners but those of [`Self::metrics_listen`]. Default: plain.
    #[must_use]
    pub fn tls(mut self, tls: TlsSource) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Moves `/metrics` to this address (plain HTTP; `/healthz` and `/readyz` are there as well). May be called several
    /// times. Default: `/metrics` is served where everything is.
    #[must_use]
    pub fn metrics_listen(mut self, address: SocketAddr) -> Self {
        self.metrics_listen.push(address);
        self
    }

    /// Adds families to `/metrics`.
    #[must_use]
    pub fn metrics_source(mut self, source: Arc<dyn MetricsSource>) -> Self {
        self.metrics_sources.push(source);
        self
    }

    /// What `/healthz` says instead of `ok`.
    #[must_use]
    pub fn health(mut self, report: HealthReport) -> Self {
        self.health = Some(report);
        self
    }

    /// How long [`BoundServer::serve_until`] waits for connections to end. Default: 10 s.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// The version that metrics and `/metrics/live` report. Default: this crate's.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// Listens on every address that `addresses` stands for; port 0 picks a free port. A name that has several addresses
    /// is listened on at those of them that the machine has.
    ///
    /// # Errors
    /// Where a route or an allow list is wrong, or an address cannot be had.
    pub fn bind(mut self, addresses: impl ToSocketAddrs) -> Result<BoundServer, BuildError> {
        let access = Arc::new(AccessRules::new(&self.access)?);
        // A server's own route, so that one mechanism serves, counts and drains it.
        self = self.route(live::PATH, live::Feed);
        let default = self.default_route.as_deref();
        let config = Arc::new(self.config.clone());
        let routes = std::mem::take(&mut self.routes);
        let routes = Arc::new(Routes::new(routes, default, &config, self.deflate)?);
        let listen = |address: &SocketAddr| bind::listen(*address, &[]);
        let metrics_listeners = self.metrics_listen.iter().map(listen).collect::<Result<Vec<_>, _>>()?;
        let bound = BoundServer { builder: self, access, routes, listeners: Vec::new(), metrics_listeners };
        bound.and_bind(addresses)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("workers", &self.workers).finish_non_exhaustive()
    }
}

/// A server that listens: clients may connect already, and are served from [`Self::start`] on.
pub struct BoundServer {
    builder: Builder,
    access: Arc<AccessRules>,
    routes: Arc<Routes>,
    listeners: Vec<TcpListener>,
    metrics_listeners: Vec<TcpListener>,
}

impl BoundServer {
    /// Listens on further addresses; see [`Builder::bind`].
    ///
    /// # Errors
    /// Where an address cannot be had.
    pub fn and_bind(mut self, addresses: impl ToSocketAddrs) -> Result<Self, BuildError> {
        let addresses: Vec<SocketAddr> = addresses.to_socket_addrs().map_err(BindError::Unresolved)?.collect();
        if addresses.is_empty() {
            return Err(BindError::Unresolved(io::ErrorKind::NotFound.into()).into());
        }
        let before = self.listeners.len();
        let mut missing = None;
        for address in addresses {
            match bind::listen(address, &self.local_addrs()) {
                Ok(listener) => self.listeners.push(listener),
                Err(error @ (BindError::NotHere { .. } | BindError::Other { .. })) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        match missing {
            Some(error) if self.listeners.len() == before => Err(error.into()),
            Some(error) => {
                tracing::warn!(%error, "one of several addresses is not listened on");
                Ok(self)
            }
            None => Ok(self),
        }
    }

    /// The addresses that are listened on, with their real ports.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        local_addrs(&self.listeners)
    }

    /// The addresses of [`Builder::metrics_listen`], with their real ports.
    #[must_use]
    pub fn metrics_addrs(&self) -> Vec<SocketAddr> {
        local_addrs(&self.metrics_listeners)
    }

    /// The names of the routes, in the order in which they were given.
    #[must_use]
    pub fn route_names(&self) -> Vec<&str> {
        self.routes.entries().iter().map(crate::routes::Entry::name).collect()
    }

    /// Serves, and returns at once.
    ///
    /// # Errors
    /// Where the operating system gives no threads or no poll.
    pub fn start(self) -> Result<RunningServer, BuildError> {
        let Self { builder, access, routes, listeners, metrics_listeners } = self;
        let (local_addrs, metrics_addrs) = (local_addrs(&listeners), local_addrs(&metrics_listeners));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("wigwag-http")
            .enable_io()
            .enable_time()
            .build()?;
        let metrics = Arc::new(Metrics::new(routes.names(), builder.version, builder.metrics_sources));
        let http = Http::new(
            runtime.handle().clone(),
            builder.http,
            builder.limits.clone(),
            local_addrs.iter().map(|address| address.ip().to_canonical().is_loopback()).collect(),
            Site {
                access: access.clone(),
                routes: routes.clone(),
                // The HTTP side's own bound holds for every reader of a body, not only for axum's extractors.
                pages: builder.pages.layer(DefaultBodyLimit::disable()),
                metrics: metrics.clone(),
                health: builder.health,
                metrics_here: metrics_listeners.is_empty(),
            },
        );
        let addresses = Addresses::new(&builder.addresses);
        let front =
            Front { routes: routes.clone(), access, address_limits: builder.addresses, addresses, http: http.clone() };
        let tls = builder.tls;
        let listeners = listeners.into_iter().map(|socket| Listener { socket, tls: tls.clone() }).collect();
        let net = Net::start(builder.workers, builder.limits, listeners, Arc::new(front))?;
        let handle = net.handle();
        http.started(&handle);
        for listener in metrics_listeners {
            http.serve_metrics(listener)?;
        }
        runtime.spawn(live::publish(handle.clone(), metrics, Arc::downgrade(&http)));
        for entry in routes.entries() {
            entry.route.start(&handle);
        }
        tracing::debug!(addresses = ?local_addrs, workers = builder.workers, "serving");
        let stopper = Stopper { handle, http, stage: Arc::default() };
        let drain_timeout = builder.drain_timeout;
        Ok(RunningServer { net: Some(net), runtime: Some(runtime), stopper, drain_timeout, local_addrs, metrics_addrs })
    }

    /// Serves until `signal` is ready, then drains. Blocks; the signal is polled on the HTTP side's runtime.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn serve_until<F>(self, signal: F) -> Result<DrainReport, BuildError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = self.start()?;
        let (done, wait) = std::sync::mpsc::sync_channel::<()>(1);
        running.runtime().spawn(async move {
            signal.await;
            let _ = done.send(()); // The receiver waits below.
        });
        // An error means that the signal panicked: that is a reason to stop as well.
        let _ = wait.recv();
        let timeout = running.drain_timeout;
        Ok(running.drain(timeout))
    }
}

impl fmt::Debug for BoundServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundServer").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}

/// A server at work. Dropping it stops it at once; [`Self::drain`] stops it gently.
#[derive(Debug)]
pub struct RunningServer {
    net: Option<Net>,
    runtime: Option<tokio::runtime::Runtime>,
    stopper: Stopper,
    drain_timeout: Duration,
    local_addrs: Vec<SocketAddr>,
    metrics_addrs: Vec<SocketAddr>,
}

impl RunningServer {
    /// Reaches the workers: topics, tickers, connections as client.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.stopper.handle.clone()
    }

    /// The runtime of the HTTP side, for what a program runs beside its services.
    #[must_use]
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.as_ref().expect("there until the server is dropped").handle()
    }

    /// The addresses that are listened on, with their real ports.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// The addresses of [`Builder::metrics_listen`], with their real ports.
    #[must_use]
    pub fn metrics_addrs(&self) -> &[SocketAddr] {
        &self.metrics_addrs
    }

    /// Stops the server from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Stops: `/readyz` says 503, no connection is accepted any more, every service is told, HTTP requests under way are
    /// answered; what is not closed after `timeout` is cut off. Blocks until all is over.
    #[must_use = "the report says what was cut off"]
    pub fn drain(mut self, timeout: Duration) -> DrainReport {
        let began = Instant::now();
        let net = self.net.take().expect("there until the drain");
        let http_before = self.stopper.http.connections();
        self.stopper.stop(timeout);
        let net = net.drain(timeout);
        let http_cut = self.stopper.wait_for_http();
        let http_closed = http_before.saturating_sub(http_cut);
        DrainReport {
            closed: net.closed,
            cut: net.cut,
            cut_bytes: net.cut_bytes,
            http_closed,
            http_cut,
            took: began.elapsed(),
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.stopper.stop_now();
        drop(self.net.take());
        if let Some(runtime) = self.runtime.take() {
            // Never blocks, so that a server may also be dropped inside of somebody's async code.
            runtime.shutdown_background();
        }
    }
}

/// Stops a server from another thread: a first signal may drain it, a second one end the wait.
#[derive(Clone, Debug)]
pub struct Stopper {
    handle: Handle,
    http: Arc<Http>,
    stage: Arc<Mutex<Option<Instant>>>,
}

impl Stopper {
    /// Begins to drain. A later call can only bring the end forward. Who called [`RunningServer::drain`] gets the report.
    pub fn stop(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        {
            let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
            *stage = Some(stage.map_or(deadline, |other| other.min(deadline)));
        }
        self.http.drain();
        self.handle.start_drain(timeout);
    }

    /// Cuts everything off now.
    pub fn stop_now(&self) {
        self.stop(Duration::ZERO);
    }

    /// Waits for the HTTP connections until the deadline, which may still come nearer. How many did not end.
    fn wait_for_http(&self) -> usize {
        loop {
            let left = self.http.connections();
            let deadline = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
            if left == 0 || deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                return left;
            }
            // Not worth a condition variable: this happens once, and nobody waits for the result to the millisecond.
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections of the workers that ended by themselves or by the closing handshake.
    pub closed: usize,
    /// Connections of the workers that were cut off when the time was over.
    pub cut: usize,
    /// Bytes that were queued for those.
    pub cut_bytes: usize,
    /// HTTP connections that ended after the answer under way.
    pub http_closed: usize,
    /// HTTP connections that were cut off.
    pub http_cut: usize,
    /// How long it took.
    pub took: Duration,
}

/// One line for the operator.
impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { closed, cut, cut_bytes, http_closed, http_cut, took } = self;
        let seconds = took.as_secs_f64();
        write!(f, "drained in {seconds:.1} s: {closed} closed, {cut} cut off with {cut_bytes} bytes unsent")?;
        write!(f, "; HTTP: {http_closed} closed, {http_cut} cut off")
    }
}

fn local_addrs(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
}
