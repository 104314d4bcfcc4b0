//! The screen on a terminal that keeps what is drawn.

use std::{collections::BTreeMap, time::Duration};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend, style::Color};
use wigwag_load::{
    Account, Heat, Snapshot,
    plan::FaultKind,
    snapshot::{
        Bytes, Connections, FaultAccount, Health, Latencies, Mark, MarkKind, Phase, Progress, Saturation,
        SaturationKind, Second, WorkerHealth,
    },
};

use super::{
    View, draw,
    keys::{Action, action},
    style::Style,
};

#[test]
fn everything_fits_on_80_by_24() {
    let screen = screen(&running(), 80, 24);
    for expected in [
        "wigwag load  ws://127.0.0.1:8765/random",
        "sending  0:12",
        "63 %  63,120 of 100,000 sent, 0:07 left",
        "10,000 open",
        "12.4 k msg/s",
        "p99",
        "63,120 sent = 62,864 ok + 256 outstanding",
        "lost  reordered",
        "unsolicited",
        "errors     none",
        "CPU 58 % at most",
        "p pause   s stop   ? help",
    ] {
        assert!(screen.contains(expected), "{expected:?} is missing in\n{screen}");
    }
}

#[test]
fn on_a_small_terminal_what_matters_most_is_there_whole() {
    let parts = [
        (3, vec!["wigwag load"]),
        (5, vec!["wigwag load", "63,120 sent = ", "p pause"]),
        (7, vec!["63,120 sent = ", "lost", "p pause"]),
        (10, vec!["63,120 sent = ", "lost", "63 %", "errors", "CPU 58 %", "p pause"]),
        (17, vec!["10,000 open", "p99", "63,120 sent = ", "lost", "63 %", "errors", "CPU 58 %", "p pause"]),
    ];
    for (height, expected) in parts {
        let screen = screen(&running(), 60, height);
        for expected in expected {
            assert!(screen.contains(expected), "{expected:?} is missing in {height} lines:\n{screen}");
        }
    }
    let mut snapshot = running();
    snapshot.errors = BTreeMap::from([("closed 1011".to_owned(), 400), ("reset".to_owned(), 12)]);
    let screen = screen(&snapshot, 60, 9);
    assert!(screen.contains("400  closed 1011") && !screen.contains("reset"), "{screen}");
}

#[test]
fn what_is_wrong_is_named_with_its_number() {
    let mut snapshot = running();
    snapshot.account.ok -= 39;
    (snapshot.account.lost, snapshot.account.altered) = (37, 2);
    snapshot.connections.lost = 412;
    snapshot.errors =
        BTreeMap::from([("closed 1011\x1b[2J".to_owned(), 400), ("reset".to_owned(), 12), ("x".to_owned(), 1)]);
    snapshot.faults = vec![FaultAccount {
        kind: FaultKind::Malformed,
        planned: 37,
        injected: 20,
        detected: 20,
        borne: 0,
        reactions: BTreeMap::new(),
    }];
    snapshot.marks = vec![Mark { at: 9.5, kind: MarkKind::Fault, text: "malformed 20".to_owned() }];
    snapshot.health.saturated =
        vec![Saturation { kind: SaturationKind::Cpu, text: "the workers used 99 % of their cores".to_owned() }];
    let screen = screen(&snapshot, 80, 24);
    for expected in [
        "62,825 ok + 37 lost + 2 altered + 256 outstanding",
        "412 lost, 0 failed",
        "400  closed 1011\\u{1b}[2J",
        "12  reset  (+1 kinds)",
        "malformed 20/37",
        "saturated: the workers used 99 %",
    ] {
        assert!(screen.contains(expected), "{expected:?} is missing in\n{screen}");
    }
}

#[test]
fn a_fan_out_shows_its_skew() {
    let mut snapshot = running();
    let mut skew = wigwag_load::Latency::default();
    skew.record(Duration::from_millis(7));
    let shape = "2:1:50".parse().expect("a shape");
    snapshot.fan_out = Some(wigwag_load::outcome::FanReport { shape, publications: 1_234, complete: 1_230, skew });
    let screen = screen(&snapshot, 80, 24);
    assert!(screen.contains("1,230 came to all, first to last p50 7.00 ms p99 7.00 ms"), "{screen}");
}

#[test]
fn any_size_is_drawn_without_a_panic() {
    for width in [0, 1, 2, 5, 17, 40, 79, 80, 133, 250] {
        for height in [0, 1, 3, 8, 15, 16, 24, 50, 100] {
            for snapshot in [running(), opening()] {
                let mut view = view();
                view.help = height % 2 == 0;
                drawn(&snapshot, &view, width, height);
            }
        }
    }
}

#[test]
fn a_run_that_opens_shows_its_connections_and_no_figures_that_are_not_known() {
    let screen = screen(&opening(), 80, 24);
    assert!(screen.contains("1,200 of 10,000 connections open"), "{screen}");
    assert!(screen.contains("appears with the first answers") && screen.contains('–'), "{screen}");
}

#[test]
fn without_colours_there_are_none() {
    let mut view = view();
    let colored = |view: &View| {
        let terminal = drawn(&running(), view, 80, 24);
        terminal.backend().buffer().content().iter().filter(|cell| cell.fg != Color::Reset).count()
    };
    assert!(colored(&view) > 0);
    view.style.colors = false;
    assert_eq!(colored(&view), 0);
}

#[test]
fn keys_steer_the_run() {
    let mut snapshot = running();
    let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
    assert_eq!(action(key(KeyCode::Char('p')), &snapshot), Action::Pause);
    assert_eq!(action(key(KeyCode::Char('q')), &snapshot), Action::Stop);
    assert_eq!(action(key(KeyCode::Char('s')), &snapshot), Action::Stop);
    assert_eq!(action(key(KeyCode::Char('?')), &snapshot), Action::Help);
    assert_eq!(action(key(KeyCode::Char('+')), &snapshot), Action::NoRate);
    assert_eq!(action(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &snapshot), Action::Interrupt);
    snapshot.paused = true;
    assert_eq!(action(key(KeyCode::Char('p')), &snapshot), Action::Resume);
    snapshot.rate_asked = Some(10_000.0);
    assert_eq!(action(key(KeyCode::Char('+')), &snapshot), Action::Rate(11_000.0));
    snapshot.rate_asked = Some(11_000.0);
    assert_eq!(action(key(KeyCode::Char('-')), &snapshot), Action::Rate(10_000.0));
    snapshot.phase = Phase::Draining;
    snapshot.paused = false;
    assert_eq!(action(key(KeyCode::Char('p')), &snapshot), Action::Nothing);
}

#[test]
fn a_paused_run_says_so_and_how_to_go_on() {
    let mut snapshot = running();
    snapshot.paused = true;
    let screen = screen(&snapshot, 80, 24);
    assert!(screen.contains("paused  0:12") && screen.contains("p resume"), "{screen}");
    assert!(!screen.contains("left"), "{screen}");
}

fn view() -> View {
    View { url: "ws://127.0.0.1:8765/random".to_owned(), style: Style { colors: true }, help: false, notice: None }
}

fn drawn(snapshot: &Snapshot, view: &View, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal in memory");
    terminal.draw(|frame| draw::draw(frame, snapshot, view)).expect("drawn in memory");
    terminal
}

fn screen(snapshot: &Snapshot, width: u16, height: u16) -> String {
    drawn(snapshot, &view(), width, height).backend().to_string()
}

fn running() -> Snapshot {
    let mut latencies = Latencies::default();
    let mut now = Heat::default();
    let recent: Vec<Second> = (0..13)
        .map(|at| {
            let mut second = Second { answered: 12_000 + at * 100, ..Second::default() };
            for step in 0..200u64 {
                let nanos = 300_000 + step * step * 400;
                second.heat.record_nanos(nanos);
                latencies.intended.record_nanos(nanos);
                now.record_nanos(nanos);
            }
            second
        })
        .collect();
    let worker = WorkerHealth { cpu: 0.58, waiting: 0.0, stall_max: Duration::from_millis(3) };
    Snapshot {
        phase: Phase::Running,
        paused: false,
        stopping: false,
        elapsed: Duration::from_secs(12),
        sending: Duration::from_secs(12),
        progress: Progress {
            messages: Some(100_000),
            duration: None,
            share: 0.6312,
            left: Some(Duration::from_secs(7)),
        },
        account: Account {
            sent: 63_120,
            outstanding: 256,
            ok: 62_864,
            arrivals: 62_864,
            answers: 62_864,
            ..Account::default()
        },
        connections: Connections { wanted: 10_000, open: 10_000, opened: 10_000, ..Connections::default() },
        rate_asked: None,
        rate_now: Some(12_431.0),
        rate_mean: 12_000.0,
        in_flight: 256,
        now,
        latencies,
        recent,
        marks: Vec::new(),
        health: Health {
            workers: vec![worker; 2],
            stall_max: Duration::from_millis(3),
            descriptors: 10_012,
            descriptors_max: 20_000,
            ..Health::default()
        },
        errors: BTreeMap::new(),
        bytes: Bytes { sent: 4_000_000, received: 4_200_000 },
        faults: Vec::new(),
        fan_out: None,
    }
}

fn opening() -> Snapshot {
    let connections =
        Connections { wanted: 10_000, opening: 256, open: 1_200, opened: 1_200, ..Connections::default() };
    Snapshot {
        phase: Phase::Opening,
        sending: Duration::ZERO,
        account: Account::default(),
        connections,
        rate_now: None,
        rate_mean: 0.0,
        in_flight: 0,
        now: Heat::default(),
        latencies: Latencies::default(),
        recent: Vec::new(),
        progress: Progress::default(),
        ..running()
    }
}
