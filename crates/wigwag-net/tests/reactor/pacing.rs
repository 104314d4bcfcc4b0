//! Pacers: called when they ask for it, with their worker's connections at hand.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use wigwag_net::{Connect, ConnectionId, Limits, Message, Net, Pacer, Turn};

use crate::support::*;

/// Calls `beat` until it gives no next time.
struct Beat<F>(F);

impl<F: FnMut(&mut Turn<'_>) -> Option<Instant> + Send + 'static> Pacer for Beat<F> {
    fn on_pace(&mut self, turn: &mut Turn<'_>) -> Option<Instant> {
        (self.0)(turn)
    }
}

#[test]
fn a_pacer_is_called_at_once_and_then_when_it_asks_and_never_early() {
    let net = Net::client(1, Limits::default()).expect("a worker");
    let (beats_in, beats) = mpsc::channel();
    let mut due = Instant::now();
    let mut left = 20;
    net.handle().pace(
        0,
        Beat(move |_: &mut Turn<'_>| {
            let now = Instant::now();
            let _ = beats_in.send(now.checked_duration_since(due));
            due = now + Duration::from_micros(700);
            left -= 1;
            (left > 0).then_some(due)
        }),
    );
    let late: Vec<Option<Duration>> = beats.iter().collect();
    assert_eq!(late.len(), 20, "it ends when it says so");
    assert!(late.iter().all(Option::is_some), "early: {late:?}");
}

#[test]
fn what_a_pacer_sends_goes_out_when_it_returns() {
    let server = serve_each(Limits::default(), || Echo);
    let net = Net::client(1, Limits::default()).expect("a worker");
    let ((opened_in, opened), (texts_in, texts)) = (mpsc::channel::<ConnectionId>(), mpsc::channel());
    let service = Script::new()
        .on_open(move |socket| {
            let _ = opened_in.send(socket.id());
        })
        .on_message(move |_, message| {
            if let Message::Text(text) = message {
                let _ = texts_in.send(text.to_owned());
            }
        });
    net.handle().connect(Connect::new("127.0.0.1", server.address.port(), "/"), service);
    let id = next(&opened);
    let mut count = 0;
    net.handle().pace(
        0,
        Beat(move |turn: &mut Turn<'_>| {
            let mut socket = turn.socket(id)?;
            socket.send(Message::Text(&format!("beat {count}")));
            count += 1;
            if count == 3 {
                socket.close(wigwag_net::CloseCode::NORMAL, "");
            }
            Some(Instant::now())
        }),
    );
    assert_eq!(texts.iter().collect::<Vec<_>>(), ["beat 0", "beat 1", "beat 2"]);
    server.assert_empty();
}

#[test]
fn a_later_pacer_takes_the_place_of_the_earlier() {
    let net = Net::client(1, Limits::default()).expect("a worker");
    let (first_in, first) = mpsc::channel();
    net.handle().pace(
        0,
        Beat(move |_: &mut Turn<'_>| {
            let _ = first_in.send(());
            Some(Instant::now() + Duration::from_millis(1))
        }),
    );
    next(&first);
    let (second_in, second) = mpsc::channel();
    net.handle().pace(
        0,
        Beat(move |_: &mut Turn<'_>| {
            let _ = second_in.send(());
            None
        }),
    );
    next(&second);
    // Its sender is gone with it.
    while first.recv().is_ok() {}
}

#[test]
fn a_panic_of_a_pacer_ends_it_and_nothing_else() {
    let server = serve_each(Limits::default(), || Echo);
    let (closed_in, closed) = mpsc::channel::<()>();
    server.net.handle().pace(
        0,
        Beat(move |_: &mut Turn<'_>| {
            let _kept = &closed_in;
            panic!("as it should")
        }),
    );
    assert!(closed.recv().is_err());
    let mut client = Client::connect(server.address);
    client.send("alive");
    assert_eq!(client.read_text(), "alive");
}
