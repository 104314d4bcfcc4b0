//! Stopping gently.

use std::{
    io::Read,
    sync::mpsc,
    time::{Duration, Instant},
};

use wigwag_net::{CloseCause, CloseCode, DrainReport, Limits, Message};

use crate::support::*;

#[test]
fn each_service_is_told_and_the_peers_read_1001() {
    let (closes_in, closes) = mpsc::channel();
    let server = serve_with(2, Limits::default(), None, move |_| accept(Script::new().closes_to(&closes_in)));
    let mut clients: Vec<_> = (0..10).map(|_| Client::connect(server.address)).collect();
    let handle = server.net.handle();
    let draining = std::thread::spawn(move || server.net.drain(PATIENCE));
    for client in &mut clients {
        assert_eq!(client.read_close(), 1001);
        client.send_close(1001);
        client.assert_end();
    }
    drop(clients);
    assert_eq!(draining.join().expect("no panic"), DrainReport { closed: 10, cut: 0, cut_bytes: 0 });
    let closes: Vec<_> = closes.iter().map(|closed| closed.cause).collect();
    assert_eq!(closes, vec![CloseCause::Local; 10]);
    assert_eq!(handle.connections(), 0);
    assert!(handle.is_draining());
}

#[test]
fn a_service_may_finish_what_it_is_answering() {
    let server = serve_each(Limits::default(), || {
        Script::new()
            .on_drain(|socket| {
                socket.timer(Duration::from_millis(20));
            })
            .on_timer(|socket, _| {
                socket.send(Message::Text("the rest"));
                socket.close(CloseCode::GOING_AWAY, "");
            })
    });
    let mut client = Client::connect(server.address);
    let draining = std::thread::spawn(move || server.net.drain(PATIENCE));
    assert_eq!(client.read_text(), "the rest");
    assert_eq!(client.read_close(), 1001);
    client.send_close(1001);
    client.assert_end();
    drop(client);
    assert_eq!(draining.join().expect("no panic").closed, 1);
}

#[test]
fn what_is_not_closed_at_the_deadline_is_cut_and_counted() {
    let (closes_in, closes) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        Script::new()
            .on_message(|socket, _| socket.send(Message::Binary(&[0; 1 << 20])))
            .on_drain(|_| {})
            .closes_to(&closes_in)
    });
    let mut unread = Client::connect(server.address);
    unread.send("go");
    eventually("the queue stands", || server.sum(|metrics| metrics.out_queue_bytes.get()) > 0);
    let _idle = Client::connect(server.address);
    let begun = Instant::now();
    let report = server.net.drain(Duration::from_millis(50));
    assert!(begun.elapsed() >= Duration::from_millis(50), "cut too early");
    assert_eq!((report.closed, report.cut), (0, 2));
    assert!((1..=(1 << 20) + 16).contains(&report.cut_bytes), "{report:?}");
    assert_eq!(closes.iter().map(|closed| closed.cause).collect::<Vec<_>>(), vec![CloseCause::Drained; 2]);
}

#[test]
fn a_drain_closes_listeners_and_unfinished_handshakes() {
    let server = serve_each(Limits::default(), || Script::new().on_drain(|_| {}));
    let address = server.address;
    let _open = Client::connect(address);
    let mut unfinished = tcp(address);
    eventually("both are there", || server.net.handle().connections() == 2);
    server.net.handle().start_drain(PATIENCE);
    assert_eq!(unfinished.read(&mut [0; 10]).unwrap_or(0), 0);
    eventually("nobody listens", || std::net::TcpStream::connect(address).is_err());
    let begun = Instant::now();
    server.net.handle().start_drain(Duration::ZERO);
    assert_eq!(server.net.drain(PATIENCE).cut, 1);
    assert!(begun.elapsed() < PATIENCE, "a second call brings the end forward");
}
