//! Who may come in by name: the `Host` a request is for, and the `Origin` of the page that sent it.
//!
//! A browser lets any page open a WebSocket to anywhere and says in `Origin` which page it was; checking that is the
//! server's part (RFC 6455 §10.2). `Host` is checked against DNS rebinding: a foreign name that suddenly resolves to
//! 127.0.0.1 makes a stranger's page the same origin as this server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names that are let in besides the usual ones.
///
/// Without any entry: a request without Origin passes (no browser sent it); an Origin with the request's own host name
/// passes, whatever its port; on a loopback listener loopback origins and `null` pass too, and the Host must be a
/// loopback name. Everything else is answered 403.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Origins: `https://example.com` (that scheme and port), `example.com` (any scheme and port), `*.example.com` (its
    /// subdomains), `null`, or `*`.
    pub allow_origins: Vec<String>,
    /// Hosts: `example.com` (any port), `example.com:8765`, `*.example.com`, or `*`. On a loopback listener these pass
    /// besides the loopback names; elsewhere any host passes while this is empty, and only these once it is not.
    pub allow_hosts: Vec<String>,
}

impl Access {
    /// Whether `entry` may stand in [`Self::allow_origins`], so that a configuration can be judged without a server.
    ///
    /// # Errors
    /// What may stand there instead.
    pub fn check_origin(entry: &str) -> Result<(), AccessError> {
        Pattern::origin(entry).map(drop)
    }

    /// Whether `entry` may stand in [`Self::allow_hosts`].
    ///
    /// # Errors
    /// What may stand there instead.
    pub fn check_host(entry: &str) -> Result<(), AccessError> {
        Pattern::host(entry).map(drop)
    }
}

/// An entry of [`Access`] that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is no {what}: give {example}")]
pub struct AccessError {
    entry: String,
    what: &'static str,
    example: &'static str,
}

/// The rules, parsed.
#[derive(Debug)]
pub(crate) struct AccessRules {
    origins: Vec<Pattern>,
    hosts: Vec<Pattern>,
}

impl AccessRules {
    pub(crate) fn new(access: &Access) -> Result<Self, AccessError> {
        Ok(Self {
            origins: access.allow_origins.iter().map(|entry| Pattern::origin(entry)).collect::<Result<_, _>>()?,
            hosts: access.allow_hosts.iter().map(|entry| Pattern::host(entry)).collect::<Result<_, _>>()?,
        })
    }

    /// Whether a request for `host` may come in by a listener; without a Host no browser sent it.
    pub(crate) fn admits_host(&self, host: Option<&str>, on_loopback: bool) -> bool {
        let Some(host) = host else { return true };
        let Some(authority) = Authority::parse(host) else { return false };
        if on_loopback && is_loopback_name(authority.host) {
            return true;
        }
        if self.hosts.is_empty() { !on_loopback } else { self.hosts.iter().any(|one| one.admits(None, &authority)) }
    }

    /// Whether a page of this origin may open a WebSocket here.
    pub(crate) fn admits_origin(&self, origin: Option<&[u8]>, host: Option<&str>, on_loopback: bool) -> bool {
        let Some(origin) = origin else { return true };
        let Ok(origin) = str::from_utf8(origin) else { return false };
        if origin == "null" {
            return on_loopback || self.origins.iter().any(|one| matches!(one.name, Name::Null | Name::Any));
        }
        let Some((scheme, authority)) = split_origin(origin) else { return false };
        let own = host.and_then(Authority::parse).is_some_and(|own| same_name(own.host, authority.host));
        own || (on_loopback && is_loopback_name(authority.host))
            || self.origins.iter().any(|one| one.admits(Some(scheme), &authority))
    }
}

/// One entry of an allow list.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    scheme: Option<String>,
    name: Name,
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Any,
    Null,
    Exact(String),
    /// What follows the `*`, with its dot.
    Below(String),
}

impl Pattern {
    fn origin(entry: &str) -> Result<Self, AccessError> {
        let example = "https://example.com, *.example.com, null or *";
        Self::parse(entry).ok_or_else(|| AccessError { entry: entry.to_owned(), what: "origin", example })
    }

    /// As an origin, but without a scheme.
    fn host(entry: &str) -> Result<Self, AccessError> {
        let example = "example.com, example.com:8765, *.example.com or *";
        let pattern = Self::parse(entry).filter(|host| host.scheme.is_none() && host.name != Name::Null);
        pattern.ok_or_else(|| AccessError { entry: entry.to_owned(), what: "host", example })
    }

    fn parse(entry: &str) -> Option<Self> {
        match entry {
            "*" => return Some(Self { scheme: None, name: Name::Any, port: None }),
            "null" => return Some(Self { scheme: None, name: Name::Null, port: None }),
            _ => {}
        }
        let (scheme, rest) = match entry.split_once("://") {
            Some(("", _)) => return None,
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, entry),
        };
        let authority = Authority::parse(rest.strip_suffix('/').unwrap_or(rest))?;
        let host = authority.host.trim_end_matches('.').to_ascii_lowercase();
        let name = match host.strip_prefix('*') {
            Some(below) if below.len() > 1 && below.starts_with('.') && is_name(below) => Name::Below(below.to_owned()),
            Some(_) => return None,
            None => Name::Exact(if is_name(&host) { host } else { canonical_ipv6(&host)? }),
        };
        // A full origin means one port, named or not: the scheme's.
        let port = authority.port.or_else(|| scheme.as_deref().and_then(default_port));
        Some(Self { scheme, name, port })
    }

    fn admits(&self, scheme: Option<&str>, authority: &Authority<'_>) -> bool {
        let host = authority.host.trim_end_matches('.');
        let name = match &self.name {
            Name::Any => true,
            Name::Null => false,
            Name::Exact(name) => host.eq_ignore_ascii_case(name),
            Name::Below(below) => host.to_ascii_lowercase().strip_suffix(below).is_some_and(|label| !label.is_empty()),
        };
        let same_scheme =
            self.scheme.as_deref().is_none_or(|one| scheme.is_some_and(|other| one.eq_ignore_ascii_case(other)));
        let port = authority.port.or_else(|| scheme.and_then(default_port));
        name && same_scheme && self.port.is_none_or(|one| port == Some(one))
    }
}

/// `host[:port]`.
struct Authority<'a> {
    /// IPv6 addresses keep their brackets.
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, port),
            _ => (text, ""),
        };
        let valid = !host.is_empty() && (host.starts_with('[') == host.ends_with(']'));
        if !valid || (host.contains(':') && !host.starts_with('[')) {
            return None;
        }
        let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
        Some(Self { host, port })
    }
}

fn split_origin(origin: &str) -> Option<(&str, Authority<'_>)> {
    let (scheme, rest) = origin.split_once("://")?;
    // RFC 6454 §6.2: scheme, host and port, and nothing after them.
    if scheme.is_empty() || rest.contains(['/', '?', '#', '@']) {
        return None;
    }
    Some((scheme, Authority::parse(rest)?))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// A DNS name or an IPv4 address, as far as its characters tell.
fn is_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// An IPv6 address in brackets as browsers write it (RFC 5952).
fn canonical_ipv6(host: &str) -> Option<String> {
    let address: Ipv6Addr = host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    Some(format!("[{address}]"))
}

fn same_name(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// `localhost` and what is below it (RFC 6761 §6.3), 127.0.0.0/8, `[::1]`.
fn is_loopback_name(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    }
    if host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()) {
        return true;
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(origins: &[&str], hosts: &[&str]) -> AccessRules {
        let own = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect();
        AccessRules::new(&Access { allow_origins: own(origins), allow_hosts: own(hosts) }).unwrap()
    }

    #[test]
    fn a_loopback_listener_takes_loopback_hosts_alone_unless_others_are_named() {
        let cases = [
            ("localhost", true),
            ("LOCALHOST:8765", true),
            ("localhost.", true),
            ("dev.localhost:1", true),
            ("127.0.0.1:8765", true),
            ("127.9.9.9", true),
            ("[::1]:8765", true),
            ("[::ffff:127.0.0.1]", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("notlocalhost", false),
            ("192.168.1.1:8765", false),
            ("[::2]", false),
            ("", false),
        ];
        for (host, passes) in cases {
            assert_eq!(rules(&[], &[]).admits_host(Some(host), true), passes, "{host:?}");
        }
        let named = rules(&[], &["chat.example"]);
        assert!(named.admits_host(Some("chat.example:443"), true));
        assert!(named.admits_host(Some("localhost"), true));
        assert!(!named.admits_host(Some("other.example"), true));
    }

    #[test]
    fn other_listeners_take_any_host_until_some_are_named() {
        assert!(rules(&[], &[]).admits_host(Some("any.example"), false));
        let named = rules(&[], &["chat.example", "*.wig.example", "port.example:81"]);
        let cases = [
            ("chat.example", true),
            ("Chat.Example:9", true),
            ("a.wig.example", true),
            ("wig.example", false),
            ("port.example:81", true),
            ("port.example:82", false),
            ("port.example", false),
            ("localhost", false),
        ];
        for (host, passes) in cases {
            assert_eq!(named.admits_host(Some(host), false), passes, "{host:?}");
        }
        assert!(rules(&[], &["*"]).admits_host(Some("any.example"), true));
    }

    /// An Origin, the Host, whether the listener is on loopback, the allowed origins, and whether it passes.
    type OriginCase = (Option<&'static str>, &'static str, bool, &'static [&'static str], bool);

    #[test]
    fn origins_pass_by_their_own_host_by_loopback_or_by_name() {
        let cases: &[OriginCase] = &[
            (None, "chat.example", false, &[], true),
            (Some("https://chat.example"), "chat.example", false, &[], true),
            (Some("http://chat.example:5173"), "chat.example:8765", false, &[], true),
            (Some("http://CHAT.example"), "chat.example", false, &[], true),
            (Some("https://evil.example"), "chat.example", false, &[], false),
            (Some("https://chat.example.evil.example"), "chat.example", false, &[], false),
            (Some("null"), "chat.example", false, &[], false),
            (Some("http://localhost"), "chat.example", false, &[], false),
            (Some("http://localhost:5173"), "127.0.0.1:8765", true, &[], true),
            (Some("http://[::1]:5173"), "localhost", true, &[], true),
            (Some("null"), "localhost", true, &[], true),
            (Some("https://evil.example"), "localhost", true, &[], false),
            (Some("https://evil.example"), "localhost", true, &["*"], true),
            (Some("null"), "chat.example", false, &["null"], true),
            (Some("https://app.example"), "chat.example", false, &["https://app.example"], true),
            (Some("https://app.example:443"), "chat.example", false, &["https://app.example"], true),
            (Some("http://app.example"), "chat.example", false, &["https://app.example"], false),
            (Some("https://app.example:444"), "chat.example", false, &["https://app.example"], false),
            (Some("http://app.example:81"), "chat.example", false, &["app.example"], true),
            (Some("https://a.app.example"), "chat.example", false, &["*.app.example"], true),
            (Some("https://xapp.example"), "chat.example", false, &["*.app.example"], false),
            (Some("https://chat.example/path"), "chat.example", false, &[], false),
            (Some("https://evil@chat.example"), "chat.example", false, &[], false),
            (Some("chat.example"), "chat.example", false, &[], false),
            (Some(""), "chat.example", false, &[], false),
        ];
        for (origin, host, on_loopback, allowed, passes) in cases {
            let admitted = rules(allowed, &[]).admits_origin(origin.map(str::as_bytes), Some(host), *on_loopback);
            assert_eq!(admitted, *passes, "{origin:?} for {host} with {allowed:?}, loopback: {on_loopback}");
        }
    }

    #[test]
    fn entries_that_name_nothing_are_errors() {
        for entry in ["", "http://", "://a", "a*b", "*example", "*.a/b", "a b", "http://a/b", "::1", "[::1", "[a]"] {
            let access = Access { allow_origins: vec![entry.to_owned()], ..Access::default() };
            assert!(AccessRules::new(&access).is_err(), "{entry:?}");
        }
        for entry in ["https://a.example", "null"] {
            assert!(Access::check_origin(entry).is_ok(), "{entry:?}");
            let access = Access { allow_hosts: vec![entry.to_owned()], ..Access::default() };
            assert!(AccessRules::new(&access).is_err(), "{entry:?}");
        }
    }
}
