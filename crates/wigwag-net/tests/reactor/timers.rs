//! Timers of services, and periodic tasks.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use wigwag_net::Limits;

use crate::support::*;

#[test]
fn timers_fire_in_order_and_never_early() {
    let (fired_in, fired) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let fired = fired_in.clone();
        let mut asked = Vec::new();
        Script::new()
            .on_open(move |socket| {
                for millis in [60, 20, 40, 0] {
                    let after = Duration::from_millis(millis);
                    // The turn's clock may stand a little behind: a timer counts from it.
                    asked.push((socket.timer(after), socket.now() + after));
                }
                let _ = fired.send(Err(std::mem::take(&mut asked)));
            })
            .on_timer({
                let fired = fired_in.clone();
                move |_, timer| drop(fired.send(Ok((timer, Instant::now()))))
            })
    });
    let _client = Client::connect(server.address);
    let asked = next(&fired).expect_err("the timers first");
    let order: Vec<usize> = (0..4)
        .map(|_| {
            let (timer, at) = next(&fired).expect("a timer");
            let position = asked.iter().position(|(asked, _)| *asked == timer).expect("one that was asked for");
            assert!(at >= asked[position].1, "timer {position} fired early");
            position
        })
        .collect();
    assert_eq!(order, [3, 1, 2, 0]);
}

#[test]
fn a_timer_without_end_harms_nobody() {
    let server = serve_each(Limits::default(), || {
        Script::new().on_open(|socket| {
            socket.timer(Duration::MAX);
        })
    });
    let mut client = Client::connect(server.address);
    client.send("alive");
    assert_eq!(client.read_text(), "alive");
}

#[test]
fn times_without_end_in_the_limits_mean_none() {
    let limits = Limits {
        handshake_timeout: Duration::MAX,
        ping_interval: Duration::MAX,
        idle_timeout: Duration::MAX,
        write_timeout: Duration::MAX,
        linger_timeout: Duration::MAX,
        ..Limits::default()
    };
    let server = serve_each(limits, || Echo);
    let mut client = Client::connect(server.address);
    client.send("alive");
    assert_eq!(client.read_text(), "alive");
    client.write(&frame_of(0x83, b""));
    assert_eq!(client.read_close(), 1002);
}

#[test]
fn timers_end_with_their_connection() {
    let (fired_in, fired) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let fired = fired_in.clone();
        Script::new()
            .on_open(|socket| {
                socket.timer(Duration::from_millis(30));
            })
            .on_timer(move |socket, _| {
                let _ = fired.send(socket.id());
            })
    });
    let first = Client::connect(server.address);
    drop(first);
    server.assert_empty();
    // The next connection takes the first one's place, and only its own timer.
    let _second = Client::connect(server.address);
    next(&fired);
    assert!(fired.recv_timeout(Duration::from_millis(50)).is_err(), "a timer of a connection that is gone");
}

#[test]
fn periodic_tasks_run_until_they_say_so() {
    let server = serve_each(Limits::default(), || Echo);
    let (ticks_in, ticks) = mpsc::channel();
    let begun = Instant::now();
    let mut left = 5;
    server.net.handle().every(Duration::from_millis(5), move |_| {
        left -= 1;
        let _ = ticks_in.send(Instant::now());
        left > 0
    });
    let times: Vec<Instant> = ticks.iter().collect();
    assert_eq!(times.len(), 5);
    assert!(times[4] >= begun + Duration::from_millis(25), "paced too fast");
}
