//! A service that panics harms its own connection only.

use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use wigwag_net::{CloseCause, Closed, Limits, Message};

use crate::support::*;

/// On each path another callback panics.
fn serve_panicking() -> (Server, mpsc::Receiver<Closed>) {
    let (closes_in, closes) = mpsc::channel();
    let server = serve(Limits::default(), move |path| {
        let script = Script::new().closes_to(&closes_in);
        accept(match path {
            "/open" => script.on_open(|_| panic!("in on_open")),
            "/message" => script.on_message(|_, _| panic!("in on_message")),
            "/timer" => script
                .on_open(|socket| {
                    socket.timer(Duration::ZERO);
                })
                .on_timer(|_, _| panic!("in on_timer")),
            "/writable" => script
                .on_open(|socket| socket.send(Message::Binary(&[0; 100 << 10])))
                .on_writable(|_| panic!("in on_writable")),
            "/pong" => script.on_pong(|_, _| panic!("in on_pong")),
            "/close" => script.on_close(|_| panic!("in on_close")),
            "/judge" => panic!("in judge"),
            _ => script,
        })
    });
    (server, closes)
}

fn check(path: &str, provoke: impl FnOnce(&mut Client)) {
    let (server, closes) = serve_panicking();
    let mut other = Client::connect(server.address);
    let mut client = Client::connect_to(server.address, path);
    provoke(&mut client);
    assert_eq!(client.skip_to_close(), 1011);
    client.send_close(1011);
    client.assert_end();
    drop(client);
    let closed = next(&closes);
    assert_eq!((closed.code(), closed.cause), (1011, CloseCause::Panic));
    other.send("alive");
    assert_eq!(other.read_text(), "alive");
    assert_eq!(server.sum(|metrics| metrics.panics.get()), 1);
    drop(other);
    server.assert_empty();
    assert_eq!(next(&closes).cause, CloseCause::Eof);
    assert!(closes.try_recv().is_err(), "told twice");
}

#[test]
fn in_on_open_closes_with_1011() {
    check("/open", |_| {});
}

#[test]
fn in_on_message_closes_with_1011_and_the_rest_of_the_batch_is_read() {
    check("/message", |client| client.write(&[frame(TEXT, b"boom"), frame(TEXT, b"more")].concat()));
}

#[test]
fn in_on_timer_closes_with_1011() {
    check("/timer", |_| {});
}

#[test]
fn in_on_writable_closes_with_1011() {
    check("/writable", |_| {});
}

#[test]
fn in_on_pong_closes_with_1011() {
    check("/pong", |client| client.write(&frame(PONG, b"")));
}

#[test]
fn in_on_close_harms_nobody() {
    let (server, _closes) = serve_panicking();
    let mut client = Client::connect_to(server.address, "/close");
    client.send_close(1000);
    assert_eq!(client.read_close(), 1000);
    server.assert_empty();
    let mut other = Client::connect(server.address);
    other.send("alive");
    assert_eq!(other.read_text(), "alive");
    assert_eq!(server.sum(|metrics| metrics.panics.get()), 1);
}

#[test]
fn the_close_that_follows_a_panicking_message_at_once_ends_the_connection() {
    let (server, closes) = serve_panicking();
    let mut client = Client::connect_to(server.address, "/message");
    client.write(&[frame(TEXT, b"boom"), frame(CLOSE, &1000_u16.to_be_bytes())].concat());
    assert_eq!(client.read_close(), 1011);
    client.assert_end();
    drop(client);
    assert_eq!(next(&closes).cause, CloseCause::Panic);
    server.assert_empty();
}

#[test]
fn in_judge_is_answered_with_500() {
    let (server, _closes) = serve_panicking();
    let mut client = Client::raw(tcp(server.address));
    client.write(request("/judge").as_bytes());
    assert!(client.read_head().starts_with("HTTP/1.1 500 "));
}

#[test]
fn in_a_periodic_task_ends_the_task_alone() {
    let server = serve_each(Limits::default(), || Echo);
    let (dropped_in, dropped) = mpsc::channel();
    let guard = Mutex::new(dropped_in);
    server.net.handle().every(Duration::from_millis(1), move |_| {
        let _ = guard.lock().map(|channel| channel.send(()));
        panic!("in a periodic task")
    });
    next(&dropped);
    let mut client = Client::connect(server.address);
    client.send("alive");
    assert_eq!(client.read_text(), "alive");
}
