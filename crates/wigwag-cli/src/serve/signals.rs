//! Signals: SIGTERM and ctrl-c drain, a second one stops at once, SIGHUP reloads (or drains, at a terminal).

use std::io;

use tokio::runtime::Handle;
use wigwag_server::tls::ReloadableTls;

/// Signals that no longer end the process by themselves: whatever arrives from its making on is found by the waits.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes the signals over. They are awaited on the same runtime.
    pub(crate) fn take(runtime: &Handle) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let _context = runtime.enter();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the signal that asks the server to stop. Reloads meanwhile, as often as it is asked to.
    pub(crate) async fn stop(&mut self, tls: Option<&ReloadableTls>) {
        use std::io::IsTerminal as _;

        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    // The terminal is gone: whoever started the server there wants it to end.
                    if io::stdin().is_terminal() {
                        return;
                    }
                    reload(tls);
                }
            }
        }
    }

    /// Waits for a further SIGTERM or ctrl-c.
    pub(crate) async fn second(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Ctrl-c, taken over at the first wait.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn take(_: &Handle) -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn stop(&mut self, _: Option<&ReloadableTls>) {
        ctrl_c().await;
    }

    pub(crate) async fn second(self) {
        ctrl_c().await;
    }
}

#[cfg(not(unix))]
async fn ctrl_c() {
    // Where ctrl-c cannot be watched, it ends the process as it always does.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Reloads what can be reloaded, and says what was.
#[cfg(unix)]
fn reload(tls: Option<&ReloadableTls>) {
    match tls.map(ReloadableTls::reload) {
        None => tracing::info!("SIGHUP: nothing to reload (a certificate would be; settings are read at the start)"),
        Some(Ok(summary)) => tracing::info!(%summary, "SIGHUP: certificate reloaded, for new connections"),
        Some(Err(error)) => tracing::error!(%error, "SIGHUP: certificate not reloaded, the old one stays"),
    }
}
