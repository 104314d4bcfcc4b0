//! `/stream`: order, pace, queue, drain.

use std::time::{Duration, Instant};

use wigwag_net::Limits;
use wigwag_services::Stream;

use crate::support::{Client, Message, Running};

const FAST: Duration = Duration::from_millis(5);

fn serve(interval: Duration) -> Running {
    Running::start(move || Box::new(Stream::new(interval)))
}

fn ask(client: &mut Client, text: &str) {
    client.send_text(&format!("{{\"message\":{text:?}}}"));
}

/// The answer to an ASCII text without quotes.
fn answer(text: &str) -> Vec<String> {
    let forwards = text.chars().map(|one| format!(r#"{{"type":"stream","data":"{one}"}}"#));
    let backwards = text.chars().rev().map(|one| format!(r#"{{"type":"stream_reverse","data":"{one}"}}"#));
    let last = text.chars().last().expect("not empty");
    let count = text.chars().filter(|one| *one == last).count() - 1;
    let count = format!(r#"{{"type":"count","last_char":"{last}","count":{count}}}"#);
    forwards.chain(backwards).chain([count]).collect()
}

#[test]
fn sentence_is_streamed_there_and_back_and_counted() {
    let text = "The quick brown fox jumped over the lazy dog o";
    for interval in [FAST, Duration::ZERO] {
        let server = serve(interval);
        let mut client = server.connect();
        ask(&mut client, text);
        let lines = client.read_texts(93);
        assert_eq!(lines, answer(text));
        assert_eq!(lines[92], r#"{"type":"count","last_char":"o","count":4}"#);
        client.expect_nothing();
    }
}

#[test]
fn several_at_once_are_answered_one_after_the_other() {
    let server = serve(FAST);
    let mut client = server.connect();
    for text in ["ab", "", "c", "dd"] {
        ask(&mut client, text);
    }
    assert_eq!(client.read_texts(5 + 3 + 5), [answer("ab"), answer("c"), answer("dd")].concat());
    client.expect_nothing();
}

#[test]
fn empty_message_gets_nothing() {
    let server = serve(Duration::ZERO);
    let mut client = server.connect();
    ask(&mut client, "");
    client.expect_nothing();
    ask(&mut client, "a");
    assert_eq!(client.read_texts(3), answer("a"));
}

#[test]
fn bad_input_is_answered_and_the_connection_goes_on() {
    let server = serve(FAST);
    let mut client = server.connect();
    client.send(Message::binary(vec![0xff]));
    client.send_text("nonsense");
    client.send_text(r#"{"message":7}"#);
    ask(&mut client, "ok");
    for code in ["binary", "invalid_json", "invalid_message"] {
        let line = client.read_text();
        assert!(line.starts_with(&format!(r#"{{"type":"error","code":"{code}","message":""#)), "{line}");
    }
    assert_eq!(client.read_texts(5), answer("ok"));
}

#[test]
fn full_queue_refuses_one_message_and_keeps_the_rest() {
    let server = serve(Duration::from_secs(3600));
    let mut client = server.connect();
    for _ in 0..Stream::WAITING_MAX + 3 {
        client.queue(Message::text(r#"{"message":"ab"}"#));
    }
    client.flush();
    let lines = client.read_texts(3);
    assert_eq!(lines[0], answer("ab")[0]);
    for line in &lines[1..] {
        assert!(line.starts_with(r#"{"type":"error","code":"queue_full""#), "{line}");
    }
}

#[test]
fn pace_does_not_drift() {
    let interval = Duration::from_millis(10);
    let server = serve(interval);
    let mut client = server.connect();
    let start = Instant::now();
    ask(&mut client, &"x".repeat(50));
    let mut early = Duration::ZERO;
    for index in 0..101 {
        client.read_text();
        early = early.max((interval * index).saturating_sub(start.elapsed()));
    }
    assert_eq!(early, Duration::ZERO, "no item comes before its time");
    // 100 intervals are a second. A timer that is set anew after each item would be late by up to 4 ms each time.
    assert!(start.elapsed() < Duration::from_millis(1300), "{:?}", start.elapsed());
}

#[test]
fn peer_that_does_not_read_stops_the_stream_within_the_mark() {
    let server = Running::start_with(1, Limits::default(), || Box::new(Stream::new(Duration::ZERO)));
    let net = server.handle();
    let mut slow = server.connect();
    let text = "x".repeat(200_000);
    ask(&mut slow, &text);
    // More than sockets hold is to be said (14 MB); meanwhile others are served, and the queue stays within its mark.
    let mut quick = server.connect();
    for _ in 0..100 {
        ask(&mut quick, "q");
        assert_eq!(quick.read_texts(3), answer("q"));
        let queued: u64 = net.metrics().iter().map(|worker| worker.out_queue_bytes.get()).max().unwrap_or(0);
        assert!(queued < 128 << 10, "{queued} bytes queued");
    }
    for (line, expected) in answer(&text).iter().enumerate() {
        assert_eq!(&slow.read_text(), expected, "line {line}");
    }
}

mod drain {
    use super::*;

    #[test]
    fn answer_begun_is_finished_then_closed_with_1001() {
        let server = serve(Duration::from_millis(20));
        let mut client = server.connect();
        ask(&mut client, "abcdef");
        ask(&mut client, "not begun");
        let mut lines = client.read_texts(2);
        let drained = std::thread::spawn(move || server.drain());
        let refused = loop {
            let line = client.read_text();
            if line.starts_with(r#"{"type":"error","code":"stopping""#) {
                break line;
            }
            lines.push(line);
        };
        lines.extend(client.read_texts(13 - lines.len()));
        assert_eq!(lines, answer("abcdef"));
        assert!(refused.contains("again"), "{refused}");
        assert_eq!(client.read_close().map(|close| u16::from(close.code)), Some(1001));
        drop(client);
        let report = drained.join().expect("drained");
        assert_eq!((report.closed, report.cut), (1, 0));
    }

    #[test]
    fn idle_connection_is_closed_at_once() {
        let server = serve(FAST);
        let mut client = server.connect();
        ask(&mut client, "a");
        assert_eq!(client.read_texts(3), answer("a"));
        let drained = std::thread::spawn(move || server.drain());
        assert_eq!(client.read_close().map(|close| u16::from(close.code)), Some(1001));
        drop(client);
        assert_eq!(drained.join().expect("drained").closed, 1);
    }
}
