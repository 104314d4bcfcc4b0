//! Connections opened from a callback, on the same worker; and a side that stays open after its peer's has ended.

use std::{
    net::{SocketAddr, TcpListener},
    sync::mpsc,
};

use wigwag_net::{
    CloseCause, CloseCode, Closed, Connect, Limits, Local, Message, Net, OpenErrorKind, PeerEnd, Service, Socket,
};
use wigwag_proto::Config;

use crate::support::*;

/// Reports all that happens to it.
struct Reporter(mpsc::Sender<String>);

impl Service for Reporter {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        let agreed = socket.agreed().expect("a client in on_open");
        let upgrade = agreed.headers("upgrade").next().expect("a header of the 101");
        let _ = self.0.send(format!("open {:?} {upgrade}", agreed.protocol));
        socket.send(Message::Text("hello"));
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        assert!(socket.agreed().is_none(), "not kept");
        let _ = self.0.send(format!("{message:?}"));
    }

    fn on_gone(&mut self, _: &mut Local<'_>, closed: &Closed) {
        let _ = self.0.send(match &closed.cause {
            CloseCause::NotOpened(error) => format!("not opened: {:?}", error.kind),
            other => other.to_string(),
        });
    }
}

/// A server whose `/connect` opens connections as it is told: an address, or "name", or "cancel".
fn serve_connecting(target: SocketAddr) -> (Server, mpsc::Receiver<String>) {
    let (news_in, news) = mpsc::channel();
    let server = serve(Limits::default(), move |path| {
        if path == "/echo" {
            return accept(Echo);
        }
        let news = news_in.clone();
        accept(Script::new().on_message(move |socket, message| {
            let Message::Text(text) = message else { return };
            let connect = match text {
                "name" => Connect::new("name.invalid", 80, "/echo"),
                "addresses" => Connect {
                    addresses: vec![nowhere(), target],
                    ..Connect::new("name.invalid", target.port(), "/echo")
                },
                _ => Connect::new(target.ip().to_string(), target.port(), "/echo"),
            };
            let mut local = socket.local();
            let id = local.connect(connect, Reporter(news.clone()));
            if text == "cancel" {
                local.cancel(id.expect("under way"));
            }
            socket.send(Message::Text(if id.is_some() { "under way" } else { "failed" }));
        }))
    });
    (server, news)
}

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}

#[test]
fn a_callback_opens_a_connection_on_its_worker() {
    let echo = serve_each(Limits::default(), || Echo);
    for how in ["address", "addresses"] {
        let (server, news) = serve_connecting(echo.address);
        let mut client = Client::connect(server.address);
        client.send(how);
        assert_eq!(client.read_text(), "under way");
        assert_eq!(next(&news), "open None websocket");
        assert_eq!(next(&news), "Text(\"hello\")");
    }
}

#[test]
fn what_cannot_be_begun_is_told_after_the_callback() {
    let (server, news) = serve_connecting(nowhere());
    let mut client = Client::connect(server.address);
    client.send("name");
    assert_eq!(client.read_text(), "failed");
    assert_eq!(next(&news), "not opened: Unresolved");
    client.send("address");
    assert_eq!(client.read_text(), "under way");
    assert_eq!(next(&news), "not opened: Unreachable(ConnectionRefused)");
    drop(client);
    server.assert_empty();
}

#[test]
fn a_cancelled_connection_is_gone_without_a_word() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (server, news) = serve_connecting(silent.local_addr().expect("bound"));
    let mut client = Client::connect(server.address);
    client.send("cancel");
    assert_eq!(client.read_text(), "under way");
    drop(client);
    server.assert_empty();
    assert!(news.try_recv().is_err());
}

#[test]
fn a_refusal_is_seen_with_its_whole_body() {
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = refusing.local_addr().expect("bound").port();
    let answering = std::thread::spawn(move || {
        let (socket, _) = refusing.accept().expect("a connection");
        let mut client = Client::raw(socket);
        client.read_head();
        client.write(b"HTTP/1.1 403 Forbidden\r\nX-Why: rain\r\nContent-Length: 10\r\n\r\n01234");
        client.write(b"56789");
        let _ = client.read_to_end();
    });
    let net = Net::client(1, Limits::default()).expect("a worker");
    let (closes_in, closes) = mpsc::channel();
    net.handle().connect(Connect::new("127.0.0.1", port, "/"), Script::new().closes_to(&closes_in));
    let CloseCause::NotOpened(error) = next(&closes).cause else { panic!("it was opened") };
    let refusal = error.refusal.expect("an HTTP status");
    assert_eq!((refusal.status, refusal.header("x-why"), &*refusal.body), (403, Some("rain"), &b"0123456789"[..]));
    answering.join().expect("no panic");
}

#[test]
fn a_server_that_ends_before_it_answers_is_told_apart() {
    let ending = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = ending.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        let (socket, _) = ending.accept().expect("a connection");
        Client::raw(socket).read_head();
    });
    let net = Net::client(1, Limits::default()).expect("a worker");
    let (closes_in, closes) = mpsc::channel();
    net.handle().connect(Connect::new("127.0.0.1", port, "/"), Script::new().closes_to(&closes_in));
    let CloseCause::NotOpened(error) = next(&closes).cause else { panic!("it was opened") };
    assert_eq!((error.kind, error.refusal), (OpenErrorKind::Ended, None));
}

/// Has something to say after the peer's end.
struct LastWords;

impl Service for LastWords {
    fn on_message(&mut self, _: &mut Socket<'_>, _: Message<'_>) {}

    fn on_peer_end(&mut self, socket: &mut Socket<'_>, end: PeerEnd<'_>) {
        socket.send(Message::Text(match end {
            PeerEnd::Close(_) => "you closed",
            PeerEnd::Failed(_) => "you failed",
        }));
        socket.close(CloseCode::new(4000).expect("valid"), "");
    }
}

fn half_open() -> Config {
    Config { half_open: true, ..Config::default() }
}

#[test]
fn the_last_words_come_before_the_answer_to_a_close_or_a_breach() {
    let server = serve(Limits::default(), |_| accept_with(LastWords, half_open()));
    let mut client = Client::connect(server.address);
    client.send_close(1000);
    assert_eq!(client.read_text(), "you closed");
    assert_eq!(client.read_close(), 4000);
    client.assert_end();
    let mut client = Client::connect(server.address);
    client.write(&frame(3, b""));
    assert_eq!(client.read_text(), "you failed");
    assert_eq!(client.read_close(), 1002);
    client.assert_end();
    server.assert_empty();
}

#[test]
fn who_has_no_last_words_answers_at_once() {
    let server = serve(Limits::default(), |_| accept_with(Echo, half_open()));
    let mut client = Client::connect(server.address);
    client.write(&[frame(TEXT, b"hello"), frame(CLOSE, &4321_u16.to_be_bytes())].concat());
    assert_eq!(client.read_text(), "hello");
    assert_eq!(client.read_close(), 4321);
    client.assert_end();
    server.assert_empty();
}
