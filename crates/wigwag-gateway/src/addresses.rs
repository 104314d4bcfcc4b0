//! Where an upstream is: its name's addresses, resolved beside the workers and again from time to time.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release},
    },
    time::Duration,
};

use wigwag_net::{Handle, url::WsUrl};

/// An upstream's addresses as they were last known.
#[derive(Debug)]
pub(crate) struct Addresses {
    host: String,
    port: u16,
    known: Mutex<Vec<SocketAddr>>,
    is_resolving: AtomicBool,
}

impl Addresses {
    /// Resolves the name in the background; waits for it as long as a working resolver takes, and no longer.
    pub(crate) fn new(url: &WsUrl) -> Arc<Self> {
        let known = url.host.parse::<IpAddr>().map(|address| vec![SocketAddr::new(address, url.port)]);
        let addresses = Arc::new(Self {
            host: url.host.clone(),
            port: url.port,
            known: Mutex::new(known.unwrap_or_default()),
            is_resolving: AtomicBool::new(false),
        });
        if addresses.is_name()
            && let Some(resolving) = addresses.resolve()
        {
            let _ = resolving.recv_timeout(FIRST_WAIT); // Else the first clients wait for it.
        }
        addresses
    }

    /// Resolves the name from now on again and again.
    pub(crate) fn start(self: &Arc<Self>, net: &Handle) {
        if self.is_name() {
            let addresses = self.clone();
            net.every(EVERY, move |_| {
                let _ = addresses.resolve();
                true
            });
        }
    }

    pub(crate) fn known(&self) -> Vec<SocketAddr> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// On a thread of its own, for a resolver may block for seconds; one at a time. The channel ends when it is done.
    fn resolve(self: &Arc<Self>) -> Option<std::sync::mpsc::Receiver<()>> {
        if self.is_resolving.swap(true, AcqRel) {
            return None;
        }
        let (done, wait) = std::sync::mpsc::channel();
        let addresses = self.clone();
        let thread = std::thread::Builder::new().name("wigwag-resolve".to_owned()).spawn(move || {
            match (addresses.host.as_str(), addresses.port).to_socket_addrs() {
                Ok(found) => *addresses.known.lock().unwrap_or_else(PoisonError::into_inner) = found.collect(),
                // What was known last may still be right.
                Err(error) => tracing::warn!(host = ?addresses.host, %error, "cannot resolve an upstream's name"),
            }
            addresses.is_resolving.store(false, Release);
            drop(done);
        });
        if let Err(error) = thread {
            tracing::warn!(%error, "no thread to resolve an upstream's name");
            self.is_resolving.store(false, Release);
            return None;
        }
        Some(wait)
    }
}

/// How long a name may take to resolve before a relay is there.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How often a name is resolved.
const EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn known(url: &str) -> Vec<SocketAddr> {
        Addresses::new(&url.parse().expect("a URL")).known()
    }

    #[test]
    fn an_address_is_its_own() {
        assert_eq!(known("ws://127.0.0.1:8765/x"), ["127.0.0.1:8765".parse().expect("an address")]);
        assert_eq!(known("ws://[::1]:80"), ["[::1]:80".parse().expect("an address")]);
    }

    #[test]
    fn a_name_is_resolved_before_it_is_asked_for() {
        let addresses = known("ws://localhost:8765/");
        assert!(addresses.iter().any(|address| address.ip().is_loopback() && address.port() == 8765), "{addresses:?}");
    }
}
