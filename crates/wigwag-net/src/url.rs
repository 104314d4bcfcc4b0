//! `ws://` and `wss://` URLs (RFC 6455 §3), in their parts. Knows nothing of names' addresses, nor of certificates.

use std::{fmt, net::Ipv6Addr, str::FromStr, sync::Arc};

use crate::net::Connect;

/// Where a WebSocket is to be opened.
///
/// ```
/// use wigwag_net::url::WsUrl;
///
/// let url: WsUrl = "wss://chat.example/rooms/1?name=a b".parse()?;
/// assert_eq!((url.tls, url.host.as_str(), url.port), (true, "chat.example", 443));
/// assert_eq!(url.target(), "/rooms/1?name=a%20b");
/// # Ok::<(), wigwag_net::url::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsUrl {
    /// `wss`: TLS is spoken.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port; 80 or 443 where the URL names none.
    pub port: u16,
    /// The path as the URL has it: empty, or beginning with a slash.
    path: String,
    /// The query with its question mark, or nothing.
    query: String,
}

/// Why a URL cannot be used, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// No `scheme://`.
    #[error("{0:?} is no URL: write ws://HOST:PORT/PATH, such as ws://127.0.0.1:8765/echo")]
    NoScheme(String),
    /// Another scheme than `ws` and `wss`.
    #[error("unknown scheme {0}://: use ws://, or wss:// for TLS")]
    UnknownScheme(String),
    /// Nothing between the slashes.
    #[error("the URL has no host: write ws://HOST:PORT/PATH")]
    NoHost,
    /// A host with characters that no host has.
    #[error("{0:?} is no host name: use letters, digits, dots and hyphens, or an address (IPv6 in brackets)")]
    InvalidHost(String),
    /// What follows the host's colon.
    #[error("{0:?} is no port: use a number from 1 to 65535")]
    InvalidPort(String),
    /// `user:password@`.
    #[error("the URL has a user name or password: send them in a header (Authorization) instead")]
    Credentials,
    /// A `#`. RFC 6455 §3: "Fragment identifiers are meaningless [...] and MUST NOT be used".
    #[error("the URL has a fragment (#), which WebSocket URLs cannot have: remove it, or write %23 for the character")]
    Fragment,
}

impl WsUrl {
    /// The request target: path and query. `/` where the URL has no path.
    #[must_use]
    pub fn target(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        format!("{path}{}", self.query)
    }

    /// This URL, with `path` where it has none of its own (`/` is one).
    #[must_use]
    pub fn with_default_path(mut self, path: &str) -> Self {
        if self.path.is_empty() {
            path.clone_into(&mut self.path);
        }
        self
    }

    /// As a person types it: the scheme may be left out, which is `wss://` where the port is 443 and else `ws://`, and so may
    /// the host where it is this machine (`:8765/echo`).
    ///
    /// # Errors
    /// As [`str::parse`].
    pub fn from_typed(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.contains("://") {
            return text.parse();
        }
        let host = if text.starts_with(':') { "localhost" } else { "" };
        let mut url: Self = format!("ws://{host}{text}").parse()?;
        url.tls = url.port == 443;
        Ok(url)
    }

    /// Another path, without a query, of the same server.
    #[must_use]
    pub fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), query: String::new(), ..self.clone() }
    }

    /// How to open it, with default settings. `tls` is used where the URL asks for it.
    #[must_use]
    pub fn connect(&self, tls: &Arc<rustls::ClientConfig>) -> Connect {
        let plain = self.connect_plain();
        Connect { tls: self.tls.then(|| tls.clone()), ..plain }
    }

    /// As [`Self::connect`] without TLS, whatever the URL says.
    #[must_use]
    pub fn connect_plain(&self) -> Connect {
        Connect::new(self.host.as_str(), self.port, self.target())
    }
}

impl FromStr for WsUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or_else(|| UrlError::NoScheme(text.to_owned()))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(UrlError::UnknownScheme(scheme.to_owned())),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let (host, port) = split_authority(authority)?;
        let port = match port {
            None => default_port(tls),
            Some(port) => {
                let number = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
                number.filter(|port| *port != 0).ok_or_else(|| UrlError::InvalidPort(port.to_owned()))?
            }
        };
        Ok(Self { tls, host: host.to_ascii_lowercase(), port, path: encode(path), query: encode(query) })
    }
}

impl fmt::Display for WsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]", self.host)?;
        } else {
            write!(f, "{scheme}://{}", self.host)?;
        }
        if self.port != default_port(self.tls) {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.target())
    }
}

/// Host and port, if there is one.
fn split_authority(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    let invalid = || UrlError::InvalidHost(authority.to_owned());
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (address, rest) = bracketed.split_once(']').ok_or_else(invalid)?;
            address.parse::<Ipv6Addr>().map_err(|_| invalid())?;
            (address, rest)
        }
        None => {
            let (host, rest) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            if host.is_empty() {
                return Err(UrlError::NoHost);
            }
            if rest.matches(':').count() > 1 || !host.bytes().all(is_host_byte) {
                return Err(invalid());
            }
            (host, rest)
        }
    };
    match (rest.strip_prefix(':'), rest) {
        (None | Some(""), "" | ":") => Ok((host, None)),
        (Some(port), _) => Ok((host, Some(port))),
        (None, _) => Err(invalid()),
    }
}

/// Names beyond ASCII must come in their ASCII form (RFC 5891), which is what certificates bear too.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// Percent-encodes what must not stand in a request target; what is encoded already stays.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let parsed: WsUrl = url.parse().expect(url);
        assert_eq!(parsed.to_string(), expected);
        assert_eq!(expected.parse::<WsUrl>().expect(expected).target(), parsed.target(), "its own text means the same");
    }

    #[track_caller]
    fn fails(url: &str, expected: &str) {
        let error = url.parse::<WsUrl>().expect_err(url).to_string();
        assert!(error.contains(expected), "{url}: {error}");
    }

    #[test]
    fn urls_are_taken_apart_and_put_together() {
        check("ws://127.0.0.1:8765/echo", "ws://127.0.0.1:8765/echo");
        check("WS://Example.ORG", "ws://example.org/");
        check("wss://example.org:443/a?b=c&d", "wss://example.org/a?b=c&d");
        check("ws://example.org:443", "ws://example.org:443/");
        check("ws://example.org?room=1", "ws://example.org/?room=1");
        check("ws://[::1]:9000/x", "ws://[::1]:9000/x");
        check("ws://[::1]", "ws://[::1]/");
        check("ws://a:/x", "ws://a/x");
        check(" ws://a/é b?{c}\n", "ws://a/%C3%A9%20b?%7Bc%7D");
        check("ws://a/%20%23", "ws://a/%20%23");
        check("ws://a/b@c:d", "ws://a/b@c:d");
    }

    #[test]
    fn a_default_path_stands_in_where_there_is_none() {
        let target = |url: &str| url.parse::<WsUrl>().unwrap().with_default_path("/random").target();
        assert_eq!(target("ws://a"), "/random");
        assert_eq!(target("ws://a?b"), "/random?b");
        assert_eq!(target("ws://a/"), "/");
        assert_eq!(target("ws://a/echo"), "/echo");
    }

    #[test]
    fn errors_say_what_to_write_instead() {
        fails("", "is no URL: write ws://");
        fails("localhost:8765", "is no URL: write ws://");
        fails("http://a", "unknown scheme http://: use ws://");
        fails("ws://", "no host");
        fails("ws:///path", "no host");
        fails("ws://:1", "no host");
        fails("ws://a:99999", "\"99999\" is no port");
        fails("ws://a:0", "\"0\" is no port");
        fails("ws://a:+1", "\"+1\" is no port");
        fails("ws://::1/", "no host");
        fails("ws://fe80::1/", "IPv6 in brackets");
        fails("ws://[::1", "is no host name");
        fails("ws://[::1]x", "is no host name");
        fails("ws://[a]", "is no host name");
        fails("ws://a b/", "is no host name");
        fails("ws://é/", "is no host name");
        fails("ws://me:secret@a/", "Authorization");
        fails("ws://a/b#c", "remove it");
    }
}
