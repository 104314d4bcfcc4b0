//! Signals: SIGTERM and ctrl-c drain, a second one stops at once, SIGHUP reloads (or drains, at a terminal).

use wigwag_server::tls::ReloadableTls;

/// Waits for the signal that asks the server to stop. Reloads meanwhile, as often as it is asked to.
#[cfg(unix)]
pub(crate) async fn wait_for_stop(tls: Option<&ReloadableTls>) -> std::io::Result<()> {
    use std::io::IsTerminal as _;

    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => {
                // The terminal is gone: whoever started the server there wants it to end.
                if std::io::stdin().is_terminal() {
                    return Ok(());
                }
                reload(tls);
            }
        }
    }
}

/// Waits for a further SIGTERM or ctrl-c.
#[cfg(unix)]
pub(crate) async fn wait_for_second() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
pub(crate) async fn wait_for_stop(_: Option<&ReloadableTls>) -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[cfg(not(unix))]
pub(crate) async fn wait_for_second() {
    let _ = tokio::signal::ctrl_c().await;
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
