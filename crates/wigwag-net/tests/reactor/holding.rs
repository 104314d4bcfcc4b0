//! Handshakes that wait for their service's decision.

use std::{
    any::Any,
    sync::mpsc,
    time::{Duration, Instant},
};

use wigwag_net::{
    Accept, CloseCause, Closed, ConnectionId, Held, Limits, Local, Message, Refusal, Service, Socket, Timer, Verdict,
};

use crate::support::*;

/// Reports its name when its handshake waits, and what happens to it then; decides when it is told to.
struct Undecided {
    id: Option<ConnectionId>,
    news: mpsc::Sender<News>,
}

enum News {
    Waits(ConnectionId),
    Gone(CloseCause),
}

/// What an [`Undecided`] is told.
enum Decision {
    Accept,
    Refuse,
}

impl Service for Undecided {
    fn on_hold(&mut self, held: &mut Held<'_>) {
        self.id = Some(held.id());
        let _ = self.news.send(News::Waits(held.id()));
    }

    fn on_told(&mut self, local: &mut Local<'_>, what: Box<dyn Any>) {
        let Some(held) = self.id.and_then(|id| local.held(id)) else { return };
        match *what.downcast::<Decision>().expect("a decision") {
            Decision::Accept => {
                held.accept(Some("chosen"), &[("X-Late", "yes")]).expect("a valid answer");
            }
            Decision::Refuse => {
                held.refuse(&Refusal { status: 409, label: "test", headers: Vec::new(), body: "no".to_owned() });
            }
        }
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }

    fn on_gone(&mut self, _: &mut Local<'_>, closed: &Closed) {
        let _ = self.news.send(News::Gone(closed.cause.clone()));
    }
}

/// `/` waits for `hold`; `/decide` is a connection whose messages decide: "accept" or "refuse" the one that waits.
fn serve_undecided(hold: Duration) -> (Server, mpsc::Receiver<News>) {
    let (news_in, news) = mpsc::channel();
    let (ids_in, ids) = mpsc::channel();
    let ids = std::sync::Arc::new(std::sync::Mutex::new(ids));
    let (forward, inner) = mpsc::channel();
    std::thread::spawn(move || {
        for item in inner {
            if let News::Waits(id) = &item {
                let _ = ids_in.send(*id);
            }
            if news_in.send(item).is_err() {
                return;
            }
        }
    });
    let server = serve(Limits::default(), move |path| {
        if path == "/decide" {
            let ids = ids.clone();
            return accept(Script::new().on_message(move |socket, message| {
                let id = next(&ids.lock().expect("not poisoned"));
                let what = if message == Message::Text("accept") { Decision::Accept } else { Decision::Refuse };
                let told = socket.local().tell(id, Box::new(what));
                socket.send(Message::Text(if told { "told" } else { "gone" }));
            }));
        }
        let Verdict::Accept(accept) = accept(Undecided { id: None, news: forward.clone() }) else { unreachable!() };
        Verdict::Accept(Accept { hold: Some(hold), ..accept })
    });
    (server, news)
}

fn asking(server: &Server) -> Client {
    let mut client = Client::raw(tcp(server.address));
    let protocol = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: other, chosen\r\n";
    let request = request("/").replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", protocol);
    client.write(request.as_bytes());
    client
}

fn waits(news: &mpsc::Receiver<News>) {
    assert!(matches!(next(news), News::Waits(_)));
}

fn decide(server: &Server, what: &str) -> Client {
    let mut decider = Client::connect_to(server.address, "/decide");
    decider.send(what);
    assert_eq!(decider.read_text(), "told");
    decider
}

#[test]
fn a_held_handshake_is_accepted_when_its_service_says_so() {
    let (server, news) = serve_undecided(PATIENCE);
    let mut client = asking(&server);
    waits(&news);
    client.write(&frame(TEXT, b"before the answer"));
    let _decider = decide(&server, "accept");
    let head = client.read_head();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("X-Late: yes\r\n"), "{head}");
    assert!(head.contains("Sec-WebSocket-Protocol: chosen\r\n"), "{head}");
    assert_eq!(client.read_text(), "before the answer");
    client.send("after it");
    assert_eq!(client.read_text(), "after it");
}

#[test]
fn bytes_in_one_write_with_the_request_are_the_first_input() {
    let (server, news) = serve_undecided(PATIENCE);
    let mut client = Client::raw(tcp(server.address));
    let protocol = "\r\nSec-WebSocket-Protocol: chosen\r\n\r\n";
    let head = request("/").replace("\r\n\r\n", protocol);
    client.write(&[head.as_bytes(), &frame(TEXT, b"glued"), &frame(TEXT, b"twice")].concat());
    waits(&news);
    let _decider = decide(&server, "accept");
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    assert_eq!((client.read_text(), client.read_text()), ("glued".to_owned(), "twice".to_owned()));
}

#[test]
fn a_held_handshake_is_refused_when_its_service_says_so_and_it_hears_no_more() {
    let (server, news) = serve_undecided(PATIENCE);
    let mut client = asking(&server);
    waits(&news);
    let decider = decide(&server, "refuse");
    let head = client.read_head();
    assert!(head.starts_with("HTTP/1.1 409 "), "{head}");
    drop((client, decider));
    server.assert_empty();
    assert!(news.try_recv().is_err());
}

#[test]
fn a_peer_that_leaves_while_it_waits_is_reported() {
    let (server, news) = serve_undecided(PATIENCE);
    let client = asking(&server);
    waits(&news);
    drop(client);
    assert!(matches!(next(&news), News::Gone(CloseCause::Eof | CloseCause::Io(_))));
    let mut decider = Client::connect_to(server.address, "/decide");
    decider.send("accept");
    assert_eq!(decider.read_text(), "gone");
}

#[test]
fn a_wait_ends_with_504_and_the_service_is_told() {
    let (server, news) = serve_undecided(Duration::from_millis(50));
    let began = Instant::now();
    let mut client = asking(&server);
    waits(&news);
    assert!(client.read_head().starts_with("HTTP/1.1 504 "));
    assert!(matches!(next(&news), News::Gone(CloseCause::IdleTimeout)));
    assert!(began.elapsed() < Limits::default().handshake_timeout, "not only when the life clock looks");
    drop(client);
    server.assert_empty();
}

#[test]
fn a_drain_answers_those_who_wait() {
    let (server, news) = serve_undecided(PATIENCE);
    let mut client = asking(&server);
    waits(&news);
    let draining = std::thread::spawn(move || server.net.drain(PATIENCE));
    assert!(client.read_head().starts_with("HTTP/1.1 503 "));
    assert!(matches!(next(&news), News::Gone(CloseCause::Drained)));
    drop(client);
    assert_eq!(draining.join().expect("no panic").cut, 0);
}

#[test]
fn timers_of_a_held_handshake_fire() {
    struct Late(Option<ConnectionId>);
    impl Service for Late {
        fn on_hold(&mut self, held: &mut Held<'_>) {
            self.0 = Some(held.id());
            let at = held.local().now() + Duration::from_millis(20);
            held.timer_at(at);
        }
        fn on_timer(&mut self, socket: &mut Socket<'_>, _: Timer) {
            if let Some(held) = self.0.and_then(|id| socket.local().held(id).map(|held| held.id())) {
                let mut local = socket.local();
                local.held(held).expect("it waits").accept(None, &[]).expect("a valid answer");
            }
        }
        fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}
    }
    let server = serve(Limits::default(), |_| {
        let Verdict::Accept(accept) = accept(Late(None)) else { unreachable!() };
        Verdict::Accept(Accept { hold: Some(PATIENCE), ..accept })
    });
    Client::connect(server.address);
}
