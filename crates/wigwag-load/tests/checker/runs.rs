//! Runs as wholes, against a server without faults: shapes of load, hands on the handle, exit codes, reports.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    time::{Duration, Instant},
};

use wigwag_load::{
    Outcome, Plan, Run, RunHandle, Verdict,
    plan::{Backoff, Expect, Stage, Think, Threshold},
    snapshot::Phase,
};

use crate::server::{Deed, Faults, Server};

const DEADLINE: Duration = Duration::from_secs(30);

fn good() -> Faults {
    Faults {
        percent: BTreeMap::new(),
        cut_percent: 0,
        greet_percent: 0,
        late: Duration::ZERO,
        messages_each: u32::MAX,
        connections: usize::MAX,
        suffix: "",
    }
}

fn good_server() -> Server {
    Server::start(good())
}

fn plan(server: &Server) -> Plan {
    Plan { connections: 4, ..Plan::to(format!("ws://{}/", server.address).parse().expect("a URL")) }
}

fn start(plan: Plan) -> RunHandle {
    Run::start(plan.check().expect("a valid plan")).expect("started")
}

fn run(plan: Plan) -> Outcome {
    start(plan).wait_for(DEADLINE).expect("over in time")
}

#[track_caller]
fn wait_until(handle: &RunHandle, what: impl Fn(&wigwag_load::Snapshot) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !what(&handle.snapshot()) {
        assert!(Instant::now() < deadline, "not in time: {:#?}", handle.snapshot());
        std::thread::yield_now();
    }
}

#[test]
fn an_open_loop_sends_what_the_rate_and_the_time_ask_for() {
    let server = good_server();
    let outcome = run(Plan { rate: Some(2000.0), duration: Some(Duration::from_secs(1)), ..plan(&server) });
    // On a machine that is too busy the verdict may be inconclusive; what was sent must have been answered all the same.
    assert!(matches!(outcome.judgement.exit_code, 0 | 5), "{:?}", outcome.judgement);
    assert!(outcome.account.is_clean() && outcome.account.sent <= 2000, "{:?}", outcome.account);
    if outcome.judgement.exit_code == 0 {
        assert!(outcome.account.sent > 1800, "{:?}", outcome.account);
    }
    assert_eq!(outcome.latencies.lag.count(), outcome.account.sent);
    assert!(outcome.latencies.intended.quantile(0.5) >= outcome.latencies.service.min());
}

#[test]
fn an_open_loop_ends_with_its_number_of_messages() {
    let server = good_server();
    let outcome = run(Plan { rate: Some(5000.0), messages: Some(1001), ..plan(&server) });
    assert_eq!((outcome.account.sent, outcome.account.ok), (1001, 1001));
}

#[test]
fn a_number_of_messages_is_dealt_to_all_connections() {
    let server = good_server();
    let outcome = run(Plan { messages: Some(10), connections: 7, workers: Some(2), ..plan(&server) });
    assert_eq!((outcome.account.sent, outcome.account.ok, outcome.connections.open_max), (10, 10, 7));
    assert_eq!(server.done().received, 10);
}

#[test]
fn a_ramp_and_stages_open_and_close_connections_over_time() {
    let server = good_server();
    let stage = |millis, connections| Stage { over: Duration::from_millis(millis), connections };
    let outcome = run(Plan { stages: vec![stage(300, 20), stage(300, 20), stage(300, 2)], ..plan(&server) });
    assert_eq!(outcome.judgement.verdict, Verdict::Pass, "{:?}", outcome.judgement);
    assert!(outcome.connections.opened >= 20 && outcome.connections.closed == outcome.connections.opened);
    let outcome = run(Plan { ramp: Some(Duration::from_millis(200)), per_connection: Some(5), ..plan(&server) });
    assert_eq!((outcome.account.ok, outcome.judgement.exit_code), (20, 0));
}

#[test]
fn pauses_for_thought_lie_between_messages() {
    let server = good_server();
    let think = Think { least: Duration::from_millis(20), most: Duration::from_millis(30) };
    let outcome = run(Plan { think: Some(think), per_connection: Some(10), ..plan(&server) });
    assert_eq!((outcome.account.ok, outcome.judgement.exit_code), (40, 0));
    assert!(outcome.sending >= Duration::from_millis(9 * 20), "{:?}", outcome.sending);
}

#[test]
fn who_expects_no_answer_thinks_between_messages_all_the_same() {
    let server = Server::start(Faults { percent: BTreeMap::from([(Deed::Drop, 100)]), ..good() });
    let think = Think { least: Duration::from_millis(20), most: Duration::from_millis(30) };
    let plan = Plan { think: Some(think), per_connection: Some(10), expect: Expect::Nothing, ..plan(&server) };
    let outcome = run(plan);
    assert_eq!((outcome.account.ok, outcome.judgement.exit_code), (40, 0));
    assert!(outcome.sending >= Duration::from_millis(9 * 20), "{:?}", outcome.sending);
}

#[test]
fn a_stop_by_hand_loses_nothing_and_is_called_interrupted() {
    let server = good_server();
    let handle = start(Plan { duration: Some(DEADLINE), ..plan(&server) });
    wait_until(&handle, |now| now.account.ok > 100);
    handle.stop();
    let outcome = handle.wait_for(DEADLINE).expect("over in time");
    assert_eq!((outcome.judgement.exit_code, outcome.judgement.interrupted), (130, true));
    assert!(outcome.account.is_clean() && outcome.connections.closed == 4, "{outcome:#?}");
    assert_eq!(handle.snapshot().phase, Phase::Done);
}

#[test]
fn an_abort_ends_at_once_with_a_report_that_balances() {
    let server = good_server();
    let handle = start(Plan { duration: Some(DEADLINE), ..plan(&server) });
    wait_until(&handle, |now| now.account.ok > 100);
    handle.abort();
    let outcome = handle.wait_for(Duration::from_secs(10)).expect("over in time");
    assert_eq!(outcome.judgement.exit_code, 130);
    assert!(outcome.account.balances() && outcome.account.sent == outcome.account.settled(), "{:?}", outcome.account);
}

#[test]
fn what_an_abort_cuts_off_is_not_held_against_the_server() {
    let server = Server::start(Faults { percent: [(Deed::Drop, 100)].into(), ..good() });
    let handle = start(Plan { per_connection: Some(5), timeout: DEADLINE, ..plan(&server) });
    wait_until(&handle, |now| now.account.sent == 20);
    handle.stop();
    wait_until(&handle, |now| now.phase == Phase::Draining);
    handle.abort();
    let outcome = handle.wait_for(Duration::from_secs(10)).expect("over in time");
    assert_eq!((outcome.judgement.exit_code, outcome.judgement.verdict), (130, Verdict::Inconclusive));
    assert_eq!(
        outcome.judgement.reasons,
        ["interrupted after 20 messages", "4 connections were cut off by hand, 20 messages under way"]
    );
    assert_eq!((outcome.account.in_doubt, outcome.connections.lost, outcome.connections.cut), (20, 0, 4));
}

#[test]
fn a_pause_sends_nothing_and_a_new_rate_holds() {
    let server = good_server();
    let handle = start(Plan { rate: Some(1000.0), duration: Some(DEADLINE), ..plan(&server) });
    wait_until(&handle, |now| now.account.ok > 50);
    handle.pause();
    wait_until(&handle, |now| now.paused && now.in_flight == 0);
    let paused_at = handle.snapshot().account.sent;
    handle.set_rate(20_000.0);
    assert_eq!(handle.snapshot().rate_asked, Some(20_000.0));
    let sent_while_paused = handle.snapshot().account.sent - paused_at;
    assert!(sent_while_paused <= 1000, "{sent_while_paused}");
    handle.resume();
    wait_until(&handle, |now| now.account.sent > paused_at + 2000);
    handle.stop();
    let outcome = handle.wait_for(DEADLINE).expect("over in time");
    assert!(outcome.account.is_clean());
    let marks: Vec<_> = outcome.timeline.marks.iter().map(|mark| mark.text.as_str()).collect();
    assert_eq!(marks, ["paused", "rate 20000/s", "resumed"]);
}

#[test]
fn a_threshold_that_is_missed_fails_and_is_shown_with_its_figure() {
    let server = good_server();
    let thresholds = Threshold::parse_all("sent>1000,lost==0").expect("thresholds");
    let outcome = run(Plan { messages: Some(100), thresholds, ..plan(&server) });
    assert_eq!((outcome.judgement.verdict, outcome.judgement.exit_code), (Verdict::Fail, 4));
    assert_eq!(outcome.judgement.reasons, ["sent>1000 was missed: 100"]);
    assert_eq!(outcome.judgement.thresholds.iter().map(|one| one.held).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn where_nobody_listens_the_run_could_not_run() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let outcome = run(Plan { connections: 3, ..Plan::to(format!("ws://{free}/").parse().expect("a URL")) });
    assert_eq!((outcome.judgement.exit_code, outcome.connections.failed), (1, 3));
    assert!(outcome.judgement.reasons[0].contains("connection refused"), "{:?}", outcome.judgement);
}

#[test]
fn cut_connections_are_opened_again_where_that_is_asked_for() {
    let server = Server::start(Faults { cut_percent: 50, messages_each: 200, ..good() });
    let backoff = Backoff { first: Duration::from_millis(5), most: Duration::from_millis(50) };
    let outcome = run(Plan { connections: 20, per_connection: Some(300), reconnect: Some(backoff), ..plan(&server) });
    let (account, done) = (outcome.account, server.done());
    assert!(done.cuts > 0 && outcome.connections.lost == done.cuts, "{done:?} {outcome:#?}");
    assert_eq!((account.sent, account.in_doubt, account.ok), (6000, done.cut_off, done.answered));
    // Whoever had nothing left to send when its connection was cut may not have come back.
    let recovered = outcome.connections.recovered;
    assert!(recovered > 0 && recovered <= done.cuts && outcome.latencies.recovery.count() == recovered);
    assert_eq!(outcome.judgement.exit_code, 0, "{:?}", outcome.judgement);
}

#[test]
fn an_outcome_survives_json() {
    let server = good_server();
    let outcome = run(Plan { messages: Some(500), ..plan(&server) });
    let json = serde_json::to_string(&outcome).expect("serializable");
    let read: Outcome = serde_json::from_str(&json).expect("readable");
    assert_eq!((read.account, &read.judgement, &read.plan), (outcome.account, &outcome.judgement, &outcome.plan));
    assert_eq!(read.latencies.intended.count(), 500);
    assert_eq!(read.timeline.stretches.len(), outcome.timeline.stretches.len());
}

/// What is open in the process's table, by what it is.
fn descriptors() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("Linux");
    let links = entries.map(|entry| std::fs::read_link(entry.expect("an entry").path()));
    links.map(|link| link.unwrap_or_default().display().to_string()).collect()
}

/// In a process of its own, for its descriptors are counted: see the test below.
#[test]
#[ignore = "run by the test below"]
fn with_tables_of_descriptors_of_their_own() {
    // The polls of workers, their wakers and clocks. Of connections the server keeps some.
    let polls = || descriptors().iter().filter(|link| link.starts_with("anon_inode:")).count();
    let (server, before) = (good_server(), polls());
    for _ in 0..3 {
        let open = descriptors().len() as u64;
        let asked = Plan { connections: 40, messages: Some(4000), workers: Some(2), own_tables: true, ..plan(&server) };
        let outcome = run(asked);
        assert!(outcome.account.is_clean() && outcome.account.sent == 4000, "{:?}", outcome.account);
        // Half of the connections are in the table of each.
        assert!((20..open + 40).contains(&outcome.health.descriptors), "{:?}", outcome.health);
        assert_eq!(polls(), before);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn workers_with_tables_of_their_own_leave_no_descriptor_behind() {
    let program = std::env::current_exe().expect("this program");
    let arguments = ["--exact", "runs::with_tables_of_descriptors_of_their_own", "--ignored"];
    let output = std::process::Command::new(program).args(arguments).output().expect("started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
