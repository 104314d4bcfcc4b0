//! Starting, stopping and reaching the workers: [`Net`] and its [`Handle`].

use std::{
    collections::HashMap,
    fmt, io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use mio::Poll;
use rustls::pki_types::ServerName;
use wigwag_proto::{
    CloseCode, Config,
    connection::Prepared,
    deflate::Negotiated,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};

use crate::{
    acceptor::{Accept, Acceptor, Peer, Refusal, Verdict},
    limits::{FOREVER, Limits},
    message::OwnedMessage,
    metrics::{AllMetrics, WorkerMetrics},
    pace::Pacer,
    remote::RemoteState,
    service::{CloseCause, Closed, OpenError, OpenErrorKind, Service},
    socket::ConnectionId,
    topic::Topic,
    transport::Transport,
    worker::Worker,
};

/// The running workers. Dropping it stops them at once; [`Net::drain`] stops them gently.
#[derive(Debug)]
pub struct Net {
    handle: Handle,
    threads: Vec<JoinHandle<(DrainReport, Poll)>>,
}

/// Reaches the workers from anywhere; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

/// A bound listening socket, and how TLS is spoken on it.
#[derive(Debug)]
pub struct Listener {
    /// Bound and listening; made non-blocking by [`Net::start`].
    pub socket: TcpListener,
    /// The present TLS configuration; asked for each new connection, so that certificates can be replaced.
    pub tls: Option<TlsSource>,
}

/// Gives the TLS configuration for a new connection.
#[derive(Clone)]
pub struct TlsSource(pub Arc<dyn Fn() -> Arc<rustls::ServerConfig> + Send + Sync>);

impl fmt::Debug for TlsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSource")
    }
}

/// How a client's connection is opened; see [`Handle::connect`].
#[derive(Clone, Debug)]
pub struct Connect {
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Where the host is, if that is known: then its name is not resolved. Tried in this order.
    pub addresses: Vec<SocketAddr>,
    /// Path and query: the request target.
    pub target: String,
    /// TLS, and how the server is verified; `None` is plain `ws://`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Subprotocols offered, in order of preference.
    pub protocols: Vec<String>,
    /// Further request headers.
    pub headers: Vec<(String, String)>,
    /// `Origin`, if one is to be sent.
    pub origin: Option<String>,
    /// Whether and how to offer compression.
    pub deflate: DeflatePolicy,
    /// Bounds of messages.
    pub config: Arc<Config>,
    /// Local address to connect from.
    pub source: Option<std::net::IpAddr>,
    /// For name resolution excluded: TCP, TLS and the opening handshake together. Default: 10 s.
    pub timeout: Duration,
    /// Under which route the metrics count it.
    pub route: u16,
}

impl Connect {
    /// A plain connection to `host:port` with default settings.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, target: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            addresses: Vec::new(),
            target: target.into(),
            tls: None,
            protocols: Vec::new(),
            headers: Vec::new(),
            origin: None,
            deflate: DeflatePolicy::default(),
            config: Arc::new(Config::default()),
            source: None,
            timeout: Duration::from_secs(10),
            route: 0,
        }
    }
}

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that ended by themselves or by the closing handshake.
    pub closed: usize,
    /// Connections that were cut off when the time was over.
    pub cut: usize,
    /// Bytes that were queued for those.
    pub cut_bytes: usize,
}

impl Net {
    /// Starts `workers` threads that serve `listeners`; `acceptor` judges what comes in.
    ///
    /// # Errors
    /// Where the operating system gives no poll, or no thread.
    pub fn start(
        workers: usize,
        limits: Limits,
        listeners: Vec<Listener>,
        acceptor: Arc<dyn Acceptor>,
    ) -> io::Result<Self> {
        let workers = workers.clamp(1, usize::from(u16::MAX));
        let polls = (0..workers).map(|_| crate::poll::Poller::new()).collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            inboxes: polls.iter().map(|poll| Arc::new(Inbox::new(poll.waker()))).collect(),
            metrics: (0..workers).map(|_| Arc::new(WorkerMetrics::default())).collect(),
            limits: Arc::new(limits.within_reason()),
            topics: Mutex::default(),
            connections: AtomicUsize::new(0),
            out_queue_bytes: AtomicUsize::new(0),
            unfinished_bytes: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
        });
        let handle = Handle { shared };
        let mut net = Self { handle: handle.clone(), threads: Vec::with_capacity(workers) };
        let mut listeners = Some(listeners);
        for (index, poll) in polls.into_iter().enumerate() {
            // One worker accepts for all: it gives each socket to the less loaded of two.
            let listeners = listeners.take().unwrap_or_default();
            let mut worker = Worker::new(index, poll, handle.clone(), acceptor.clone(), listeners)?;
            let name = format!("wigwag-{index}");
            let thread = std::thread::Builder::new().name(name).spawn(move || (worker.run(), worker.into_poll()))?;
            net.threads.push(thread);
        }
        Ok(net)
    }

    /// Starts workers that only open connections ([`Handle::connect`]).
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn client(workers: usize, limits: Limits) -> io::Result<Self> {
        Self::start(workers, limits, Vec::new(), Arc::new(NoListener))
    }

    /// A handle to the workers.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops: no new connections, every service is told ([`Service::on_drain`]), and what is not closed after `timeout`
    /// is cut off. Returns when all workers have ended.
    pub fn drain(mut self, timeout: Duration) -> DrainReport {
        self.handle.start_drain(timeout);
        self.join()
    }

    fn join(&mut self) -> DrainReport {
        let mut sum = DrainReport::default();
        for thread in self.threads.drain(..) {
            // A worker that panicked has lost its report; its connections are gone with it.
            let Ok((report, _poll)) = thread.join() else { continue };
            sum.closed += report.closed;
            sum.cut += report.cut;
            sum.cut_bytes += report.cut_bytes;
        }
        sum
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.handle.start_drain(Duration::ZERO);
        self.join();
    }
}

impl Handle {
    /// Opens a connection as client. Names resolve on a thread of their own and all addresses are tried; whatever goes
    /// wrong, `service` hears of it in [`Service::on_close`] with [`crate::CloseCause::NotOpened`].
    pub fn connect(&self, connect: Connect, service: impl Service) {
        let job = ConnectJob::new(connect, Box::new(service));
        let handle = self.clone();
        if !job.addresses.is_empty() {
            return handle.place(job);
        }
        // A thread per name: connecting by name is rare, and a resolver may block for seconds.
        std::thread::spawn(move || {
            let mut job = job;
            match (job.connect.host.as_str(), job.connect.port).to_socket_addrs() {
                Ok(addresses) => job.addresses = addresses.collect(),
                Err(error) => {
                    let why = format!("cannot resolve {}: {error}", job.connect.host);
                    job.failure = Some(OpenError::new(OpenErrorKind::Unresolved, why));
                }
            }
            job.addresses.reverse(); // taken from the end
            handle.place(job);
        });
    }

    /// Gives a connection (back) to the workers: its handshake has been answered with 101 elsewhere, and agreed on
    /// `negotiated`.
    pub fn adopt(&self, transport: Transport, accept: Accept, negotiated: Option<Negotiated>) {
        self.lightest_inbox().push(Command::Adopt(Box::new((transport, accept, negotiated))));
    }

    /// Gives a connection back to the workers whose next request asks for a WebSocket: `transport.unread` begins with that
    /// request, which is judged as if the connection had just been accepted.
    pub fn readmit(&self, transport: Transport, peer: Peer) {
        self.lightest_inbox().push(Command::Readmit(Box::new((transport, peer))));
    }

    /// The topic of this name; the same name gives the same topic. Names are kept for good: do not make topics of names
    /// that peers choose without a bound of your own.
    #[must_use]
    pub fn topic(&self, name: &str) -> Topic {
        let mut topics = self.shared.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(topics.len()).expect("fewer than 2^32 topics");
        Topic(*topics.entry(name.to_owned()).or_insert(next))
    }

    /// Sends a message to every subscriber of the topic, in the order of calls from one thread.
    pub fn publish(&self, topic: Topic, message: &Prepared) {
        for inbox in &self.shared.inboxes {
            inbox.push(Command::Publish(topic, message.clone()));
        }
    }

    /// Calls `tick` every `period` on a worker, until it returns `false` or the workers stop; paced by the intended time.
    pub fn every(&self, period: Duration, tick: impl FnMut(&Self) -> bool + Send + 'static) {
        self.shared.inboxes[0].push(Command::Every(period.clamp(Duration::from_millis(1), FOREVER), Box::new(tick)));
    }

    /// Calls `pacer` on a worker, first at once and then when it asks for it; a worker has one at most, the last given.
    pub fn pace(&self, worker: usize, pacer: impl Pacer) {
        if let Some(inbox) = self.shared.inboxes.get(worker) {
            inbox.push(Command::Pace(Box::new(pacer)));
        }
    }

    /// Begins to stop: the same as [`Net::drain`], without waiting. A later call can only bring the end forward.
    pub fn start_drain(&self, timeout: Duration) {
        self.shared.draining.store(true, Ordering::Release);
        let deadline = Instant::now() + timeout.min(FOREVER);
        for inbox in &self.shared.inboxes {
            inbox.push(Command::Drain(deadline));
        }
    }

    /// Whether a drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Acquire)
    }

    /// The workers' counters.
    #[must_use]
    pub fn metrics(&self) -> AllMetrics {
        self.shared.metrics.clone()
    }

    /// Connections now, those in handshake included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    fn place(&self, job: ConnectJob) {
        self.lightest_inbox().push(Command::Connect(Box::new(job)));
    }

    fn lightest_inbox(&self) -> &Arc<Inbox> {
        &self.shared.inboxes[self.shared.pick_worker()]
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("workers", &self.shared.inboxes.len()).finish_non_exhaustive()
    }
}

/// Judges handshakes where there is no listener, and so none to judge.
struct NoListener;

impl Acceptor for NoListener {
    fn judge(&self, _: &Request<'_>, _: &Upgrade<'_>, _: &Peer) -> Verdict {
        let body = "not a server".to_owned();
        Verdict::Refuse(Refusal { status: 404, label: "not_found", headers: Vec::new(), body })
    }

    fn http(&self, _: Transport, _: Peer) {}
}

/// What all workers of one `Net` share.
pub(crate) struct Shared {
    pub(crate) inboxes: Vec<Arc<Inbox>>,
    pub(crate) metrics: AllMetrics,
    pub(crate) limits: Arc<Limits>,
    topics: Mutex<HashMap<String, u32>>,
    pub(crate) connections: AtomicUsize,
    pub(crate) out_queue_bytes: AtomicUsize,
    pub(crate) unfinished_bytes: AtomicUsize,
    draining: AtomicBool,
}

impl Shared {
    /// The less loaded of two randomly picked workers: nearly as even as the least loaded of all, and it needs no lock.
    pub(crate) fn pick_worker(&self) -> usize {
        let workers = self.inboxes.len();
        if workers == 1 {
            return 0;
        }
        let first = fastrand::usize(..workers);
        let second = (first + fastrand::usize(1..workers)) % workers;
        let load = |worker: usize| self.inboxes[worker].load.load(Ordering::Relaxed);
        if load(second) < load(first) { second } else { first }
    }
}

/// A worker's letter box.
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    waker: Arc<mio::Waker>,
    /// The worker waits, or is about to: only then a wake is needed.
    sleeping: AtomicBool,
    /// Connections that the worker has or was given.
    pub(crate) load: AtomicUsize,
}

#[derive(Default)]
struct Letters {
    commands: Vec<Command>,
    /// The worker has ended.
    closed: bool,
}

impl Inbox {
    fn new(waker: Arc<mio::Waker>) -> Self {
        Self { letters: Mutex::default(), waker, sleeping: AtomicBool::new(false), load: AtomicUsize::new(0) }
    }

    pub(crate) fn push(&self, command: Command) {
        let mut letters = self.lock();
        if letters.closed {
            drop(letters);
            return command.refuse();
        }
        letters.commands.push(command);
        drop(letters);
        if self.sleeping.swap(false, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(?error, "cannot wake a worker");
        }
    }

    /// All commands that wait, into `into`, which is empty.
    pub(crate) fn take(&self, into: &mut Vec<Command>) {
        std::mem::swap(&mut self.lock().commands, into);
    }

    /// The worker ends: nothing will be taken any more. Gives what is left.
    pub(crate) fn close(&self) -> Vec<Command> {
        let mut letters = self.lock();
        letters.closed = true;
        std::mem::take(&mut letters.commands)
    }

    /// The worker is about to wait. `false`: do not, there is something to do.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        if self.lock().commands.is_empty() {
            return true;
        }
        self.sleeping.store(false, Ordering::SeqCst);
        false
    }

    pub(crate) fn woke_up(&self) {
        self.sleeping.store(false, Ordering::Release);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

/// What another thread asks a worker to do.
pub(crate) enum Command {
    Accepted(mio::net::TcpStream, Box<Peer>, Option<TlsSource>),
    Adopt(Box<(Transport, Accept, Option<Negotiated>)>),
    Readmit(Box<(Transport, Peer)>),
    Connect(Box<ConnectJob>),
    Send(Arc<RemoteState>, OwnedMessage),
    Ping(ConnectionId, Vec<u8>),
    Pong(ConnectionId, Vec<u8>),
    Close(ConnectionId, CloseCode, String),
    Fail(ConnectionId),
    Resume(Arc<RemoteState>),
    Publish(Topic, Prepared),
    Every(Duration, Tick),
    Pace(Box<dyn Pacer>),
    Drain(Instant),
}

impl Command {
    /// The worker has ended: whoever waits for an answer gets it here.
    pub(crate) fn refuse(self) {
        if let Self::Connect(mut job) = self {
            let stopped = || OpenError::new(OpenErrorKind::Stopped, "the workers have stopped");
            let error = job.failure.take().unwrap_or_else(stopped);
            job.give_up(error);
        }
    }
}

/// A periodic task; `false` ends it.
pub(crate) type Tick = Box<dyn FnMut(&Handle) -> bool + Send>;

/// A client's connection to be opened.
pub(crate) struct ConnectJob {
    pub(crate) connect: Connect,
    pub(crate) service: Box<dyn Service>,
    /// What is still to be tried, the next one last.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Why it has failed already, or the last attempt did.
    pub(crate) failure: Option<OpenError>,
    /// For all addresses together, from the first attempt on.
    pub(crate) deadline: Option<Instant>,
}

impl ConnectJob {
    /// With the addresses that need no resolving.
    pub(crate) fn new(mut connect: Connect, service: Box<dyn Service>) -> Self {
        let mut addresses = std::mem::take(&mut connect.addresses);
        addresses.reverse(); // taken from the end
        if addresses.is_empty()
            && let Ok(address) = connect.host.parse()
        {
            addresses.push(SocketAddr::new(address, connect.port));
        }
        Self { connect, service, addresses, failure: None, deadline: None }
    }

    /// Tells the service that its connection could not be opened, where there is no worker any longer.
    fn give_up(mut self, error: OpenError) {
        let closed = Closed { reason: None, cause: CloseCause::NotOpened(error) };
        let told = catch_unwind(AssertUnwindSafe(|| {
            self.service.on_close(&closed);
            drop(self);
        }));
        if told.is_err() {
            tracing::error!("a service panicked in on_close");
        }
    }

    /// The name that the certificate must bear.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, OpenError> {
        ServerName::try_from(self.connect.host.clone())
            .map_err(|_| OpenError::new(OpenErrorKind::Request, format!("invalid host name {:?}", self.connect.host)))
    }
}
