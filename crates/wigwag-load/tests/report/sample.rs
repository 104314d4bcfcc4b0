//! Made-up outcomes: a pass, a fail with faults, an inconclusive. Figures are drawn from a fixed seed, and add up.

use std::{collections::BTreeMap, time::Duration};

use wigwag_load::{
    account::{Account, Class},
    outcome::{Difference, Environment, FORMAT, JudgedThreshold, Judgement, Offender, Outcome, Timeline, Verdict},
    plan::{FaultKind, PlanEcho},
    snapshot::{
        Bytes, Connections, FaultAccount, Health, Latencies, Mark, MarkKind, Saturation, SaturationKind, Second,
        WorkerHealth,
    },
};

/// Ten seconds of 20,000 messages each on 10,000 connections; everything ok, nothing asked besides.
pub(crate) fn pass() -> Outcome {
    let settings = [("url", "ws://127.0.0.1:8765/random"), ("connections", "10000"), ("duration", "10s")];
    let mut made = Made::new(7, 10, |_| 20_000, |at| 400e-6 + 40e-6 * f64::from(at));
    made.outcome.plan = echo(&settings);
    made.outcome.judgement.reasons =
        vec!["every message was answered once, unaltered, in order and in time".to_owned()];
    made.outcome
}

/// Thirty seconds with faults; messages are lost, altered, late, doubled; some connections die.
pub(crate) fn fail() -> Outcome {
    let settings = [
        ("url", "ws://chat.example:9000/room?name=<b>&x='1'"),
        ("connections", "1000"),
        ("duration", "30s"),
        ("rate", "5000"),
        ("fault", "malformed:37,slow-reader:3"),
        ("header", "Authorization"),
        ("threshold", "p99<50ms,lost==0,rate>4k"),
        ("workers", "2"),
    ];
    let rate = |at: u32| if at == 17 { 2_600 } else { 5_000 };
    let mut made = Made::new(11, 30, rate, |at| if (17..20).contains(&at) { 0.04 } else { 0.0019 });
    let outcome = &mut made.outcome;
    outcome.plan = echo(&settings);
    outcome.rate_asked = Some(5_000.0);
    for (class, number) in [(Class::Lost, 37), (Class::Altered, 2), (Class::Late, 5), (Class::InDoubt, 412)] {
        outcome.account.ok -= number;
        outcome.account[class] += number;
    }
    outcome.account.arrivals -= 37 + 412;
    outcome.account.answers -= 37 + 412;
    outcome.account.duplicate = 13;
    outcome.account.arrivals += 13;
    outcome.connections.lost = 412;
    outcome.connections.closed -= 412;
    outcome.errors = BTreeMap::from([
        ("closed 1011: internal error".to_owned(), 400),
        ("reset by peer \x1b[31m<script>alert(1)</script>".to_owned(), 12),
    ]);
    outcome.offenders = offenders();
    outcome.faults = faults();
    outcome.unexplained = 12;
    outcome.timeline.marks = marks();
    for (at, second) in outcome.timeline.stretches.iter_mut().enumerate() {
        if at >= 17 {
            second.open -= 412;
        }
        (second.errors, second.offending) = if at == 17 { (412, 469) } else { (0, 0) };
    }
    outcome.judgement = Judgement {
        verdict: Verdict::Fail,
        exit_code: 3,
        reasons: vec![
            "37 of 147,600 messages were lost on connections that were properly closed".to_owned(),
            "2 answers were altered, 13 arrived twice".to_owned(),
            "412 messages are in doubt: their connections died".to_owned(),
        ],
        thresholds: vec![
            judged("p99<50ms", 0.0488, true),
            judged("lost==0", 37.0, false),
            judged("rate>4k", 4_904.0, true),
        ],
        broken: false,
        interrupted: false,
    };
    made.outcome
}

/// A rate that the generator could not reach.
pub(crate) fn inconclusive() -> Outcome {
    let settings =
        [("url", "ws://127.0.0.1:8765/random"), ("connections", "64"), ("duration", "15s"), ("rate", "500000")];
    let mut made = Made::new(13, 15, |_| 210_000, |at| 0.01 * f64::from(at + 1));
    let outcome = &mut made.outcome;
    outcome.plan = echo(&settings);
    outcome.rate_asked = Some(500_000.0);
    outcome.health.saturated = vec![
        Saturation {
            kind: SaturationKind::Cpu,
            text: "the workers used 99 % of their cores: add cores (-w)".to_owned(),
        },
        Saturation {
            kind: SaturationKind::SendLag,
            text: "1 % of messages were sent more than 148 ms late".to_owned(),
        },
    ];
    outcome.health.workers.iter_mut().for_each(|worker| worker.cpu = 0.99);
    outcome.health.send_lag_p99 = Duration::from_millis(148);
    outcome.judgement = Judgement {
        verdict: Verdict::Inconclusive,
        exit_code: 5,
        reasons: vec![
            "the generator was the limit: 500 k msg/s were asked for, 210 k msg/s could be sent".to_owned(),
            "no message was lost, altered or answered twice".to_owned(),
        ],
        thresholds: vec![judged("rate>400k", 210_000.0, false)],
        broken: false,
        interrupted: false,
    };
    made.outcome
}

/// A run of which nothing is known: no message was sent.
pub(crate) fn nothing() -> Outcome {
    let mut outcome = Made::new(1, 0, |_| 0, |_| 0.0).outcome;
    outcome.connections = Connections { wanted: 10, failed: 10, ..Connections::default() };
    outcome.errors = BTreeMap::from([("connection refused".to_owned(), 10)]);
    outcome.judgement.verdict = Verdict::Fail;
    outcome.judgement.reasons = vec!["no connection could be opened".to_owned()];
    outcome
}

struct Made {
    outcome: Outcome,
}

impl Made {
    fn new(seed: u64, seconds: u32, rate: impl Fn(u32) -> u64, typical: impl Fn(u32) -> f64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut latencies = Latencies::default();
        let mut stretches = Vec::new();
        let mut sent = 0;
        for at in 0..seconds {
            let count = rate(at);
            sent += count;
            let mut second = Second {
                sent: count,
                answered: count,
                open: 1_000,
                in_flight: 200 + random.u64(..50),
                bytes_out: count * 70,
                bytes_in: count * 73,
                cpu: 1.1 + random.f64() * 0.1,
                stall: 0.002 + random.f64() * 0.001,
                ..Second::default()
            };
            for _ in 0..count.min(2_000) {
                let nanos = slow(typical(at), &mut random);
                let lag = nanos / 20;
                second.heat.record_nanos(nanos + lag);
                second.lag.record_nanos(lag);
                latencies.intended.record_nanos(nanos + lag);
                latencies.service.record_nanos(nanos);
                latencies.lag.record_nanos(lag);
            }
            stretches.push(second);
        }
        for _ in 0..if seconds > 0 { 1_000 } else { 0 } {
            let nanos = slow(300e-6, &mut random);
            latencies.connect.record_nanos(nanos / 3);
            latencies.handshake.record_nanos(nanos - nanos / 3);
            latencies.open.record_nanos(nanos);
        }
        Self { outcome: outcome(seed, sent, f64::from(seconds), stretches, latencies) }
    }
}

/// A time around the typical one with a long tail.
fn slow(typical: f64, random: &mut fastrand::Rng) -> u64 {
    let tail = -(1.0 - random.f64()).ln();
    (typical * 1e9 * (0.6 + 0.4 * tail + 0.02 * tail.powi(3))) as u64
}

fn outcome(seed: u64, sent: u64, seconds: f64, stretches: Vec<Second>, latencies: Latencies) -> Outcome {
    Outcome {
        format: FORMAT,
        judgement: Judgement {
            verdict: Verdict::Pass,
            exit_code: 0,
            reasons: Vec::new(),
            thresholds: Vec::new(),
            broken: false,
            interrupted: false,
        },
        account: Account { sent, ok: sent, arrivals: sent, answers: sent, ..Account::default() },
        unsent: 0,
        latencies,
        rate: if seconds > 0.0 { sent as f64 / seconds } else { 0.0 },
        rate_asked: None,
        fan_out: None,
        bytes: Bytes { sent: sent * 70, received: sent * 73 },
        connections: Connections {
            wanted: 1_000,
            opened: 1_000,
            closed: 1_000,
            open_max: 1_000,
            ..Connections::default()
        },
        errors: BTreeMap::new(),
        offenders: Vec::new(),
        faults: Vec::new(),
        unexplained: 0,
        health: health(),
        timeline: Timeline { stretch: 1.0, stretches, marks: Vec::new() },
        plan: PlanEcho::default(),
        seed,
        expect: "suffix".to_owned(),
        started_unix: 1_795_248_000.25,
        elapsed: Duration::from_secs_f64(seconds + 1.5),
        sending: Duration::from_secs_f64(seconds),
        environment: Environment {
            version: "0.1.0".to_owned(),
            system: "Linux 6.1".to_owned(),
            architecture: "x86_64".to_owned(),
            processor: "Some Processor 9000".to_owned(),
            cores: 2,
            host: "quay".to_owned(),
        },
    }
}

fn health() -> Health {
    let worker = WorkerHealth { cpu: 0.58, waiting: 0.01, stall_max: Duration::from_millis(3) };
    Health {
        workers: vec![worker; 2],
        send_lag_p99: Duration::from_micros(240),
        stall_max: Duration::from_millis(3),
        descriptors: 1_012,
        descriptors_max: 20_000,
        ports: 1_000,
        ports_max: 28_232,
        memory_bytes: 21 << 20,
        client_bytes: 1_331,
        messages_per_cpu_second: 212_000.0,
        saturated: Vec::new(),
    }
}

fn offenders() -> Vec<Offender> {
    let difference = Difference {
        at: 17,
        from: 5,
        expected: "a3 000007 0012c checksum=9f31".to_owned(),
        got: "a3 000007 00<b>x checksum=9f31".to_owned(),
        expected_bytes: 64,
        got_bytes: 65,
    };
    let offender = |class, connection, sequence, note: &str, difference| Offender {
        class,
        connection,
        sequence,
        at: 17.31,
        note: note.to_owned(),
        difference,
    };
    vec![
        offender(Class::Altered, 7, Some(301), "", Some(difference)),
        offender(Class::Lost, 812, Some(88), "", None),
        offender(Class::Late, 3, Some(90), "answered 1.2 s after the time-out", None),
        offender(Class::Duplicate, 44, None, "answers message 12 of connection 44 again", None),
    ]
}

fn faults() -> Vec<FaultAccount> {
    vec![
        FaultAccount {
            kind: FaultKind::Malformed,
            planned: 37,
            injected: 37,
            detected: 37,
            borne: 0,
            reactions: BTreeMap::from([("closed 1002".to_owned(), 36), ("closed 1007".to_owned(), 1)]),
        },
        FaultAccount {
            kind: FaultKind::SlowReader,
            planned: 3,
            injected: 3,
            detected: 2,
            borne: 0,
            reactions: BTreeMap::new(),
        },
    ]
}

fn marks() -> Vec<Mark> {
    let mark = |at, kind, text: &str| Mark { at, kind, text: text.to_owned() };
    vec![
        mark(-0.5, MarkKind::Load, "1,000 connections"),
        mark(6.0, MarkKind::Fault, "slow-reader 1"),
        mark(12.0, MarkKind::Fault, "malformed 12"),
        mark(12.4, MarkKind::Fault, "malformed 13"),
        mark(17.2, MarkKind::Lost, "412 connections, \"lost\""),
    ]
}

fn judged(text: &str, actual: f64, held: bool) -> JudgedThreshold {
    JudgedThreshold { threshold: text.parse().expect("a valid threshold"), actual: Some(actual), held }
}

fn echo(settings: &[(&str, &str)]) -> PlanEcho {
    PlanEcho(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}
