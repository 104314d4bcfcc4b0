//! Faults that the tester injects itself, against servers that notice them, bear them, or give no chance for them: what the
//! account says is what the server did.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use wigwag_load::{
    Outcome, Plan, Run,
    plan::{
        Backoff, Expect,
        FaultKind::{self, CutFrame, HalfOpen, Malformed, SlowReader},
        Payload,
    },
    snapshot::{FaultAccount, MarkKind},
};

use crate::wire::{CLOSE, TEXT, frame, read_frame, shake_hands};

/// What a server does about bad clients. It echoes what the others say.
#[derive(Clone, Copy, Default)]
struct Manners {
    /// Goes on where it should end the connection.
    bears_breaches: bool,
    /// Reads long messages without an answer.
    takes_everything: bool,
    /// Ends connections after a half-open one's message.
    gives_up: bool,
    /// Takes no more connections than this.
    connections_max: usize,
}

const STRICT: Manners =
    Manners { bears_breaches: false, takes_everything: false, gives_up: true, connections_max: usize::MAX };
const TOLERANT: Manners =
    Manners { bears_breaches: true, takes_everything: true, gives_up: false, connections_max: usize::MAX };

fn start(manners: Manners) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let taken = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if taken.fetch_add(1, Relaxed) < manners.connections_max {
                thread::spawn(move || serve(stream, manners));
            }
        }
    });
    address
}

fn serve(mut stream: TcpStream, manners: Manners) {
    if shake_hands(&mut stream).is_err() {
        return;
    }
    let mut input = BufReader::new(stream.try_clone().expect("a socket"));
    loop {
        // The tester writes whole frames, or their first halves: two bytes come together.
        let Some(start) = input.fill_buf().ok().and_then(|bytes| bytes.first_chunk::<2>().copied()) else { return };
        let is_plain = matches!(start[0], 0x81 | 0x88) && start[1] & 0x80 != 0;
        let Some((opcode, payload)) = is_plain.then(|| read_frame(&mut input).ok()).flatten().filter(is_allowed) else {
            if manners.bears_breaches {
                let _ = input.read_to_end(&mut Vec::new());
            }
            return;
        };
        let is_last = opcode == CLOSE || (manners.gives_up && payload == b"the last that is heard of me");
        if manners.takes_everything && payload.len() > 1000 {
            continue;
        }
        if stream.write_all(&frame(opcode, &payload)).is_err() || is_last {
            return;
        }
    }
}

fn is_allowed((opcode, payload): &(u8, Vec<u8>)) -> bool {
    match *opcode {
        TEXT => std::str::from_utf8(payload).is_ok(),
        _ => payload.is_empty() || payload.starts_with(&1000u16.to_be_bytes()),
    }
}

fn run(server: SocketAddr, faults: &[&str], change: impl FnOnce(&mut Plan)) -> Outcome {
    let faults = faults.iter().map(|text| text.parse().expect(text)).collect();
    let url = format!("ws://{server}/").parse().expect("a URL");
    let mut plan = Plan { connections: 4, messages: Some(20), workers: Some(1), faults, ..Plan::to(url) };
    change(&mut plan);
    let run = Run::start(plan.check().expect("a valid plan")).expect("started");
    run.wait_for(Duration::from_secs(60)).expect("over in time")
}

/// Planned, injected, detected, borne.
fn counts(outcome: &Outcome) -> BTreeMap<FaultKind, [u64; 4]> {
    let of = |one: &FaultAccount| (one.kind, [one.planned, one.injected, one.detected, one.borne]);
    outcome.faults.iter().map(of).collect()
}

#[test]
fn a_server_that_reacts_is_seen_to_react() {
    let outcome = run(start(STRICT), &["malformed:14", "cut-frame:3", "slow-reader:2", "half-open:2"], |_| ());
    let expected =
        [(SlowReader, [2, 2, 2, 0]), (HalfOpen, [2, 2, 2, 0]), (CutFrame, [3, 3, 3, 0]), (Malformed, [14, 14, 14, 0])];
    assert_eq!(counts(&outcome), BTreeMap::from(expected), "{:?}", outcome.faults);
    assert_eq!((outcome.judgement.exit_code, outcome.unexplained), (0, 0), "{:?}", outcome.judgement);
    let slow = &outcome.faults.iter().find(|fault| fault.kind == SlowReader).expect("planned").reactions;
    assert_eq!(slow.get("held up: the server stopped reading"), Some(&2), "{slow:?}");
}

#[test]
fn a_server_that_bears_everything_is_not_said_to_have_noticed() {
    let outcome = run(start(TOLERANT), &["malformed:7", "slow-reader:2", "half-open:2"], |_| ());
    let expected = [(SlowReader, [2, 2, 0, 2]), (HalfOpen, [2, 2, 0, 2]), (Malformed, [7, 7, 0, 0])];
    assert_eq!(counts(&outcome), BTreeMap::from(expected), "{:?}", outcome.faults);
    assert_eq!(outcome.judgement.exit_code, 3, "{:?}", outcome.judgement);
    assert_eq!(outcome.judgement.reasons, ["7 of 7 faults (malformed) were not noticed by the server"]);
}

#[test]
fn few_messages_wait_for_many_faults() {
    let outcome = run(start(STRICT), &["malformed:40"], |plan| plan.messages = Some(4));
    assert_eq!(counts(&outcome)[&Malformed], [40, 40, 40, 0]);
    assert_eq!(outcome.judgement.exit_code, 0, "{:?}", outcome.judgement);
}

#[test]
fn what_was_not_injected_is_not_passed() {
    let server = start(Manners { connections_max: 4, ..STRICT });
    let outcome = run(server, &["malformed:3"], |_| ());
    assert_eq!(counts(&outcome)[&Malformed], [3, 0, 0, 0]);
    assert_eq!(outcome.judgement.exit_code, 5, "{:?}", outcome.judgement);
    assert!(outcome.judgement.reasons[0].starts_with("3 of 3 faults (malformed) not injected"));
}

#[test]
fn a_mark_counts_deaths_and_no_attempts_that_failed() {
    let server = start(Manners { connections_max: 4, ..STRICT });
    let outcome = run(server, &[], |plan| {
        plan.payload = Payload::Template("the last that is heard of me".parse().expect("a template"));
        plan.expect = Expect::Nothing;
        (plan.messages, plan.duration) = (None, Some(Duration::from_millis(1500)));
        plan.reconnect = Some(Backoff { first: Duration::from_millis(5), most: Duration::from_millis(20) });
    });
    assert_eq!(outcome.connections.lost, 4);
    assert!(outcome.connections.failed > 0, "{:?}", outcome.connections);
    let marks = outcome.timeline.marks.iter().filter(|mark| mark.kind == MarkKind::Lost);
    let numbers = marks.map(|mark| mark.text.split(' ').next().and_then(|number| number.parse::<u64>().ok()));
    assert_eq!(numbers.sum::<Option<u64>>(), Some(4), "{:?}", outcome.timeline.marks);
    assert_eq!(outcome.timeline.stretches.iter().map(|second| second.lost).sum::<u64>(), 4);
}
