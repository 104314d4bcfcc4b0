//! `/letters`: one state for all, updates once and in order.

use std::{sync::Arc, time::Duration};

use wigwag_net::{Lag, Limits, Message as Out, OnFull, Prepared, Service, Socket};
use wigwag_services::Letters;

use crate::support::{Client, Running};

/// Never within a test.
const NEVER: Duration = Duration::from_secs(3600);
const FAST: Duration = Duration::from_millis(20);

fn serve(interval: Duration) -> Running {
    let letters = Letters::new(interval);
    let factory = letters.clone();
    let server = Running::start(move || Box::new(factory.clone()));
    letters.start(&server.handle());
    server
}

fn subscribe(client: &mut Client, letter: &str) {
    client.send_text(&format!(r#"{{"action":"subscribe","letter":"{letter}"}}"#));
}

fn unsubscribe(client: &mut Client, letter: &str) {
    client.send_text(&format!(r#"{{"action":"unsubscribe","letter":"{letter}"}}"#));
}

/// The number in `{"A":1234}`, to the byte.
fn number(update: &str, letter: char) -> u16 {
    let start = format!("{{\"{letter}\":");
    let number = update.strip_prefix(&start).and_then(|rest| rest.strip_suffix('}'));
    let number = number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("not of {letter}: {update}"));
    assert!((1000..=9999).contains(&number), "{update}");
    number
}

#[test]
fn subscribing_answers_at_once_in_any_case() {
    let server = serve(NEVER);
    let mut client = server.connect();
    subscribe(&mut client, "a");
    let first = number(&client.read_text(), 'A');
    subscribe(&mut client, "A");
    assert_eq!(number(&client.read_text(), 'A'), first, "subscribing again answers with the same state");
    subscribe(&mut client, "z");
    number(&client.read_text(), 'Z');
    client.expect_nothing();
}

#[test]
fn all_connections_of_all_workers_see_one_state() {
    let server = serve(NEVER);
    let numbers: Vec<u16> = (0..8)
        .map(|_| {
            let mut client = server.connect();
            subscribe(&mut client, "M");
            number(&client.read_text(), 'M')
        })
        .collect();
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
}

#[test]
fn first_subscriber_starts_the_ticker_where_nobody_did() {
    let letters = Letters::new(FAST);
    let server = Running::start(move || Box::new(letters.clone()));
    let mut client = server.connect();
    subscribe(&mut client, "K");
    for update in client.read_texts(5) {
        number(&update, 'K');
    }
}

#[test]
fn updates_reach_each_subscriber_once_and_in_order() {
    let server = serve(FAST);
    let mut twice = server.connect();
    let mut once = server.connect();
    subscribe(&mut once, "A");
    let seen: Vec<u16> = once.read_texts(30).iter().map(|update| number(update, 'A')).collect();
    subscribe(&mut twice, "A");
    subscribe(&mut twice, "a");
    let (first, second) = (twice.read_text(), twice.read_text());
    let later: Vec<u16> = once.read_texts(30).iter().map(|update| number(update, 'A')).collect();
    let rest: Vec<u16> = twice.read_texts(10).iter().map(|update| number(update, 'A')).collect();
    // Numbers repeat by chance, so runs are compared, not single numbers.
    let all: Vec<u16> = seen.into_iter().chain(later).collect();
    assert!(all.windows(5).any(|run| run == &rest[..5]), "{rest:?} is no part of {all:?}");
    assert!(all.windows(8).any(|run| run == &rest[1..9]), "{rest:?} is no part of {all:?}");
    number(&first, 'A');
    number(&second, 'A');
}

#[test]
fn unsubscribing_ends_the_updates_without_a_word() {
    let server = serve(FAST);
    let mut client = server.connect();
    subscribe(&mut client, "B");
    number(&client.read_text(), 'B');
    unsubscribe(&mut client, "b");
    // What comes next of B was under way; the refusal to unsubscribe again is the end of it.
    unsubscribe(&mut client, "B");
    let refusal = r#"{"B":"You need to subscribe before un-subscribing"}"#;
    while client.read_text() != refusal {}
    subscribe(&mut client, "C");
    for update in client.read_texts(5) {
        number(&update, 'C');
    }
}

#[test]
fn unsubscribing_without_subscription_is_refused() {
    let server = serve(NEVER);
    let mut client = server.connect();
    unsubscribe(&mut client, "a");
    assert_eq!(client.read_text(), r#"{"A":"You need to subscribe before un-subscribing"}"#);
}

#[test]
fn bad_input_is_answered_and_the_connection_goes_on() {
    let server = serve(NEVER);
    let mut client = server.connect();
    client.send(crate::support::Message::binary(vec![1, 2]));
    for text in ["", "nonsense", "{}", r#"{"action":"sing","letter":"A"}"#, r#"{"action":"subscribe","letter":"ß"}"#] {
        client.send_text(text);
    }
    for answer in client.read_texts(6) {
        assert!(answer.starts_with(r#"{"error":""#) && answer.ends_with("\"}"), "{answer}");
    }
    subscribe(&mut client, "A");
    number(&client.read_text(), 'A');
}

/// Subscribes as `Letters` does, and floods itself first so that its queue is full.
struct Slow {
    letters: Letters,
    flood: Arc<[u8]>,
}

impl Service for Slow {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Out<'_>) {
        if message.as_bytes() == b"flood" {
            let topic = socket.net().topic("letters/A");
            let newest = socket.subscribe(topic, Lag::Newest).expect("the ticker was started");
            socket.push(&newest, OnFull::Skip);
            socket.send(Out::Binary(&self.flood));
        } else {
            self.letters.on_message(socket, message);
        }
    }
}

#[test]
fn slow_subscriber_gets_the_newest_not_a_queue() {
    let letters = Letters::new(NEVER);
    let flood: Arc<[u8]> = vec![0; 12 << 20].into();
    let factory = letters.clone();
    let server = Running::start_with(1, Limits::default(), move || {
        Box::new(Slow { letters: factory.clone(), flood: flood.clone() })
    });
    let net = server.handle();
    letters.start(&net);
    let mut slow = server.connect();
    slow.send_text("flood");
    number(&slow.read_text(), 'A');
    // The queue is full now: of these publications only the last is owed.
    let topic = net.topic("letters/A");
    for number in 1000..1200 {
        net.publish(topic, &Prepared::new(Out::Text(&format!("{{\"A\":{number}}}"))));
    }
    // Another connection of the same worker has seen the last one, so all are published.
    let mut quick = server.connect();
    while {
        subscribe(&mut quick, "A");
        number(&quick.read_text(), 'A') != 1199
    } {}
    assert_eq!(slow.read().len(), 12 << 20);
    assert_eq!(number(&slow.read_text(), 'A'), 1199);
    slow.expect_nothing();
    let skipped: u64 = net.metrics().iter().map(|worker| worker.publications_skipped.get()).sum();
    assert_eq!(skipped, 199);
}
