//! The client role.

use std::{net::TcpListener, sync::mpsc, time::Duration};

use wigwag_net::{CloseCause, CloseCode, Closed, Connect, Limits, Message, Net, OpenError, OpenErrorKind, Service};

use wigwag_proto::Config;

use crate::support::*;

#[derive(Debug, PartialEq)]
enum News {
    Open,
    Text(String),
    Binary(usize),
    Closed(u16, CloseCause),
}

/// Sends these texts on opening and reports all that happens.
fn reporter(texts: &'static [&'static str]) -> (impl Service, mpsc::Receiver<News>) {
    let (news_in, news) = mpsc::channel();
    let (opened, got, closed) = (news_in.clone(), news_in.clone(), news_in);
    let script = Script::new()
        .on_open(move |socket| {
            let _ = opened.send(News::Open);
            texts.iter().for_each(|text| socket.send(Message::Text(text)));
        })
        .on_message(move |_, message| {
            let _ = got.send(match message {
                Message::Text(text) => News::Text(text.to_owned()),
                Message::Binary(bytes) => News::Binary(bytes.len()),
            });
        })
        .on_close(move |end: &Closed| drop(closed.send(News::Closed(end.code(), end.cause.clone()))));
    (script, news)
}

/// Why a connection could not be opened.
fn why_not(net: &Net, connect: Connect) -> String {
    error_of(net, connect).why
}

fn error_of(net: &Net, connect: Connect) -> OpenError {
    let (service, news) = reporter(&[]);
    net.handle().connect(connect, service);
    let error = match next(&news) {
        News::Closed(1006, CloseCause::NotOpened(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(news.recv().is_err(), "told of more than that");
    eventually("no connection is left", || net.handle().connections() == 0);
    error
}

fn to(server: &Server, host: &str, path: &str) -> Connect {
    Connect::new(host, server.address.port(), path)
}

#[test]
fn an_echo_comes_back_and_the_peers_close_is_reported() {
    let server = serve(Limits::default(), |_| {
        accept(Script::new().on_message(|socket, message| match message {
            Message::Text("close") => socket.close(CloseCode::new(4321).expect("valid"), "as asked"),
            Message::Text("much") => socket.send(Message::Binary(&vec![1; 1 << 20])),
            other => socket.send(other),
        }))
    });
    let (service, news) = reporter(&["hello", "much", "close"]);
    server.net.handle().connect(to(&server, "127.0.0.1", "/"), service);
    assert_eq!(next(&news), News::Open);
    assert_eq!(next(&news), News::Text("hello".to_owned()));
    assert_eq!(next(&news), News::Binary(1 << 20));
    assert_eq!(next(&news), News::Closed(4321, CloseCause::Peer));
    assert!(news.recv().is_err(), "told twice");
    server.assert_empty();
    assert_eq!(server.opened(), 2);
}

#[test]
fn a_client_whose_writing_fails_reads_the_close_that_says_why() {
    // This server does not read to the end what it refuses, so that the rest of the message meets a reset.
    let limits = Limits { linger_bytes_max: 64 << 10, ..Limits::default() };
    let config = || Config { message_bytes_max: 1 << 10, ..Config::default() };
    let server = serve(limits, move |_| accept_with(Echo, config()));
    let (closes_in, closes) = mpsc::channel();
    let much = Script::new().on_open(|socket| socket.send(Message::Binary(&vec![0; 20 << 20]))).closes_to(&closes_in);
    server.net.handle().connect(to(&server, "127.0.0.1", "/"), much);
    let closed = next(&closes);
    assert_eq!((closed.code(), closed.cause), (1009, CloseCause::Peer));
    server.assert_empty();
}

#[test]
fn a_close_of_the_clients_is_answered() {
    let server = serve_each(Limits::default(), || Echo);
    let (closes_in, closes) = mpsc::channel();
    let service = Script::new().on_open(|socket| socket.close(CloseCode::NORMAL, "done")).closes_to(&closes_in);
    server.net.handle().connect(to(&server, "127.0.0.1", "/"), service);
    let closed = next(&closes);
    assert_eq!((closed.code(), closed.cause), (1000, CloseCause::Local));
    server.assert_empty();
}

#[test]
fn each_address_of_a_name_is_tried() {
    let server = serve_each(Limits::default(), || Echo);
    // The name may mean ::1 first, where nobody listens.
    let (service, news) = reporter(&["hello"]);
    server.net.handle().connect(to(&server, "localhost", "/"), service);
    assert_eq!(next(&news), News::Open);
    assert_eq!(next(&news), News::Text("hello".to_owned()));
}

#[test]
fn a_refusal_is_reported_with_its_reason() {
    let server = serve(Limits::default(), |path| match path {
        "/secret" => refuse(403, "not for you"),
        _ => refuse(404, "no such place"),
    });
    let why = why_not(&server.net, to(&server, "127.0.0.1", "/secret"));
    assert!(why.contains("403") && why.contains("not for you"), "{why}");
    let why = why_not(&server.net, to(&server, "127.0.0.1", "/elsewhere"));
    assert!(why.contains("404") && why.contains("no such place"), "{why}");
    server.assert_empty();
}

#[test]
fn nobody_there_is_reported() {
    let server = serve_each(Limits::default(), || Echo);
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    for host in ["127.0.0.1", "localhost"] {
        let error = error_of(&server.net, Connect::new(host, port, "/"));
        assert!(error.why.contains("cannot connect"), "{error}");
        assert_eq!(error.kind, OpenErrorKind::Unreachable(std::io::ErrorKind::ConnectionRefused));
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let server = serve_each(Limits::default(), || Echo);
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("bound").port();
    let connect = Connect { timeout: Duration::from_millis(50), ..Connect::new("127.0.0.1", port, "/") };
    let why = why_not(&server.net, connect);
    assert!(why.contains("no answer"), "{why}");
}

#[test]
fn what_cannot_be_asked_for_is_reported() {
    let server = serve_each(Limits::default(), || Echo);
    let why = why_not(&server.net, to(&server, "127.0.0.1", "no slash"));
    assert!(why.contains("cannot write the request"), "{why}");
}

#[test]
fn a_server_that_answers_nonsense_is_reported() {
    let server = serve_each(Limits::default(), || Echo);
    let nonsense = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = nonsense.local_addr().expect("bound").port();
    let answering = std::thread::spawn(move || {
        let (mut socket, _) = nonsense.accept().expect("a connection");
        std::io::Write::write_all(&mut socket, b"SSH-2.0-nonsense\r\n\r\n").expect("sent");
        let _ = std::io::Read::read_to_end(&mut socket, &mut Vec::new());
    });
    let why = why_not(&server.net, Connect::new("127.0.0.1", port, "/"));
    assert!(!why.is_empty());
    answering.join().expect("no panic");
}

#[test]
fn a_client_of_ended_workers_is_told() {
    let server = serve_each(Limits::default(), || Echo);
    let handle = server.net.handle();
    server.net.drain(Duration::ZERO);
    let (service, news) = reporter(&[]);
    handle.connect(Connect::new("127.0.0.1", 1, "/"), service);
    assert!(matches!(next(&news), News::Closed(1006, CloseCause::NotOpened(_))));
    handle.publish(handle.topic("news"), &wigwag_net::Prepared::new(Message::Text("nobody hears")));
}

#[test]
fn clients_and_servers_of_different_nets_agree_on_compression() {
    let server = serve_each(Limits::default(), || Echo);
    let other = serve_with(2, Limits::default(), None, |_| accept(Echo));
    let (service, news) = reporter(&[TEXT_THAT_COMPRESSES]);
    other.net.handle().connect(to(&server, "127.0.0.1", "/"), service);
    assert_eq!(next(&news), News::Open);
    assert_eq!(next(&news), News::Text(TEXT_THAT_COMPRESSES.to_owned()));
    let bytes_in = server.sum(|metrics| metrics.routes[0].bytes_in.get()) as usize;
    assert!(bytes_in < TEXT_THAT_COMPRESSES.len(), "{bytes_in} bytes came for {}", TEXT_THAT_COMPRESSES.len());
}

const TEXT_THAT_COMPRESSES: &str = match std::str::from_utf8(&[b'a'; 5000]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

#[test]
fn given_addresses_are_tried_in_order_instead_of_asking_for_the_names() {
    let server = serve_each(Limits::default(), || Echo);
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let (service, news) = reporter(&["hello"]);
    let connect = Connect {
        addresses: vec![nobody, server.address],
        ..Connect::new("a.name.that.does.not.resolve.invalid", server.address.port(), "/")
    };
    server.net.handle().connect(connect, service);
    assert_eq!(next(&news), News::Open);
    assert_eq!(next(&news), News::Text("hello".to_owned()));
}
