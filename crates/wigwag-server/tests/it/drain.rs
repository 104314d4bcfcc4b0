//! Stopping: no new connections, what runs is finished, the rest is cut off and counted.

use std::{
    net::TcpStream,
    sync::mpsc,
    time::{Duration, Instant},
};

use axum::{Router, routing::get as on_get};
use wigwag_net::{Message, Service, Socket};
use wigwag_server::Handshake;

use crate::support::{PATIENCE, Wire, builder, eventually, get, handshake, start, start_with};

#[test]
fn a_drain_says_1001_and_reports_who_was_closed() {
    let (server, address) = start();
    let mut wires: Vec<Wire> = (0..3).map(|_| Wire::connect(address)).collect();
    for wire in &mut wires {
        assert_eq!(wire.send(handshake("/echo", "")).head().status, 101);
    }
    let draining = std::thread::spawn(move || server.drain(PATIENCE));
    for wire in &mut wires {
        let (opcode, payload) = wire.frame();
        assert_eq!((opcode, &payload[..2]), (0x88, &[0x03, 0xe9][..]), "1001");
        wire.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
    }
    drop(wires);
    let report = draining.join().unwrap();
    assert_eq!((report.closed, report.cut, report.http_cut), (3, 0, 0), "{report}");
    assert!(report.took < PATIENCE, "{report}");
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn an_http_answer_under_way_is_finished_and_an_idle_connection_closed() {
    let (begun, has_begun) = mpsc::channel();
    let (release, released) = tokio::sync::watch::channel(false);
    let page = on_get(async move || {
        begun.send(()).unwrap();
        released.clone().wait_for(|released| *released).await.unwrap();
        "done"
    });
    let (server, address) = start_with(builder().pages(Router::new().route("/slow", page)));
    let mut idle = Wire::connect(address);
    assert_eq!(idle.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response().status, 200);
    let mut slow = Wire::connect(address);
    slow.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    has_begun.recv_timeout(PATIENCE).unwrap();
    let draining = std::thread::spawn(move || server.drain(PATIENCE));
    assert!(idle.is_ended());
    release.send(true).unwrap();
    let response = slow.response();
    assert_eq!((response.status, response.body.as_str()), (200, "done"));
    assert!(slow.is_ended());
    drop((idle, slow));
    let report = draining.join().unwrap();
    assert_eq!((report.http_closed, report.http_cut), (2, 0), "{report}");
}

#[test]
fn readiness_ends_where_the_drain_begins() {
    let (server, _) =
        start_with(builder().metrics_listen(([127, 0, 0, 1], 0).into()).route("/stays", |_: &Handshake<'_>| Stays));
    let (metrics, address) = (server.metrics_addrs()[0], server.local_addrs()[0]);
    let mut wire = Wire::connect(address);
    wire.send(handshake("/stays", "")).head();
    assert_eq!(get(metrics, "/readyz").status, 200);
    let stopper = server.stopper();
    let draining = std::thread::spawn(move || server.drain(PATIENCE));
    eventually("/readyz says 503", || get(metrics, "/readyz").status == 503);
    assert_eq!(get(metrics, "/healthz").status, 200);
    // A second signal ends the wait.
    let began = Instant::now();
    stopper.stop_now();
    let report = draining.join().unwrap();
    assert!(began.elapsed() < PATIENCE / 2, "{report}");
    assert_eq!((report.closed, report.cut), (0, 1), "{report}");
    assert!(report.to_string().contains("1 cut off"), "{report}");
}

/// Ignores the drain.
struct Stays;

impl Service for Stays {
    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}

    fn on_drain(&mut self, _: &mut Socket<'_>) {}
}

#[test]
fn who_does_not_end_in_time_is_cut_off() {
    let (server, address) = start_with(builder().route("/stays", |_: &Handshake<'_>| Stays));
    let mut wire = Wire::connect(address);
    assert_eq!(wire.send(handshake("/stays", "")).head().status, 101);
    let report = server.drain(Duration::from_millis(50));
    assert_eq!((report.closed, report.cut), (0, 1), "{report}");
}

#[test]
fn serving_until_a_signal_gives_the_report() {
    let bound = builder().drain_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = std::thread::spawn(move || bound.serve_until(async move { drop(stopped.await) }).unwrap());
    stop.send(()).unwrap();
    assert_eq!(serving.join().unwrap().cut, 0);
}

#[test]
fn a_dropped_server_stops() {
    let (server, address) = start();
    let mut wire = Wire::connect(address);
    wire.send(handshake("/echo", "")).head();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}
