//! Types of settings that the standard library lacks: sizes, networks, origins, host names, closed sets of words.

use std::fmt;
use std::net::IpAddr;

use bytesize::ByteSize;

use super::value::{Refused, Scalar};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(usize);

/// An IP address or network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// An Origin (RFC 6454) that may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedOrigin {
    Any,
    /// `null` or `scheme://host[:port]`, in lower case and without the scheme's default port, as browsers send it.
    Is(String),
}

/// A host name by which the server may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedHost {
    Any,
    /// A name or address without port, in lower case; an IPv6 address is in brackets.
    Is(String),
}

impl Bytes {
    pub(crate) fn get(self) -> usize {
        self.0
    }
}

impl Network {
    /// Whether `address` is in this network. An IPv4 address mapped into IPv6 counts as the IPv4 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix_bits) == self.address
    }

    /// IPv4 networks written in IPv6 become IPv4: without host bits, their prefix is 96 bits at least.
    fn canonical(self) -> Self {
        match self.address {
            IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
                Self { address: self.address.to_canonical(), prefix_bits: self.prefix_bits.saturating_sub(96) }
            }
            _ => self,
        }
    }
}

impl AllowedOrigin {
    /// Whether the value of an Origin header is admitted.
    pub(crate) fn admits(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(allowed) => allowed.eq_ignore_ascii_case(origin),
        }
    }
}

impl AllowedHost {
    /// Whether a Host header's name, without its port, is admitted.
    pub(crate) fn admits(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(allowed) => allowed.eq_ignore_ascii_case(host),
        }
    }
}

/// Declares an enum whose variants are written as words.
macro_rules! words {
    ($(#[$attribute:meta])* $Name:ident $metavar:literal { $($Variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $Name { $($Variant),+ }

        impl $Name {
            pub(crate) const WORDS: &[&str] = &[$($word),+];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word),+ }
            }
        }

        impl Scalar for $Name {
            const METAVAR: &'static str = $metavar;

            fn form() -> String {
                format!("one of {}", Self::WORDS.join(", "))
            }

            fn parse(text: &str) -> Result<Self, Refused> {
                match text { $($word => Ok(Self::$Variant),)+ _ => Err(Refused::Form) }
            }

            fn text(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

words! {
    /// A service that comes with the server.
    ServiceName "SERVICE" { Echo = "echo", Random = "random", Stream = "stream", Letters = "letters" }
}

words! {
    /// The least severe level that is logged.
    LogLevel "LEVEL" { Off = "off", Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace" }
}

words! {
    /// How log lines look.
    LogFormat "FORMAT" { Text = "text", Json = "json" }
}

impl Scalar for Bytes {
    const METAVAR: &'static str = "SIZE";

    fn form() -> String {
        "a size such as 64KiB or 1MiB".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let size: ByteSize = text.parse().map_err(|_| Refused::Form)?;
        usize::try_from(size.as_u64()).map(Self).map_err(|_| Refused::Form)
    }

    fn text(&self) -> String {
        Self::amount_text(self.0 as u64)
    }

    fn amount(&self) -> Option<u64> {
        Some(self.0 as u64)
    }

    /// In the largest unit that says it exactly.
    fn amount_text(amount: u64) -> String {
        let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        let exact = units.iter().find(|(shift, _)| amount != 0 && amount.trailing_zeros() >= *shift);
        exact.map_or_else(|| amount.to_string(), |(shift, unit)| format!("{}{unit}", amount >> shift))
    }
}

impl Scalar for Network {
    const METAVAR: &'static str = "CIDR";

    fn form() -> String {
        "an address or network such as 10.0.0.0/8 or ::1".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| Refused::Form)?;
        let bits_max: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(bits_max), str::parse).map_err(|_| Refused::Form)?;
        if prefix_bits > bits_max {
            return Err(Refused::Form);
        }
        let network = Self { address: masked(address, prefix_bits), prefix_bits };
        if network.address != address {
            return Err(Refused::Reason(format!(
                "the network of this address is {network}: write that, or the address alone"
            )));
        }
        Ok(network.canonical())
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Scalar for AllowedOrigin {
    const METAVAR: &'static str = "ORIGIN";

    fn form() -> String {
        "an origin such as https://example.org or http://localhost:3000, `null`, or `*` for any".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let origin = text.to_ascii_lowercase();
        match origin.as_str() {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Is(origin)),
            _ => {}
        }
        let Some((scheme, authority)) = origin.split_once("://") else {
            return Err(Refused::Form);
        };
        if let Some((authority, _)) = authority.split_once('/') {
            return Err(Refused::Reason(format!("an origin has no path: write {scheme}://{authority}")));
        }
        let scheme_is_fine = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let (host, port) = split_port(authority).ok_or(Refused::Form)?;
        if !scheme_is_fine || !is_host(host) {
            return Err(Refused::Form);
        }
        let port = port.filter(|port| !matches!((scheme, port), ("http", 80) | ("https", 443)));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self::Is(format!("{scheme}://{host}{port}")))
    }

    fn text(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Is(origin) => origin.clone(),
        }
    }
}

impl Scalar for AllowedHost {
    const METAVAR: &'static str = "HOST";

    fn form() -> String {
        "a host name without port such as ws.example.org, or `*` for any".to_owned()
    }

    fn parse(text: &str) -> Result<Self, Refused> {
        let host = text.to_ascii_lowercase();
        match host.parse::<std::net::Ipv6Addr>() {
            _ if host == "*" => Ok(Self::Any),
            Ok(address) => Ok(Self::Is(format!("[{address}]"))),
            Err(_) if is_host(&host) => Ok(Self::Is(host)),
            Err(_) => Err(Refused::Form),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Is(host) => host.clone(),
        }
    }
}

/// Host and port of an authority without user; `None` if the port is not one.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => Some((host, Some(port.parse().ok()?))),
        _ => Some((authority, None)),
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    }
}

/// `address` with all but its first `bits` bits cleared.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: Scalar>(text: &str, shown: Option<&str>) {
        assert_eq!(T::parse(text).ok().map(|value| value.text()).as_deref(), shown, "{text}");
    }

    #[test]
    fn sizes_are_shown_exactly() {
        for (text, shown) in [
            ("1MiB", Some("1MiB")),
            ("1 MiB", Some("1MiB")),
            ("1536", Some("1536")),
            ("1536KiB", Some("1536KiB")),
            ("1MB", Some("1000000")),
            ("0", Some("0")),
            ("-1", None),
            ("many", None),
            ("", None),
        ] {
            check::<Bytes>(text, shown);
        }
    }

    #[test]
    fn networks_have_no_host_bits() {
        for (text, shown) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("127.0.0.1", Some("127.0.0.1/32")),
            ("::/0", Some("::/0")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("fe80::/10", Some("fe80::/10")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::ffff:0:0/90", None),
            ("10.0.0.1/8", None),
            ("10.0.0.0/33", None),
            ("10.0.0.0/", None),
            ("example.org", None),
        ] {
            check::<Network>(text, shown);
        }
    }

    #[test]
    fn network_contains_its_addresses_also_when_mapped() {
        let network = Network::parse("10.0.0.0/8").expect("a network");
        let contains = |text: &str| network.contains(text.parse().expect("an address"));
        assert!(contains("10.255.0.1"));
        assert!(contains("::ffff:10.1.2.3"));
        assert!(!contains("11.0.0.1"));
        assert!(!contains("::1"));
    }

    #[test]
    fn origins_take_the_form_in_which_browsers_send_them() {
        for (text, shown) in [
            ("https://Example.org", Some("https://example.org")),
            ("https://example.org:443", Some("https://example.org")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("http://[::1]:80", Some("http://[::1]")),
            ("null", Some("null")),
            ("*", Some("*")),
            ("https://example.org/", None),
            ("https://user@example.org", None),
            ("example.org", None),
            ("https://", None),
            ("https://a:b", None),
        ] {
            check::<AllowedOrigin>(text, shown);
        }
    }

    #[test]
    fn hosts_have_no_port() {
        for (text, shown) in [
            ("WS.example.org", Some("ws.example.org")),
            ("::1", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("*", Some("*")),
            ("example.org:8765", None),
            ("*.example.org", None),
            ("", None),
        ] {
            check::<AllowedHost>(text, shown);
        }
    }

    #[test]
    fn admission_ignores_case() {
        assert!(AllowedOrigin::parse("https://example.org").expect("an origin").admits("HTTPS://example.org"));
        assert!(!AllowedOrigin::parse("https://example.org").expect("an origin").admits("https://example.org.evil"));
        assert!(AllowedHost::parse("example.org").expect("a host").admits("Example.org"));
        assert!(AllowedHost::Any.admits("anything"));
    }
}
