//! Signs of life, and their absence.

use std::{
    io::Read,
    sync::mpsc,
    time::{Duration, Instant},
};

use wigwag_net::{CloseCause, Limits};

use crate::support::*;

const PING_INTERVAL: Duration = Duration::from_millis(50);
/// Long enough for a test that the machine holds up for a moment.
const IDLE_TIMEOUT: Duration = Duration::from_millis(600);

fn short() -> Limits {
    Limits { ping_interval: PING_INTERVAL, idle_timeout: IDLE_TIMEOUT, ..Limits::default() }
}

#[test]
fn a_silent_peer_is_asked_for_life_and_then_closed() {
    let (closes_in, closes) = mpsc::channel();
    let server = serve_each(short(), move || Script::new().closes_to(&closes_in));
    let begun = Instant::now();
    let mut client = Client::connect(server.address);
    assert_eq!(client.read_frame(), (PING, Vec::new()));
    assert!(begun.elapsed() >= PING_INTERVAL, "asked too early");
    assert_eq!(client.read_close(), 1001);
    assert!(begun.elapsed() >= IDLE_TIMEOUT, "closed too early");
    client.send_close(1001);
    client.assert_end();
    drop(client);
    assert_eq!(next(&closes).cause, CloseCause::IdleTimeout);
    server.assert_empty();
}

#[test]
fn a_peer_that_answers_pings_lives_on() {
    let server = serve_each(short(), || Echo);
    let begun = Instant::now();
    let mut client = Client::connect(server.address);
    // Longer than the idle time-out, whatever the machine does meanwhile.
    while begun.elapsed() < 2 * IDLE_TIMEOUT {
        assert_eq!(client.read_frame(), (PING, Vec::new()));
        client.write(&frame(PONG, b""));
    }
    client.send("alive");
    loop {
        match client.read_frame() {
            (PING, _) => {}
            other => break assert_eq!(other, (TEXT, b"alive".to_vec())),
        }
    }
}

#[test]
fn bytes_of_an_unfinished_frame_are_life() {
    let server = serve_each(short(), || Echo);
    let begun = Instant::now();
    let mut client = Client::connect(server.address);
    let whole = frame(TEXT, &[b'x'; 100]);
    let mut sent = 0;
    // One byte for each Ping, and no Pong at all.
    while begun.elapsed() < 2 * IDLE_TIMEOUT && sent + 1 < whole.len() {
        assert_eq!(client.read_frame(), (PING, Vec::new()));
        client.write(&whole[sent..=sent]);
        sent += 1;
    }
    client.write(&whole[sent..]);
    loop {
        match client.read_frame() {
            (PING, _) => {}
            other => break assert_eq!(other, (TEXT, vec![b'x'; 100])),
        }
    }
}

#[test]
fn the_clock_stands_while_the_service_does_not_read() {
    let (remotes_in, remotes) = mpsc::channel();
    let server = serve_each(short(), move || {
        let remotes = remotes_in.clone();
        Script::new()
            .on_open(|socket| {
                socket.pause();
                socket.timer(2 * IDLE_TIMEOUT);
            })
            .on_timer(move |socket, _| {
                let _ = remotes.send(socket.is_open());
                socket.resume();
            })
    });
    let mut client = Client::connect(server.address);
    client.send("early");
    assert!(next(&remotes), "closed while paused");
    assert_eq!(client.read_text(), "early");
}

#[test]
fn a_head_that_does_not_come_in_time_is_cut() {
    let limits = Limits { handshake_timeout: Duration::from_millis(50), ..Limits::default() };
    let server = serve_each(limits, || Echo);
    let mut silent = tcp(server.address);
    let mut slow = Client::raw(tcp(server.address));
    slow.write(&request("/").as_bytes()[..40]);
    for stream in [&mut silent, &mut slow.stream] {
        assert_eq!(stream.read(&mut [0; 10]).unwrap_or(0), 0);
    }
    server.assert_empty();
    assert_eq!(server.sum(|metrics| metrics.handshake_timeouts.get()), 2);
}
