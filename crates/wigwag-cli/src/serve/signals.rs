//! Signals: SIGTERM and ctrl-c drain, a second one stops at once, SIGHUP reloads (or drains, at a terminal).

use std::io;
#[cfg(unix)]
use std::io::IsTerminal as _;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use wigwag_server::tls::ReloadableTls;

/// The signals that are listened to, from the moment of its making on: before it, they end the process.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

#[cfg(unix)]
impl Signals {
    /// Must be called inside of a tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the signal that asks the server to stop. Reloads meanwhile, as often as it is asked to.
    pub(crate) async fn wait_for_stop(&mut self, tls: Option<&ReloadableTls>) {
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
    pub(crate) async fn wait_for_second(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn wait_for_stop(&mut self, _: Option<&ReloadableTls>) {
        self.wait_for_second().await;
    }

    pub(crate) async fn wait_for_second(&mut self) {
        // Where ctrl-c cannot be listened to, it ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
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
