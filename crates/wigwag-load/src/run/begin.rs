//! Starting a run: where the server is, from which addresses to connect, one reactor per worker.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use wigwag_net::{Connect, Limits, Net};
use wigwag_proto::{Config, handshake::extensions::DeflatePolicy};

use super::{StartError, State, Watch, supervise};
use crate::{
    control::Control,
    faults::Injected,
    health::{self, Behind},
    ledger::Rules,
    payload::Payloads,
    plan::{CheckedPlan, Plan, Sources, other_family},
    shape::Crowd,
    timeline::Line,
    worker::{Beat, Core, Job},
};

pub(super) fn start(plan: CheckedPlan) -> Result<Arc<State>, StartError> {
    let began = SystemTime::now();
    let began_millis = began.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let asked = plan.plan();
    let addresses = resolve(asked)?;
    let are_servers = given(asked).nth(1).is_some();
    let sources = sources(&plan, &addresses)?;
    let payloads = Payloads::new(asked.payload.clone(), plan.sizes, asked.binary, plan.seed, began_millis);
    let job = Arc::new(Job {
        rules: Arc::new(Rules::new(&plan, payloads)),
        control: Arc::new(Control::new(Instant::now(), asked.rate, plan.workers)),
        crowd: Crowd::new(&plan),
        connect: connect(asked),
        are_servers,
        addresses,
        sources,
        plan,
    });
    let watch = Watch {
        line: Line::new(),
        spent_before: Vec::new(),
        spent_after: None,
        spent_last: Vec::new(),
        bytes_last: (0, 0),
        descriptors_before: health::descriptors(),
        memory_before: health::memory_bytes(),
        memory_most: 0,
        ports_max: health::ports_max(),
        behind: Behind::default(),
        in_doubt_before_cut: None,
        sent_for: 0,
    };
    let nets = (0..job.plan.workers).map(|_| Net::client(1, limits())).collect::<io::Result<Vec<_>>>()?;
    let cores: Vec<_> =
        (0..job.plan.workers as u32).map(|index| Arc::new(Mutex::new(Core::new(job.clone(), index)))).collect();
    let state = Arc::new(State {
        metrics: nets.iter().map(|net| net.handle().metrics()).collect(),
        job,
        cores,
        began,
        watch: Mutex::new(watch),
        faults: Arc::new(Mutex::new(Injected::default())),
        outcome: Mutex::new(None),
        done: std::sync::Condvar::new(),
    });
    for (net, core) in nets.iter().zip(&state.cores) {
        net.handle().pace(0, Beat::new(core.clone()));
    }
    let supervised = state.clone();
    std::thread::Builder::new().name("wigwag-load".to_owned()).spawn(move || supervise::run(&supervised, nets))?;
    Ok(state)
}

fn resolve(plan: &Plan) -> Result<Vec<SocketAddr>, StartError> {
    let (host, port) = (plan.url.host.as_str(), plan.url.port);
    let given: Vec<SocketAddr> = given(plan).collect();
    if !given.is_empty() {
        return Ok(given);
    }
    let failed = |why: String| StartError::Resolve { host: host.to_owned(), why };
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|error| failed(error.to_string()))?.collect();
    if found.is_empty() { Err(failed("it has no address".to_owned())) } else { Ok(found) }
}

/// The addresses that `--resolve` names for the URL's host.
fn given(plan: &Plan) -> impl Iterator<Item = SocketAddr> {
    let (host, port) = (plan.url.host.as_str(), plan.url.port);
    let mine = plan.resolve.iter().filter(move |one| one.host.eq_ignore_ascii_case(host) && one.port == port);
    mine.map(|one| one.address)
}

/// Which local addresses to use. On loopback, where every address of 127/8 is ours, connections are spread over several as
/// soon as one has not enough ports.
fn sources(plan: &CheckedPlan, addresses: &[SocketAddr]) -> Result<Vec<IpAddr>, StartError> {
    let asked = &plan.plan().sources;
    if !asked.is_empty() {
        let all: Vec<IpAddr> = asked.iter().flat_map(Sources::addresses).collect();
        let is_reached = |source: &&IpAddr| addresses.iter().any(|address| address.is_ipv4() == source.is_ipv4());
        let foreign = all.iter().find(|source| !is_reached(source));
        return foreign.map_or(Ok(all.clone()), |source| Err(StartError::Source(other_family(*source))));
    }
    let connections = plan.connections_max;
    if !are_local(addresses) || connections <= CONNECTIONS_PER_SOURCE_MAX {
        return Ok(Vec::new());
    }
    let count = connections.div_ceil(CONNECTIONS_PER_SOURCE_MAX);
    Ok((0..count).map(|number| IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + number))).collect())
}

/// How many connections local ports allow to this plan's server; `None` where addresses are taken in turn, or the server's
/// name has no address.
pub(crate) fn ports_for(plan: &Plan) -> Option<u64> {
    let addresses = resolve(plan).ok()?;
    if plan.sources.is_empty() && are_local(&addresses) {
        return None;
    }
    let sources: u64 = plan.sources.iter().map(|sources| u64::from(sources.count)).sum();
    Some(health::ports_max() * sources.max(1))
}

/// Whether all are on IPv4 loopback, of which every address is ours.
fn are_local(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback()))
}

fn connect(plan: &Plan) -> Connect {
    let url = &plan.url;
    Connect {
        tls: url.tls.then(|| plan.tls.clone()).flatten(),
        protocols: plan.protocols.clone(),
        headers: plan.headers.clone(),
        origin: plan.origin.clone(),
        deflate: DeflatePolicy { enabled: plan.compress, ..DeflatePolicy::default() },
        config: Arc::new(Config { message_bytes_max: MESSAGE_BYTES_MAX, ..Config::default() }),
        timeout: plan.connect_timeout,
        ..url.connect_plain()
    }
}

/// A tester asks for no life signs and cuts nobody off: what the server does is what is to be seen. And it never stops
/// reading because it has much to send, for a server that waits for it to read would wait for good.
fn limits() -> Limits {
    Limits {
        ping_interval: Duration::MAX,
        idle_timeout: Duration::MAX,
        write_timeout: Duration::MAX,
        out_queue_high_water: usize::MAX,
        out_queue_low_water: usize::MAX,
        connections_max: usize::MAX,
        ..Limits::default()
    }
}

/// Answers may be larger than what was sent.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// One local address has about 28,000 ports for one server, but Linux looks at every second one first: once those are taken,
/// each connection searches them all, which takes a hundred times as long as opening it.
const CONNECTIONS_PER_SOURCE_MAX: u32 = 14_000;
