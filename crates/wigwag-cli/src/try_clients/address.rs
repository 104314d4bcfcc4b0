//! Where to connect: a `ws://` URL in its parts.

use std::{fmt, str::FromStr};

/// A parsed `ws://` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Host name or address, without brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// Path and query; empty where the URL has none.
    pub(crate) target: String,
}

impl Address {
    /// This address, with `path` where it has none of its own.
    pub(crate) fn with_default_path(&self, path: &str) -> Self {
        let target = match self.target.as_str() {
            "" => path.to_owned(),
            query if query.starts_with('?') => format!("{path}{query}"),
            own => own.to_owned(),
        };
        Self { target, ..self.clone() }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("expected a URL such as ws://127.0.0.1:8765/random")?;
        match scheme.to_ascii_lowercase().as_str() {
            "ws" => {}
            "wss" => return Err("wss:// is not supported yet: use ws://".to_owned()),
            other => return Err(format!("unknown scheme {other}://: use ws://")),
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or("the bracket of the host is not closed")?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() || host.contains('@') {
            return Err("expected a host after ws://".to_owned());
        }
        let port = match port {
            "" => Ok(80),
            port => port.strip_prefix(':').unwrap_or(port).parse().map_err(|_| format!("{port:?} is no port")),
        }?;
        if target.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err("the path has a character that must be percent-encoded".to_owned());
        }
        Ok(Self { host: host.to_owned(), port, target: target.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "ws://[{}]:{}{}", self.host, self.port, self.target)
        } else {
            write!(f, "ws://{}:{}{}", self.host, self.port, self.target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let address: Address = url.parse().expect(url);
        assert_eq!(address.with_default_path("/random").to_string(), expected);
    }

    #[test]
    fn path_is_the_services_unless_given() {
        check("ws://127.0.0.1:8765", "ws://127.0.0.1:8765/random");
        check("ws://127.0.0.1:8765/", "ws://127.0.0.1:8765/");
        check("WS://example.org/chat?room=1", "ws://example.org:80/chat?room=1");
        check("ws://example.org?room=1", "ws://example.org:80/random?room=1");
        check("ws://[::1]:9000", "ws://[::1]:9000/random");
        check("ws://[::1]/echo#part", "ws://[::1]:80/echo");
    }

    #[test]
    fn unusable_urls_are_refused() {
        for url in [
            "",
            "localhost:8765",
            "http://a",
            "wss://a",
            "ws://",
            "ws://:1",
            "ws://a:99999",
            "ws://a:b",
            "ws://[::1",
            "ws://a/ b",
            "ws://[::1]x",
        ] {
            assert!(url.parse::<Address>().is_err(), "{url}");
        }
    }
}
