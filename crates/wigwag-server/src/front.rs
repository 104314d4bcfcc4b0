//! What the workers ask: judges WebSocket handshakes, and passes everything else to the HTTP side. Syntax was checked
//! before; here follow Host, Origin, path, the bounds per address, and last the route's own judgement.

use std::{sync::Arc, time::Instant};

use wigwag_net::{Accept, Acceptor, Peer, Permit, Refusal, Transport, Verdict};
use wigwag_proto::handshake::server::{Request, Upgrade};

use crate::{
    access::AccessRules,
    addresses::{AddressLimits, Addresses, Counted, TooMany},
    http::Http,
    route::Handshake,
    routes::{Entry, Routes},
};

/// Stands before all routes.
pub(crate) struct Front {
    pub(crate) routes: Arc<Routes>,
    pub(crate) access: Arc<AccessRules>,
    pub(crate) address_limits: AddressLimits,
    pub(crate) addresses: Option<Addresses>,
    pub(crate) http: Arc<Http>,
}

impl Acceptor for Front {
    fn judge(&self, request: &Request<'_>, upgrade: &Upgrade<'_>, peer: &Peer) -> Verdict {
        match self.try_accept(request, upgrade, peer) {
            Ok(accept) => Verdict::Accept(accept),
            Err(refusal) => Verdict::Refuse(refusal),
        }
    }

    fn http(&self, transport: Transport, peer: Peer) {
        let address = peer.address.ip();
        // Whose requests a proxy's connection carries is not known before they are read.
        let counted = if self.address_limits.trusts(address) { Ok(None) } else { self.count(address) };
        match counted {
            Ok(counted) => self.http.serve(transport, peer, counted),
            Err(refusal) => self.http.turn_away(transport, refusal),
        }
    }
}

impl Front {
    fn try_accept(&self, request: &Request<'_>, upgrade: &Upgrade<'_>, peer: &Peer) -> Result<Accept, Refusal> {
        self.check_names(request, self.http.on_loopback(peer))?;
        let found = self.routes.find(request.path()).ok_or_else(|| self.unknown_path())?;
        let client = self.address_limits.client(peer.address.ip(), request.header_values("X-Forwarded-For"));
        let permit = self.count(client)?.map(|counted| Box::new(counted) as Permit);
        let Entry { number, route, config, deflate, .. } = found.entry;
        let handshake = Handshake { request, upgrade, peer, client, params: &found.params, route: *number };
        Ok(Accept {
            service: route.open(&handshake)?,
            route: *number,
            config: config.clone(),
            deflate: *deflate,
            protocol: route.protocol(&handshake),
            headers: route.headers(&handshake),
            permit,
            hold: route.hold(),
        })
    }

    fn check_names(&self, request: &Request<'_>, on_loopback: bool) -> Result<(), Refusal> {
        let host = request.host();
        if !self.access.admits_host(host, on_loopback) {
            return Err(refuse(403, "host", foreign_host(host.unwrap_or_default())));
        }
        let mut origins = request.header_values("Origin");
        let (origin, more) = (origins.next(), origins.next());
        if more.is_some() || !self.access.admits_origin(origin, host, on_loopback) {
            let origin = String::from_utf8_lossy(origin.unwrap_or_default());
            let body = format!(
                "pages of {origin:?} may not connect: if they should, start the server with --allow-origin {origin}"
            );
            return Err(refuse(403, "origin", body));
        }
        Ok(())
    }

    fn unknown_path(&self) -> Refusal {
        refuse(404, "not_found", format!("no service has this path; there are: {}", self.routes.paths()))
    }

    fn count(&self, address: std::net::IpAddr) -> Result<Option<Counted>, Refusal> {
        let Some(addresses) = &self.addresses else { return Ok(None) };
        addresses.admit(address, Instant::now()).map(Some).map_err(|why| match why {
            TooMany::Connections => retry(refuse(429, "address_connections", "too many connections from this address")),
            TooMany::Rate => retry(refuse(429, "address_rate", "new connections come too fast from this address")),
            TooMany::Addresses => retry(refuse(503, "addresses", "connections from too many addresses")),
        })
    }
}

/// What the sender of a request for a foreign host should know.
pub(crate) fn foreign_host(host: &str) -> String {
    format!("the host {host:?} is not served here: if it should be, start the server with --allow-host {host}")
}

fn refuse(status: u16, label: &'static str, body: impl Into<String>) -> Refusal {
    Refusal { status, label, headers: Vec::new(), body: body.into() }
}

fn retry(mut refusal: Refusal) -> Refusal {
    refusal.headers.push(("Retry-After".to_owned(), "5".to_owned()));
    refusal
}
