//! One worker of a run: its simulated clients, on one thread with one reactor. What the callbacks of their connections
//! and the pacer do is here, under one lock that only snapshots ever contend for.
//!
//! | room | holds |
//! |---|---|
//! | `absence` | waits of the open loop in which no connection is open |
//! | `client` | a simulated client's state |
//! | `fanning` | fan-out: who subscribes and who publishes when |
//! | `member` | the service of one connection, and the pacer: the ways in |
//! | `opening` | opening, retiring and closing connections, and what their ends mean |
//! | `playing` | scenarios: each client's way through the steps of a script |
//! | `sending` | the closed loop, the open loop, pauses for thought |

mod absence;
mod client;
mod fanning;
mod member;
mod opening;
mod playing;
mod sending;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use wigwag_net::{Connect, Turn};

use self::{
    absence::Absence,
    client::{Client, State},
};
pub(crate) use self::{
    member::{Beat, Shared},
    opening::{NO_PORT, TOO_MANY_FILES},
};
use crate::{
    control::{Control, Tempo},
    descriptors,
    health::Behind,
    ledger::{Ledger, Rules},
    plan::{CheckedPlan, Think},
    shape::{Crowd, Schedule, share},
    snapshot::{Connections, Phase},
};

/// What all workers of a run are told at its start.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) plan: CheckedPlan,
    pub(crate) rules: Arc<Rules>,
    pub(crate) control: Arc<Control>,
    pub(crate) crowd: Crowd,
    /// How to connect, the addresses left out.
    pub(crate) connect: Connect,
    /// In the order in which to try them.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The addresses are several servers, used in turn: each connection begins with the next.
    pub(crate) are_servers: bool,
    /// Local addresses, used in turn; may be empty.
    pub(crate) sources: Vec<IpAddr>,
}

/// One worker's clients and what they have done.
pub(crate) struct Core {
    job: Arc<Job>,
    index: u32,
    pub(crate) ledger: Ledger,
    clients: Vec<Client>,
    /// Open connections, in no order; a client knows its place.
    open: Vec<u32>,
    pub(crate) connections: Connections,
    pub(crate) errors: BTreeMap<String, u64>,
    /// When the first connection of the running second died.
    pub(crate) first_death: Option<u64>,
    /// The thread has a table of file descriptors that nobody else uses.
    pub(crate) has_own_table: bool,
    /// The thread's number, as the system knows it.
    pub(crate) thread: Option<u32>,
    /// The longest the pacer was late.
    pub(crate) stall_max: Duration,
    /// Times that a message was due and every connection's queue was full: the server's doing, not ours.
    held_back: u64,
    pub(crate) absence: Absence,
    /// Clients below this have all been born.
    unborn_from: u32,
    /// Attempts to open a connection, first ones only.
    attempts: u64,
    /// When to open again, and whom.
    reopen: BinaryHeap<Reverse<(u64, u32)>>,
    /// When clients that are to be opened again died.
    died: HashMap<u32, u64>,
    /// Messages of the closed loop that are not sent; `None` where their number does not end the run.
    pending: Option<u64>,
    quota: Option<Quota>,
    /// Messages that will never be sent: their client is gone for good.
    pub(crate) abandoned: u64,
    schedule: Option<Schedule>,
    /// When messages were read last, also in the run's time.
    read_at: (Instant, u64),
    /// When sending ends, in nanoseconds since the run began.
    deadline: u64,
    /// Whose turn it is in the open loop, as a place in `open`.
    turn_of: usize,
    /// Until when who thinks, and since which opening.
    thinking: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// Who publishes in a fan-out; empty where there is none.
    publishers: Vec<u32>,
    /// How far each client is in its script; empty where there is none.
    players: Vec<playing::Player>,
    /// When players go on by themselves.
    timers: BinaryHeap<Reverse<(u64, u32)>>,
    /// Who has messages to send and a full queue.
    blocked: Vec<u32>,
    /// Clients below this have been started.
    started_upto: u32,
    has_begun: bool,
    tempo: Tempo,
    tempo_changes: u32,
    /// Whose messages are looked at next for the time-out.
    swept_upto: u32,
    random: fastrand::Rng,
}

/// How many messages each client sends in the closed loop: `each`, and the first `more` of the run one more.
#[derive(Clone, Copy)]
struct Quota {
    each: u64,
    more: u64,
}

impl Quota {
    fn of(plan: &CheckedPlan) -> Option<Self> {
        let (asked, all) = (plan.plan(), u64::from(plan.connections_max));
        match (asked.per_connection, asked.messages) {
            (Some(each), _) => Some(Self { each, more: 0 }),
            (None, Some(messages)) => Some(Self { each: messages / all, more: messages % all }),
            (None, None) => None,
        }
    }
}

impl Core {
    pub(crate) fn new(job: Arc<Job>, index: u32) -> Self {
        let workers = job.plan.workers as u32;
        let own = share(job.plan.connections_max, index, workers);
        let tempo = job.control.tempo();
        let mut core = Self {
            index,
            ledger: Ledger::new(job.rules.clone(), index, own),
            clients: std::iter::repeat_with(Client::default).take(own as usize).collect(),
            open: Vec::new(),
            connections: Connections::default(),
            errors: BTreeMap::new(),
            first_death: None,
            has_own_table: false,
            thread: None,
            stall_max: Duration::ZERO,
            held_back: 0,
            absence: Absence::default(),
            unborn_from: 0,
            attempts: 0,
            reopen: BinaryHeap::new(),
            died: HashMap::new(),
            pending: None,
            quota: Quota::of(&job.plan),
            abandoned: 0,
            schedule: None,
            read_at: (job.control.origin, 0),
            deadline: u64::MAX,
            turn_of: 0,
            thinking: BinaryHeap::new(),
            publishers: Vec::new(),
            players: vec![playing::Player::default(); if job.rules.script.is_some() { own as usize } else { 0 }],
            timers: BinaryHeap::new(),
            blocked: Vec::new(),
            started_upto: 0,
            has_begun: false,
            tempo,
            tempo_changes: 0,
            swept_upto: 0,
            random: fastrand::Rng::with_seed(crate::payload::mix(job.plan.seed, index, u32::MAX)),
            job,
        };
        if tempo.rate.is_none() && core.players.is_empty() {
            core.pending = (0..own).map(|local| core.quota(local)).sum();
        }
        core
    }

    /// To be called once on the worker's thread, before anything is opened there.
    fn settle_in(&mut self) {
        // Where the system does not allow it, the process's table has to do, and connections fail when it is full.
        self.has_own_table = self.job.plan.own_tables && descriptors::own_table();
        self.thread = crate::health::this_thread();
    }

    /// One beat of the pacer; gives when the next one is wanted.
    fn beat(&mut self, turn: &mut Turn<'_>, shared: &Shared) -> Option<Instant> {
        let control = self.job.control.clone();
        let now = control.now();
        for note in control.take_notes(self.index) {
            let arrived = self.ledger.resolve(&note);
            self.follow(arrived, turn, now);
        }
        let next = match control.phase() {
            Phase::Opening => {
                self.open_wanted(turn, shared, now);
                None
            }
            Phase::Running => {
                self.begin(now);
                self.open_wanted(turn, shared, now);
                self.retire(turn, now);
                self.sweep(turn, now);
                self.drive(turn, now)
            }
            Phase::Draining => {
                self.sweep(turn, now);
                self.wake_players(turn, now)
            }
            Phase::Closing => {
                self.close_some(turn, now);
                None
            }
            Phase::Done => return None,
        };
        self.flush_records();
        let idle = now + BEAT_NANOS;
        Some(control.origin + Duration::from_nanos(next.unwrap_or(idle).min(idle)))
    }

    /// Whether every connection that was wanted at the start has been tried.
    pub(crate) fn has_tried_all(&self) -> bool {
        self.unborn_from as usize >= self.clients.len() && self.connections.opening == 0
    }

    /// Whether nothing is left to be sent.
    pub(crate) fn has_sent_all(&self) -> bool {
        match (&self.schedule, self.pending) {
            _ if !self.players.is_empty() => self.has_played_all(),
            (Some(schedule), _) => schedule.left() == Some(0),
            (None, Some(pending)) => pending == 0,
            (None, None) => false,
        }
    }

    /// Whether no connection is left, and none will come.
    pub(crate) fn is_deserted(&self) -> bool {
        let now = self.connections;
        now.open + now.opening == 0 && self.reopen.is_empty() && self.unborn_from as usize >= self.clients.len()
    }

    /// Whether no connection is open, opening or closing.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.iter().all(|client| !client.state.has_socket())
    }

    /// How far behind the schedule this worker is.
    pub(crate) fn behind(&self, now: u64) -> Behind {
        let Some(due) = self.schedule.as_ref().and_then(Schedule::due) else { return Behind::default() };
        let nanos = now.min(self.deadline).saturating_sub(due);
        Behind { nanos, own_nanos: self.absence.unexplained(nanos, due) }
    }

    /// How long the server's full queues have kept messages back, in nanoseconds.
    pub(crate) fn held_nanos(&self) -> u64 {
        self.held_back * sending::BUSY_NANOS
    }

    /// Messages that were to be sent and were not.
    pub(crate) fn unsent(&self) -> u64 {
        self.abandoned + self.schedule.as_ref().and_then(Schedule::left).or(self.pending).unwrap_or(0)
    }

    /// The end, first part: answers that came on others' connections are entered.
    pub(crate) fn finish_notes(&mut self) {
        for note in self.job.control.take_notes(self.index) {
            self.ledger.resolve(&note);
        }
    }

    /// The end, second part: what is left is in doubt.
    pub(crate) fn finish(&mut self) {
        for local in 0..self.clients.len() as u32 {
            self.ledger.end(local, crate::ledger::End::Died);
        }
        self.ledger.finish();
        self.flush_records();
    }

    fn flush_records(&mut self) {
        if let Some(recorder) = self.job.plan.plan().recorder.as_ref().filter(|_| !self.ledger.records.is_empty()) {
            recorder.0.record(&self.ledger.records);
            self.ledger.records.clear();
        }
    }

    fn draw(&mut self, think: Think) -> u64 {
        let (least, most) = (crate::shape::nanos(think.least), crate::shape::nanos(think.most));
        self.random.u64(least..=most)
    }

    fn set_state(&mut self, local: u32, state: State, now: u64) {
        let client = &mut self.clients[local as usize];
        client.state = state;
        client.since = now;
    }
}

/// The pacer comes at least this often, in nanoseconds.
const BEAT_NANOS: u64 = 5_000_000;
