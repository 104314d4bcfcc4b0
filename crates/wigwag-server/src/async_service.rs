//! Services written as an `async` loop: [`async_service`] runs one future per connection on tokio.
//!
//! The worker that owns the connection puts messages into an inbox, the future takes them out; what the future sends goes
//! back through a [`Remote`](wigwag_net::Remote). Both ways are bounded: a full inbox stops the reading of the connection,
//! a full out-queue makes `send().await` wait. A message crosses two threads here, which the callbacks of a
//! [`Service`] do not: those are for throughput, this is for convenience.
//!
//! | happening | what follows |
//! |---|---|
//! | the future ends with `Ok` | Close 1000 (1001 while the server drains), if the connection is still open |
//! | it ends with `Err` | logged, Close 1011 |
//! | it panics | logged and counted, Close 1011; nothing else is harmed |
//! | the connection is gone | `recv` gives what had arrived, then `Ok(None)` or an error; `send` gives an error |
//! | the server drains | `recv` gives what had arrived, then `Ok(None)`; `send` works until the future ends or time is up |
//!
//! The end of a connection never stops its future in the middle of an await, until it has had
//! [`AsyncLimits::grace`] to end by itself: then it is dropped, and logged.

mod link;
mod socket;

use std::{
    any::Any,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, LazyLock},
    task::Poll,
    time::Duration,
};

use tokio::runtime::{Handle, Runtime};
use wigwag_net::{CloseCode, Closed, Message, Service, Socket};

pub(crate) use self::link::Link;
pub use self::socket::{AsyncSocket, ConnectionLost, Receiver, Sender, SocketClosed};

/// Why a connection's future failed: any error, by `?`.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Makes a service of an async function that gets each connection's socket.
///
/// The futures run on the tokio runtime in whose context this is called, else on one that belongs to the process and
/// starts when it is first needed; [`AsyncService::on`] names another. That runtime needs its timer.
///
/// ```
/// use wigwag_server::async_service;
///
/// let echo = async_service(|mut socket| async move {
///     while let Some(message) = socket.recv().await? {
///         socket.send(message).await?;
///     }
///     Ok(())
/// });
/// ```
pub fn async_service<F, T>(handler: F) -> AsyncService<F>
where
    F: Fn(AsyncSocket) -> T + Send + Sync + 'static,
    T: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    AsyncService { handler: Arc::new(handler), runtime: None, limits: AsyncLimits::default(), link: None }
        .on_current_runtime()
}

/// A [`Service`] whose behaviour is a future; see [`async_service`]. Cloned for each connection.
pub struct AsyncService<F> {
    handler: Arc<F>,
    runtime: Option<Handle>,
    limits: AsyncLimits,
    /// Present from the opening on.
    link: Option<Arc<Link>>,
}

impl<F> AsyncService<F> {
    /// Runs the futures on this runtime.
    #[must_use]
    pub fn on(self, runtime: &Handle) -> Self {
        Self { runtime: Some(runtime.clone()), ..self }
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn limits(self, limits: AsyncLimits) -> Self {
        Self { limits, ..self }
    }

    fn on_current_runtime(self) -> Self {
        Self { runtime: Handle::try_current().ok(), ..self }
    }
}

impl<F> Clone for AsyncService<F> {
    fn clone(&self) -> Self {
        let Self { handler, runtime, limits, .. } = self;
        Self { handler: handler.clone(), runtime: runtime.clone(), limits: *limits, link: None }
    }
}

impl<F, T> Service for AsyncService<F>
where
    F: Fn(AsyncSocket) -> T + Send + Sync + 'static,
    T: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let link = Arc::new(Link::new(socket.remote(), self.limits.inbox_bytes_max));
        self.link = Some(link.clone());
        let (handler, grace) = (self.handler.clone(), self.limits.grace);
        let runtime = self.runtime.as_ref().unwrap_or_else(|| own_runtime());
        runtime.spawn(run(link, grace, async move |socket| (*handler)(socket).await));
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        if let Some(link) = &self.link {
            link.deliver(socket, message);
        }
    }

    fn on_drain(&mut self, socket: &mut Socket<'_>) {
        match &self.link {
            Some(link) => link.drain(),
            None => socket.close(CloseCode::GOING_AWAY, "the server is stopping"),
        }
    }

    fn on_close(&mut self, closed: &Closed) {
        if let Some(link) = self.link.take() {
            link.end(closed.clone());
        }
    }
}

/// Bounds of one connection's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsyncLimits {
    /// Bytes of messages that wait for `recv`. Default: 256 KiB. Once it is reached the connection is not read until
    /// half of it is free; the message that reached it may be larger than the bound.
    ///
    /// A connection that is not read shows nothing of its end either: a future that never receives should
    /// [split](AsyncSocket::split) its socket and drop the [`Receiver`].
    pub inbox_bytes_max: usize,
    /// How long a future may go on after its connection is gone. Default: 30 s; then it is dropped where it waits.
    pub grace: Duration,
}

impl Default for AsyncLimits {
    fn default() -> Self {
        Self { inbox_bytes_max: 256 << 10, grace: Duration::from_secs(30) }
    }
}

/// How a connection's future came to its end.
enum Outcome {
    Ended(Result<(), BoxError>),
    Panicked(Box<dyn Any + Send>),
    Stuck,
}

/// Runs a connection's future and closes the connection as its outcome demands.
async fn run<T>(link: Arc<Link>, grace: Duration, handler: impl FnOnce(AsyncSocket) -> T)
where
    T: Future<Output = Result<(), BoxError>>,
{
    let socket = AsyncSocket::new(link.clone());
    // The future's own handles go when it ends, and the last one closes the connection: this one keeps it open until
    // the outcome has chosen the code.
    let held = socket.sender();
    let outcome = {
        // The handler itself may panic too, before it gives a future.
        let mut future = pin!(async { handler(socket).await });
        let guarded = std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Outcome::Ended),
            Err(panic) => Poll::Ready(Outcome::Panicked(panic)),
        });
        tokio::select! {
            biased;
            outcome = guarded => outcome,
            () = link.overstayed(grace) => Outcome::Stuck,
        }
    };
    conclude(&link, outcome);
    drop(held);
}

fn conclude(link: &Link, outcome: Outcome) {
    let connection = link.remote().id();
    match outcome {
        Outcome::Ended(Ok(())) => link.close_as_done(),
        Outcome::Ended(Err(error)) if link.remote().is_closed() => {
            // Most likely the error is the connection's end itself, handed on by `?`.
            tracing::debug!(?connection, %error, "a connection's future ended with an error after the connection");
            link.close_as_done();
        }
        Outcome::Ended(Err(error)) => {
            tracing::warn!(?connection, %error, "a connection's future failed, its connection is closed with 1011");
            link.close(CloseCode::INTERNAL_ERROR, "the service failed");
        }
        Outcome::Panicked(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
            tracing::error!(?connection, panic = ?text, "a connection's future panicked, it is closed with 1011");
            link.fail();
        }
        Outcome::Stuck => {
            tracing::warn!(?connection, "a connection's future was dropped: it went on long after the connection");
        }
    }
}

/// The runtime for futures whose service was made outside of any.
pub(crate) fn own_runtime() -> &'static Handle {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().thread_name("wigwag-async").build().expect("the system gives threads")
    });
    RUNTIME.handle()
}
