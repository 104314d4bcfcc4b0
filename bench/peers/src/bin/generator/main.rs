//! The load generator: WebSocket clients on one thread over mio, every answer checked, one JSON line at the end.
//!
//! `generator ADDR:PORT PATH SERVER_PID WORKLOAD SECONDS [WARMUP_SECONDS]`. It reads the server's CPU time at
//! both ends of the measured window. The figure is CPU per message; latency is measured where nothing queues, with one
//! message in flight altogether.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use client::{Client, Progress, Shared, upgrade_request};
use meter::{Meter, Usage};
use script::Script;

mod client;
mod meter;
mod script;

fn main() {
    match run() {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("generator: {error}");
            std::process::exit(1);
        }
    }
}

fn run() -> Result<String, String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, pid, workload, seconds, rest @ ..] = args.as_slice() else { return Err(USAGE.into()) };
    let address: SocketAddr = address.parse().map_err(|error| format!("{address}: {error}"))?;
    let pid = pid.parse().map_err(|error| format!("{pid}: {error}"))?;
    let window = parse_seconds(seconds)?;
    let warmup = rest.first().map_or(Ok(window / 4), |word| parse_seconds(word))?;
    let plan = PLANS.iter().find(|plan| plan.name == workload).ok_or_else(|| format!("no workload {workload}"))?;
    raise_descriptor_limit()?;
    let script = Script::new(plan.script, plan.message_bytes);
    let request = upgrade_request(address, path);
    let shared = Shared { address, request, script, buffer: vec![0; READ_BUFFER_BYTES].into() };
    let load = Load {
        poll: Poll::new().map_err(|error| format!("epoll: {error}"))?,
        meter: Meter::new(pid)?,
        events: Events::with_capacity(1024),
        clients: Vec::with_capacity(plan.connections),
        shared,
    };
    match plan.kind {
        Kind::Messages { in_flight } => load.messages(plan.connections, in_flight, warmup, window),
        Kind::Latency => load.latency(warmup, window),
        Kind::Memory => load.memory(plan.connections, window),
        Kind::Connects => load.connects(plan.connections, warmup, window),
    }
}

/// One workload. `script` is the number of distinct messages, at least as many as are in flight.
struct Plan {
    name: &'static str,
    connections: usize,
    message_bytes: usize,
    script: usize,
    kind: Kind,
}

enum Kind {
    /// So many messages in flight on each connection.
    Messages { in_flight: usize },
    /// One connection, one message in flight: the time there and back.
    Latency,
    /// Each connection sends one message and then idles.
    Memory,
    /// Connect, upgrade, close; so many at a time.
    Connects,
}

struct Load {
    poll: Poll,
    events: Events,
    meter: Meter,
    clients: Vec<Client>,
    shared: Shared,
}

impl Load {
    /// A, B, C, D: messages for a while, CPU per message.
    fn messages(
        mut self,
        connections: usize,
        in_flight: usize,
        warmup: Duration,
        window: Duration,
    ) -> Result<String, String> {
        self.open(connections, false)?;
        for client in &mut self.clients {
            client.send(in_flight, &self.shared.script)?;
        }
        self.answers_until(Instant::now() + warmup)?;
        let start = self.meter.read()?;
        let messages = self.answers_until(Instant::now() + window)?;
        let usage = self.meter.read()?.since(&start);
        report_cpu(messages, &usage)
    }

    /// L: one message after the other, the median time there and back.
    fn latency(mut self, warmup: Duration, window: Duration) -> Result<String, String> {
        self.open(1, false)?;
        self.clients[0].send(1, &self.shared.script)?;
        self.answers_until(Instant::now() + warmup)?;
        let end = Instant::now() + window;
        let mut sent = Instant::now();
        let mut nanos = Vec::new();
        while self.turn(end)? {
            for event in &self.events {
                if let Progress::Answered(1..) = self.clients[0].handle(event, &mut self.shared)? {
                    let now = Instant::now();
                    nanos.push((now - sent).as_nanos() as u64);
                    sent = now;
                    self.clients[0].send(1, &self.shared.script)?;
                }
            }
        }
        if nanos.is_empty() {
            return Err("nothing was answered in the measured window".into());
        }
        nanos.sort_unstable();
        let micros = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        Ok(format!("{{\"count\":{},\"median_us\":{:.2},\"p99_us\":{:.2}}}", nanos.len(), micros(0.5), micros(0.99)))
    }

    /// E, M: private dirty bytes before and after, with nothing moving in between.
    fn memory(mut self, connections: usize, settle: Duration) -> Result<String, String> {
        // The first clients warm the server up: its code, its pools, its tables.
        self.open(MEMORY_WARM_CONNECTIONS, true)?;
        std::thread::sleep(settle);
        let before = self.meter.private_dirty_bytes()?;
        self.open(MEMORY_WARM_CONNECTIONS + connections, true)?;
        std::thread::sleep(settle);
        let after = self.meter.private_dirty_bytes()?;
        let grown = after.saturating_sub(before);
        Ok(format!(
            "{{\"connections\":{connections},\"private_dirty_before\":{before},\"private_dirty_after\":{after},\
             \"bytes_per_connection\":{:.1}}}",
            grown as f64 / connections as f64
        ))
    }

    /// F: connect, upgrade, close, over and over; CPU per connection.
    fn connects(mut self, at_once: usize, warmup: Duration, window: Duration) -> Result<String, String> {
        for place in 0..at_once {
            self.clients.push(Client::connect(self.poll.registry(), Token(place), place, &self.shared)?);
        }
        let mut serial = at_once;
        self.connects_until(Instant::now() + warmup, &mut serial)?;
        let start = self.meter.read()?;
        let connections = self.connects_until(Instant::now() + window, &mut serial)?;
        let usage = self.meter.read()?.since(&start);
        report_cpu(connections, &usage)
    }

    fn connects_until(&mut self, end: Instant, serial: &mut usize) -> Result<u64, String> {
        let mut opened = 0;
        while self.turn(end)? {
            for event in &self.events {
                let place = event.token().0;
                if let Progress::Opened = self.clients[place].handle(event, &mut self.shared)? {
                    // Dropping the old client closes it without a Close frame, as a page that goes away does.
                    self.clients[place] = Client::connect(self.poll.registry(), Token(place), *serial, &self.shared)?;
                    *serial += 1;
                    opened += 1;
                }
            }
        }
        Ok(opened)
    }

    /// Opens connections until there are `total`, and has each say one message and hear its answer if `greet`.
    fn open(&mut self, total: usize, greet: bool) -> Result<(), String> {
        let end = Instant::now() + OPEN_TIMEOUT;
        let mut ready = self.clients.len();
        while ready < total {
            while self.clients.len() < total && self.clients.len() - ready < OPENING_MAX {
                let place = self.clients.len();
                self.clients.push(Client::connect(self.poll.registry(), Token(place), place, &self.shared)?);
            }
            if !self.turn(end)? {
                return Err(format!("only {ready} of {total} connections opened in {OPEN_TIMEOUT:?}"));
            }
            for event in &self.events {
                let client = &mut self.clients[event.token().0];
                match client.handle(event, &mut self.shared)? {
                    Progress::Opened if greet => client.send(1, &self.shared.script)?,
                    Progress::Opened => ready += 1,
                    Progress::Answered(answers) => ready += answers,
                    Progress::Nothing => {}
                }
            }
        }
        Ok(())
    }

    /// Answers each answer with the next message until `end`; returns how many answers were right.
    fn answers_until(&mut self, end: Instant) -> Result<u64, String> {
        let mut total = 0;
        while self.turn(end)? {
            for event in &self.events {
                let client = &mut self.clients[event.token().0];
                if let Progress::Answered(answers @ 1..) = client.handle(event, &mut self.shared)? {
                    client.send(answers, &self.shared.script)?;
                    total += answers as u64;
                }
            }
        }
        Ok(total)
    }

    /// Waits for events; false once `end` has passed.
    fn turn(&mut self, end: Instant) -> Result<bool, String> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        match self.poll.poll(&mut self.events, Some(left)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => Err(format!("epoll: {error}")),
            _ => Ok(true),
        }
    }
}

fn report_cpu(count: u64, usage: &Usage) -> Result<String, String> {
    if count == 0 {
        return Err("nothing was answered in the measured window".into());
    }
    let wall = usage.wall.as_secs_f64();
    Ok(format!(
        "{{\"count\":{count},\"seconds\":{wall:.4},\"per_second\":{:.0},\"server_cpu_ns\":{:.1},\
         \"generator_cpu_ns\":{:.1},\"server_share\":{:.3},\"generator_share\":{:.3}}}",
        count as f64 / wall,
        usage.server.as_nanos() as f64 / count as f64,
        usage.generator.as_nanos() as f64 / count as f64,
        usage.server.as_secs_f64() / wall,
        usage.generator.as_secs_f64() / wall,
    ))
}

fn parse_seconds(word: &str) -> Result<Duration, String> {
    let seconds: f64 = word.parse().map_err(|error| format!("{word}: {error}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("{word}: {error}"))
}

fn raise_descriptor_limit() -> Result<(), String> {
    let raise = || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    };
    raise().map_err(|error| format!("raise the descriptor limit: {error}"))
}

const USAGE: &str = "usage: generator ADDR:PORT PATH SERVER_PID A|B|C|D|E|F|L|M SECONDS [WARMUP_SECONDS]";

const PLANS: [Plan; 8] = [
    Plan { name: "A", connections: 64, message_bytes: 16, script: 64, kind: Kind::Messages { in_flight: 1 } },
    Plan { name: "B", connections: 64, message_bytes: 16, script: 64, kind: Kind::Messages { in_flight: 16 } },
    Plan { name: "C", connections: 64, message_bytes: 16 << 10, script: 4, kind: Kind::Messages { in_flight: 1 } },
    Plan { name: "D", connections: 10_000, message_bytes: 16, script: 64, kind: Kind::Messages { in_flight: 1 } },
    Plan { name: "E", connections: 10_000, message_bytes: 16, script: 64, kind: Kind::Memory },
    Plan { name: "F", connections: 32, message_bytes: 16, script: 64, kind: Kind::Connects },
    Plan { name: "L", connections: 1, message_bytes: 16, script: 64, kind: Kind::Latency },
    Plan { name: "M", connections: 5_000, message_bytes: 16, script: 64, kind: Kind::Memory },
];

/// Connections being opened at one time: below the shortest accept queue of the peers, so that no SYN is dropped.
const OPENING_MAX: usize = 64;
const OPEN_TIMEOUT: Duration = Duration::from_secs(120);
const MEMORY_WARM_CONNECTIONS: usize = 64;
/// Larger than anything that is in flight on one connection.
const READ_BUFFER_BYTES: usize = 256 << 10;
