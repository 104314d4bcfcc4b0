//! Bounds per peer address: how many connections at once, how many new ones per second, and whose word counts for an
//! address behind a proxy.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Bounds per address. An IPv6 peer is counted by its /64, the smallest network that a customer is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddressLimits {
    /// Connections at once from one address. Default: no bound. Over it: 429.
    pub connections_per_address_max: Option<usize>,
    /// New connections per second from one address, in the long run; a burst of as many as a second's (at least one) is
    /// let in at once. Default: no bound. Over it: 429.
    pub connect_rate_per_address: Option<f64>,
    /// Proxies whose `X-Forwarded-For` is believed. Default: none.
    pub trusted_proxies: Vec<Network>,
}

/// An address or a network without host bits: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`. An IPv4 network that is written as
/// IPv6 is the IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Neither an address nor a network.
    #[error("{0:?} is no address or network: give 10.0.0.1 or 10.0.0.0/8")]
    Form(String),
    /// An address in the network, where the network's own is meant or the address alone.
    #[error("{address} is an address in the network {network}: give {network}, or {address} for it alone")]
    HostBits {
        /// The address.
        address: IpAddr,
        /// Its network.
        network: Network,
    },
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || NetworkError::Form(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Ok(bits_max), str::parse).map_err(|_| invalid())?;
        if prefix_bits > bits_max {
            return Err(invalid());
        }
        let network = Self { address: masked(address, prefix_bits), prefix_bits };
        if network.address != address {
            return Err(NetworkError::HostBits { address, network });
        }
        Ok(network.canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Network {
    /// Whether the address belongs to it; an IPv4 address counts also where it is written as IPv6.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix_bits) == self.address
    }

    /// Without host bits, the prefix of an IPv4 network written as IPv6 has at least 96 bits.
    fn canonical(self) -> Self {
        match self.address.to_canonical() {
            address @ IpAddr::V4(_) if self.address.is_ipv6() => {
                Self { address, prefix_bits: self.prefix_bits.saturating_sub(96) }
            }
            _ => self,
        }
    }
}

/// The address with all but its first bits cleared.
fn masked(address: IpAddr, prefix_bits: u8) -> IpAddr {
    let host_bits = |all: u32| all - u32::from(prefix_bits);
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(host_bits(32)).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(host_bits(128)).unwrap_or(0)).into()),
    }
}

impl AddressLimits {
    /// Whose connection this is: the peer's own address, or behind trusted proxies the rightmost address of
    /// `X-Forwarded-For` that is no trusted proxy. What stands further left is the client's own invention.
    pub(crate) fn client<'v>(&self, peer: IpAddr, forwarded_for: impl Iterator<Item = &'v [u8]>) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let values: Vec<&[u8]> = forwarded_for.collect();
        for element in values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')) {
            let Some(address) = str::from_utf8(element).ok().and_then(|text| parse_forwarded(text.trim())) else {
                break;
            };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }
}

/// An element of `X-Forwarded-For`; some proxies add the port.
fn parse_forwarded(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').and_then(|(address, _)| address.parse::<Ipv6Addr>().ok()).map(IpAddr::V6);
    }
    text.split_once(':').and_then(|(address, _)| address.parse().ok())
}

/// Counts connections by address.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connections_max: usize,
    rate: Option<f64>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<IpAddr, Entry>,
    /// At this size the table is cleared of addresses that would be let in anyway.
    sweep_at: usize,
}

#[derive(Debug)]
struct Entry {
    open: usize,
    /// New connections that would be let in now.
    tokens: f64,
    at: Instant,
}

/// Why an address gets no further connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    Connections,
    Rate,
    /// The table is full of addresses that cannot be forgotten yet.
    Addresses,
}

/// One counted connection; dropping it counts it out.
#[derive(Debug)]
pub(crate) struct Counted {
    shared: Arc<Shared>,
    key: IpAddr,
}

impl Addresses {
    /// `None` if nothing is bounded: then nothing is counted either.
    pub(crate) fn new(limits: &AddressLimits) -> Option<Self> {
        let rate = limits.connect_rate_per_address.filter(|rate| *rate > 0.0);
        if limits.connections_per_address_max.is_none() && rate.is_none() {
            return None;
        }
        let connections_max = limits.connections_per_address_max.unwrap_or(usize::MAX);
        let table = Mutex::new(Table { entries: HashMap::new(), sweep_at: SWEEP_AT_MIN });
        Some(Self { shared: Arc::new(Shared { connections_max, rate, table }) })
    }

    /// Counts a new connection of this address, or says why it may not be.
    pub(crate) fn admit(&self, address: IpAddr, now: Instant) -> Result<Counted, TooMany> {
        let shared = &*self.shared;
        let key = key(address);
        let mut table = shared.lock();
        if table.entries.len() >= table.sweep_at && !table.entries.contains_key(&key) {
            table.sweep(shared.rate, now);
            if table.entries.len() >= ADDRESSES_MAX {
                return Err(TooMany::Addresses);
            }
        }
        let burst = shared.rate.map_or(0.0, burst);
        let entry = table.entries.entry(key).or_insert(Entry { open: 0, tokens: burst, at: now });
        if entry.open >= shared.connections_max {
            return Err(TooMany::Connections);
        }
        if let Some(rate) = shared.rate {
            entry.refill(rate, now);
            if entry.tokens < 1.0 {
                return Err(TooMany::Rate);
            }
            entry.tokens -= 1.0;
        }
        entry.open += 1;
        Ok(Counted { shared: self.shared.clone(), key })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut table = self.shared.lock();
        let Some(entry) = table.entries.get_mut(&self.key) else { return };
        entry.open -= 1;
        // With a rate the entry remembers what was used up; a sweep forgets it later.
        if entry.open == 0 && self.shared.rate.is_none() {
            table.entries.remove(&self.key);
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn sweep(&mut self, rate: Option<f64>, now: Instant) {
        self.entries.retain(|_, entry| {
            if let Some(rate) = rate {
                entry.refill(rate, now);
            }
            entry.open > 0 || rate.is_some_and(|rate| entry.tokens < burst(rate))
        });
        // Twice what is left: sweeping costs a constant per new address.
        self.sweep_at = (self.entries.len() * 2).clamp(SWEEP_AT_MIN, ADDRESSES_MAX);
    }
}

impl Entry {
    fn refill(&mut self, rate: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(burst(rate));
        self.at = now;
    }
}

fn burst(rate: f64) -> f64 {
    rate.max(1.0)
}

fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

const SWEEP_AT_MIN: usize = 1024;
/// Addresses that are counted at once; about 64 bytes each. More are refused with 503.
const ADDRESSES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn limits(max: Option<usize>, rate: Option<f64>) -> Addresses {
        let limits = AddressLimits {
            connections_per_address_max: max,
            connect_rate_per_address: rate,
            ..AddressLimits::default()
        };
        Addresses::new(&limits).unwrap()
    }

    #[test]
    fn a_dropped_connection_makes_room_and_leaves_nothing_behind() {
        let addresses = limits(Some(2), None);
        let now = Instant::now();
        let one = addresses.admit(ip("10.0.0.1"), now).unwrap();
        let _two = addresses.admit(ip("10.0.0.1"), now).unwrap();
        assert_eq!(addresses.admit(ip("10.0.0.1"), now).unwrap_err(), TooMany::Connections);
        assert_eq!(addresses.admit(ip("::ffff:10.0.0.1"), now).unwrap_err(), TooMany::Connections);
        let other = addresses.admit(ip("10.0.0.2"), now).unwrap();
        drop(one);
        assert!(addresses.admit(ip("10.0.0.1"), now).is_ok());
        drop(other);
        assert_eq!(addresses.shared.lock().entries.len(), 1);
    }

    #[test]
    fn an_ipv6_customer_is_counted_as_one() {
        let addresses = limits(Some(1), None);
        let now = Instant::now();
        let _one = addresses.admit(ip("2001:db8::1"), now).unwrap();
        assert!(addresses.admit(ip("2001:db8::ffff:2"), now).is_err());
        assert!(addresses.admit(ip("2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn the_rate_allows_a_burst_and_then_its_pace() {
        let addresses = limits(None, Some(2.0));
        let start = Instant::now();
        let admit = |after: u64| addresses.admit(ip("10.0.0.1"), start + Duration::from_millis(after)).map(drop);
        assert_eq!([admit(0), admit(0), admit(0)], [Ok(()), Ok(()), Err(TooMany::Rate)]);
        assert_eq!([admit(500), admit(500)], [Ok(()), Err(TooMany::Rate)]);
        assert_eq!([admit(9000), admit(9000), admit(9000)], [Ok(()), Ok(()), Err(TooMany::Rate)]);
    }

    #[test]
    fn addresses_that_came_once_are_forgotten() {
        let addresses = limits(None, Some(1.0));
        let start = Instant::now();
        for number in 0..10_000_u32 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(number));
            addresses.admit(address, start + Duration::from_millis(u64::from(number))).unwrap();
        }
        let left = addresses.shared.lock().entries.len();
        assert!(left <= 3 * SWEEP_AT_MIN, "{left} of 10,000 are still known");
    }

    #[test]
    fn a_network_contains_what_its_prefix_says() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::/0", "1.2.3.4", false),
        ];
        for (network, address, contained) in cases {
            assert_eq!(network.parse::<Network>().unwrap().contains(ip(address)), contained, "{address} in {network}");
        }
        for text in ["", "10.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/x", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_from_the_right() {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        let limits = AddressLimits { trusted_proxies, ..AddressLimits::default() };
        let cases: &[(&str, &[&str], &str)] = &[
            ("192.0.2.1", &["203.0.113.9"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.2.3.4"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["203.0.113.9, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
        ];
        for (peer, values, client) in cases {
            let found = limits.client(ip(peer), values.iter().map(|value| value.as_bytes()));
            assert_eq!(found, ip(client), "{peer} with {values:?}");
        }
    }
}
