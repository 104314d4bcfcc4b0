//! Which headers pass from the client's request to the upstream's, and what the gateway adds (RFC 9110 §7.6, RFC 7239).

use std::net::{IpAddr, SocketAddr};

use wigwag_proto::handshake::HeaderFields;

use crate::{config::RelayConfig, gateway::RelayError};

/// The rules of one relay.
#[derive(Debug)]
pub(crate) struct HeaderRules {
    /// Names in lower case.
    pass: Vec<String>,
    forwarded: bool,
    /// The gateway's name in `Via`.
    name: String,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The other end of the connection.
    pub(crate) peer: SocketAddr,
    /// Whether that is a proxy whose word counts.
    pub(crate) trusted: bool,
    pub(crate) tls: bool,
    pub(crate) host: Option<&'a str>,
}

impl HeaderRules {
    /// # Errors
    /// Where a name cannot be passed on.
    pub(crate) fn new(config: &RelayConfig, name: String) -> Result<Self, RelayError> {
        let mut pass = Vec::new();
        for header in &config.pass_headers {
            let why = match header.to_ascii_lowercase() {
                name if name.is_empty() || !name.bytes().all(is_token_byte) => "it is no header name",
                name if is_own(&name) => "it belongs to the gateway's own connection",
                name => {
                    pass.push(name);
                    continue;
                }
            };
            return Err(RelayError::Header { name: header.clone(), why });
        }
        let asked = [("cookie", config.pass_cookies), ("authorization", config.pass_authorization)];
        pass.extend(asked.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name.to_owned()));
        Ok(Self { pass, forwarded: config.forwarded, name })
    }

    /// Whether the request was sent by the gateway of this name: it would go round for ever.
    pub(crate) fn is_loop(&self, headers: &HeaderFields<'_>) -> bool {
        let elements = headers.all("Via").flat_map(|value| value.split(|byte| *byte == b','));
        // RFC 9110 §7.6.3: the protocol, white space, who received it.
        let received_by = |element: &[u8]| {
            let mut words = element.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.nth(1) == Some(self.name.as_bytes())
        };
        elements.into_iter().any(received_by)
    }

    /// The headers of the request to the upstream, besides those of the handshake. `Origin` is among them if it passes.
    pub(crate) fn collect(&self, headers: &HeaderFields<'_>, origin: Origin<'_>) -> Vec<(String, String)> {
        let mut collected = Vec::new();
        let dropped = named_by_connection(headers);
        for (name, value) in headers.iter() {
            let lower = name.to_ascii_lowercase();
            if let Ok(value) = str::from_utf8(value)
                && self.pass.contains(&lower)
                && !dropped.contains(&lower)
            {
                collected.push((name.to_owned(), value.to_owned()));
            }
        }
        if self.forwarded {
            add_forwarded(headers, origin, &mut collected);
        }
        let (name, via) = self.via();
        let via = appended(headers, &name, &via);
        collected.push((name, via));
        collected
    }

    /// The header with which the gateway names itself (RFC 9110 §7.6.3).
    pub(crate) fn via(&self) -> (String, String) {
        ("Via".to_owned(), format!("1.1 {}", self.name))
    }

    /// The gateway's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

fn add_forwarded(headers: &HeaderFields<'_>, origin: Origin<'_>, collected: &mut Vec<(String, String)>) {
    let address = origin.peer.ip().to_canonical();
    let proto = if origin.tls { "https" } else { "http" };
    // Who came first is what a proxy knows; what others say of it is their invention.
    let first = |name: &str| {
        let value = headers.first(name).filter(|_| origin.trusted)?;
        str::from_utf8(value).ok().map(str::to_owned)
    };
    let mut add = |name: &str, value: String| collected.push((name.to_owned(), value));
    add("X-Forwarded-For", appended(headers, "X-Forwarded-For", &address.to_string()));
    add("X-Forwarded-Proto", first("X-Forwarded-Proto").unwrap_or_else(|| proto.to_owned()));
    if let Some(host) = first("X-Forwarded-Host").or_else(|| origin.host.map(str::to_owned)) {
        add("X-Forwarded-Host", host);
    }
    let host = origin.host.map_or_else(String::new, |host| format!(";host={}", quoted(host)));
    let element = format!("for={}{host};proto={proto}", node(address));
    add("Forwarded", appended(headers, "Forwarded", &element));
}

/// What the header says already, and this behind it.
fn appended(headers: &HeaderFields<'_>, name: &str, element: &str) -> String {
    let said = headers.all(name).filter_map(|value| str::from_utf8(value).ok()).filter(|value| !value.is_empty());
    said.chain([element]).collect::<Vec<_>>().join(", ")
}

/// RFC 7239 §6: an IPv6 address stands in brackets, and so in quotes.
fn node(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    }
}

/// RFC 7239 §4: a token, or a quoted string. A host that passed the handshake's checks needs no escapes.
fn quoted(value: &str) -> String {
    if value.bytes().all(is_token_byte) { value.to_owned() } else { format!("\"{value}\"") }
}

/// RFC 9110 §7.6.1: what `Connection` names is for the next hop alone.
fn named_by_connection(headers: &HeaderFields<'_>) -> Vec<String> {
    let values = headers.all("Connection").filter_map(|value| str::from_utf8(value).ok());
    values.flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase())).collect()
}

/// Headers of one connection, of the handshake, and those that the gateway writes itself.
fn is_own(name: &str) -> bool {
    const OWN: &[&str] = &[
        "connection",
        "content-length",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    OWN.contains(&name) || name.starts_with("sec-websocket-")
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use wigwag_proto::handshake::{HeadLimits, server::Request};

    use super::*;

    const NAME: &str = "wigwag-0123";

    fn rules(config: &RelayConfig) -> HeaderRules {
        HeaderRules::new(config, NAME.to_owned()).expect("names that may pass")
    }

    fn passing(names: &[&str]) -> RelayConfig {
        RelayConfig { pass_headers: names.iter().map(|name| (*name).to_owned()).collect(), ..RelayConfig::default() }
    }

    fn plain() -> RelayConfig {
        RelayConfig { forwarded: false, ..RelayConfig::default() }
    }

    fn origin(peer: &str) -> Origin<'static> {
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1234);
        Origin { peer, trusted: false, tls: false, host: Some("chat.example:8000") }
    }

    /// What becomes of these header lines.
    fn collect(config: &RelayConfig, lines: &str, origin: Origin<'_>) -> Vec<String> {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let request = Request::parse(head.as_bytes(), &HeadLimits::default()).expect("a head").expect("a whole head");
        let collected = rules(config).collect(request.headers(), origin);
        collected.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    fn is_loop(lines: &str) -> bool {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let request = Request::parse(head.as_bytes(), &HeadLimits::default()).expect("a head").expect("a whole head");
        rules(&plain()).is_loop(request.headers())
    }

    #[test]
    fn chosen_headers_pass_and_no_others() {
        let lines =
            "User-Agent: x\r\nX-Secret: 1\r\nCookie: a=b\r\nAuthorization: c\r\nAccept-Language: de\r\nOrigin: o\r\n";
        assert_eq!(
            collect(&plain(), lines, origin("10.0.0.1")),
            ["User-Agent: x", "Accept-Language: de", "Via: 1.1 wigwag-0123"]
        );
    }

    #[test]
    fn cookies_and_authorization_pass_when_asked_for() {
        let config = RelayConfig { pass_cookies: true, pass_authorization: true, ..plain() };
        let lines = "Cookie: a=b\r\nAuthorization: Basic c\r\nCookie: d=e\r\n";
        let expected = ["Cookie: a=b", "Authorization: Basic c", "Cookie: d=e", "Via: 1.1 wigwag-0123"];
        assert_eq!(collect(&config, lines, origin("10.0.0.1")), expected);
    }

    #[test]
    fn what_connection_names_stays_behind() {
        let config = RelayConfig { forwarded: false, ..passing(&["X-One", "X-Two"]) };
        let lines = "Connection: Upgrade, x-one\r\nX-One: 1\r\nX-Two: 2\r\n";
        assert_eq!(collect(&config, lines, origin("10.0.0.1")), ["X-Two: 2", "Via: 1.1 wigwag-0123"]);
    }

    #[test]
    fn the_upstream_is_told_who_asks() {
        assert_eq!(
            collect(&RelayConfig::default(), "", origin("10.0.0.1")),
            [
                "X-Forwarded-For: 10.0.0.1",
                "X-Forwarded-Proto: http",
                "X-Forwarded-Host: chat.example:8000",
                "Forwarded: for=10.0.0.1;host=\"chat.example:8000\";proto=http",
                "Via: 1.1 wigwag-0123",
            ]
        );
    }

    #[test]
    fn addresses_are_written_as_each_header_wants_them() {
        let collected =
            collect(&RelayConfig::default(), "", Origin { tls: true, host: Some("a"), ..origin("2001:db8::1") });
        assert_eq!(collected[0], "X-Forwarded-For: 2001:db8::1");
        assert_eq!(collected[1], "X-Forwarded-Proto: https");
        assert_eq!(collected[3], "Forwarded: for=\"[2001:db8::1]\";host=a;proto=https");
        assert_eq!(collect(&RelayConfig::default(), "", origin("::ffff:10.0.0.1"))[0], "X-Forwarded-For: 10.0.0.1");
    }

    #[test]
    fn what_proxies_before_said_is_kept_and_appended_to() {
        let lines = "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nForwarded: for=1.1.1.1\r\nVia: 1.0 front\r\n\
                     X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\n";
        let trusted = collect(&RelayConfig::default(), lines, Origin { trusted: true, ..origin("10.0.0.1") });
        assert_eq!(
            trusted,
            [
                "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.1",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: public.example",
                "Forwarded: for=1.1.1.1, for=10.0.0.1;host=\"chat.example:8000\";proto=http",
                "Via: 1.0 front, 1.1 wigwag-0123",
            ]
        );
        let stranger = collect(&RelayConfig::default(), lines, origin("10.0.0.1"));
        assert_eq!(stranger[1..3], ["X-Forwarded-Proto: http", "X-Forwarded-Host: chat.example:8000"]);
    }

    #[test]
    fn a_gateway_knows_its_own_requests() {
        assert!(!is_loop(""));
        assert!(!is_loop("Via: 1.1 wigwag-01234, 1.1 other\r\n"));
        assert!(!is_loop("Via: wigwag-0123\r\n"));
        assert!(is_loop("Via: 1.0 other, 1.1\twigwag-0123 (comment)\r\n"));
        assert!(is_loop("Via: 1.0 other\r\nVia: 1.1 wigwag-0123\r\n"));
    }

    #[test]
    fn names_that_must_not_pass_are_refused() {
        for name in
            ["Connection", "upgrade", "Sec-WebSocket-Key", "Host", "Via", "X-Forwarded-For", "Proxy-Authorization"]
        {
            let error = HeaderRules::new(&passing(&[name]), NAME.to_owned()).expect_err(name);
            assert!(error.to_string().contains("own connection"), "{error}");
        }
        for name in ["", "a b", "a:"] {
            let error = HeaderRules::new(&passing(&[name]), NAME.to_owned()).expect_err(name);
            assert!(error.to_string().contains("no header name"), "{error}");
        }
    }
}
