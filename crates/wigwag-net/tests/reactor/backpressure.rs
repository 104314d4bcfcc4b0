//! Peers that do not read, services that do not want to.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

use wigwag_net::{CloseCause, Limits, Message, OnFull};
use wigwag_proto::connection::Prepared;

use crate::support::*;

const MESSAGE_BYTES: usize = 4000;

#[test]
fn a_peer_that_sends_without_reading_loses_nothing_and_costs_little_memory() {
    let limits = Limits::default();
    let (high, low) = (limits.out_queue_high_water, limits.out_queue_low_water);
    let most = Arc::new(AtomicUsize::new(0));
    let seen = most.clone();
    let server = serve_each(limits, move || {
        let most = seen.clone();
        Script::new().on_message(move |socket, message| {
            socket.send(message);
            most.fetch_max(socket.queued_bytes(), Relaxed);
        })
    });
    let mut client = Client::connect(server.address);
    let mut writer = client.stream.try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || {
        for number in 0..3000 {
            writer.write_all(&frame(TEXT, format!("{number:0MESSAGE_BYTES$}").as_bytes())).expect("sent");
        }
    });
    eventually("dispatch stops", || server.sum(|metrics| metrics.out_queue_bytes.get()) as usize > low);
    for number in 0..3000 {
        assert!(client.read_text() == format!("{number:0MESSAGE_BYTES$}"), "answer {number}");
    }
    writing.join().expect("all sent");
    assert!(most.load(Relaxed) <= high + MESSAGE_BYTES + 16, "{} bytes were queued", most.load(Relaxed));
    client.send_close(1000);
    assert_eq!(client.read_close(), 1000);
    server.assert_empty();
    assert_eq!(server.sum(|metrics| metrics.out_queue_bytes.get()), 0);
    assert_eq!(server.sum(|metrics| metrics.unfinished_bytes.get()), 0);
}

/// Pushes until one is left out; reports how many were queued and how much was in the queue then.
fn serve_pushing(on_full: OnFull) -> (Server, mpsc::Receiver<(usize, usize)>) {
    let (report_in, report) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let report = report_in.clone();
        let news = Prepared::new(Message::Binary(&[7; MESSAGE_BYTES]));
        Script::new().on_message(move |socket, _| {
            let count = (0..5000).take_while(|_| socket.push(&news, on_full)).count();
            let _ = report.send((count, socket.queued_bytes()));
        })
    });
    (server, report)
}

#[test]
fn pushes_over_the_bound_are_skipped_and_the_others_arrive() {
    let (server, report) = serve_pushing(OnFull::Skip);
    let mut client = Client::connect(server.address);
    client.send("go");
    let (count, queued) = next(&report);
    assert!(count < 5000, "a bound holds");
    assert!(queued <= (1 << 20) + MESSAGE_BYTES + 16, "{queued} bytes are queued");
    for _ in 0..count {
        assert_eq!(client.read_frame(), (BINARY, vec![7; MESSAGE_BYTES]));
    }
    client.write(&frame(PING, b""));
    assert_eq!(client.read_frame(), (PONG, Vec::new()));
}

#[test]
fn a_peer_too_slow_for_pushes_is_closed_with_1013_after_what_was_queued() {
    let (server, report) = serve_pushing(OnFull::Close);
    let mut client = Client::connect(server.address);
    client.send("go");
    let (count, _) = next(&report);
    for _ in 0..count {
        assert_eq!(client.read_frame().0, BINARY);
    }
    assert_eq!(client.read_close(), 1013);
}

#[test]
fn pushes_that_a_reading_peer_takes_are_not_refused() {
    let news = Prepared::new(Message::Binary(&[7; MESSAGE_BYTES]));
    let limits = Limits { push_queue_bytes_max: 3 * MESSAGE_BYTES, ..Limits::default() };
    let server = serve_each(limits, move || {
        let news = news.clone();
        Script::new().on_message(move |socket, _| {
            // Six fit into the kernel's buffers, though not into the queue.
            let count = (0..6).filter(|_| socket.push(&news, OnFull::Skip)).count();
            socket.send(Message::Text(&count.to_string()));
        })
    });
    let mut client = Client::connect(server.address);
    client.send("go");
    for _ in 0..6 {
        assert_eq!(client.read_frame().0, BINARY);
    }
    assert_eq!(client.read_text(), "6");
}

#[test]
fn a_peer_that_does_not_read_for_the_write_timeout_is_cut() {
    let (closes_in, closes) = mpsc::channel();
    let limits = Limits { write_timeout: Duration::from_millis(60), ..Limits::default() };
    let server = serve_each(limits, move || {
        Script::new().on_message(|socket, _| socket.send(Message::Binary(&[0; 1 << 20]))).closes_to(&closes_in)
    });
    let mut client = Client::connect(server.address);
    client.send("go");
    assert_eq!(next(&closes).cause, CloseCause::WriteTimeout);
    server.assert_empty();
}

#[test]
fn a_service_that_fills_its_queue_is_always_told_to_go_on() {
    const CHUNK_BYTES: usize = 80 << 10;
    let server = serve_each(Limits::default(), || {
        let mut left = 40;
        // A chunk is above the high-water mark: the next goes when this one is out.
        Script::new().on_open(|socket| socket.send(Message::Binary(&[40; CHUNK_BYTES]))).on_writable(move |socket| {
            if left > 0 {
                left -= 1;
                socket.send(Message::Binary(&[left; CHUNK_BYTES]));
            }
        })
    });
    let mut client = Client::connect(server.address);
    for number in (0..=40).rev() {
        assert_eq!(client.read_frame(), (BINARY, vec![number; CHUNK_BYTES]));
    }
}

#[test]
fn a_paused_connection_delivers_nothing_until_it_is_resumed_and_then_everything_in_order() {
    let (seen_in, seen) = mpsc::channel();
    let (remotes_in, remotes) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let (seen, remotes) = (seen_in.clone(), remotes_in.clone());
        Script::new().on_message(move |socket, message| {
            let Message::Text(text) = message else { return };
            if text == "pause" {
                socket.pause();
                let _ = remotes.send(socket.remote());
            } else {
                let _ = seen.send(text.to_owned());
            }
        })
    });
    let mut client = Client::connect(server.address);
    for _ in 0..20 {
        let batch = [frame(TEXT, b"pause"), (0..50).flat_map(|n| frame(TEXT, format!("{n}").as_bytes())).collect()];
        client.write(&batch.concat());
        let remote = next(&remotes);
        // These lie in the socket when the rest of the batch is still to be dispatched.
        client.write(&(50..100).flat_map(|n| frame(TEXT, format!("{n}").as_bytes())).collect::<Vec<_>>());
        assert!(seen.try_recv().is_err(), "a paused connection got a message");
        remote.resume();
        for number in 0..100 {
            assert_eq!(next(&seen), number.to_string());
        }
    }
}

#[test]
fn a_connection_that_pauses_in_each_message_loses_and_swaps_none() {
    let (seen_in, seen) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let seen = seen_in.clone();
        Script::new()
            .on_message(move |socket, message| {
                let Message::Text(text) = message else { return };
                let _ = seen.send(text.to_owned());
                socket.pause();
                socket.timer(Duration::ZERO);
            })
            .on_timer(|socket, _| socket.resume())
    });
    let mut client = Client::connect(server.address);
    for number in 0..100 {
        client.send(&number.to_string());
    }
    for number in 0..100 {
        assert_eq!(next(&seen), number.to_string());
    }
}

#[test]
fn a_connection_that_another_resumes_reads_nothing_past_what_waits() {
    let (seen_in, seen) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let paused = Arc::new(std::sync::Mutex::new(None));
    let server = serve_each(Limits::default(), move || {
        let (seen, wait, paused) = (seen_in.clone(), wait.clone(), paused.clone());
        Script::new().on_message(move |socket, message| match message {
            Message::Text("wait") => drop(wait.lock().map(|wait| wait.recv())),
            Message::Text("pause") => {
                socket.pause();
                *paused.lock().expect("no panic") = Some(socket.id());
                let _ = seen.send("paused".to_owned());
            }
            Message::Text("resume") => {
                let id = paused.lock().expect("no panic").expect("one is paused");
                socket.other(id).expect("still there").resume();
            }
            Message::Text(text) => drop(seen.send(text.to_owned())),
            Message::Binary(_) => {}
        })
    });
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(server.address)).collect();
    let [holder, resumer, client] = &mut clients[..] else { unreachable!("three of them") };
    client.write(&[frame(TEXT, b"pause"), frame(TEXT, b"kept")].concat());
    assert_eq!(next(&seen), "paused");
    // Both become ready while the worker is held: the one that resumes first, then the one that is resumed.
    holder.send("wait");
    resumer.send("resume");
    client.send("new");
    go.send(()).expect("the worker waits");
    assert_eq!([next(&seen), next(&seen)], ["kept", "new"]);
}

#[test]
fn unfinished_messages_are_bounded_in_all() {
    let limits = Limits { unfinished_bytes_max_total: 64 << 10, ..Limits::default() };
    let bound = limits.unfinished_bytes_max_total as u64;
    let server = serve_each(limits, Script::new);
    let mut patient = Client::connect(server.address);
    let mut greedy = Client::connect(server.address);
    // The header of a binary message of 512 KiB, masked with zeros, and then far more than the bound.
    greedy.stream.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0]).expect("sent");
    for _ in 0..32 {
        greedy.stream.write_all(&[7; 8 << 10]).expect("input is discarded, not refused");
    }
    assert_eq!(greedy.read_close(), 1013);
    // Capacity is counted, which may be twice what arrived.
    assert!(server.sum(|metrics| metrics.unfinished_bytes.get()) <= 2 * bound + (64 << 10));
    patient.send("still here");
    assert_eq!(patient.read_text(), "still here");
    patient.send_close(1000);
    assert_eq!(patient.read_close(), 1000);
    drop(greedy);
    server.assert_empty();
    assert_eq!(server.sum(|metrics| metrics.unfinished_bytes.get()), 0);
}
