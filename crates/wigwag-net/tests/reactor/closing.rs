//! The end of a connection, in every state: told once, nothing lost that could still be read, nothing left behind.

use std::{io::Read, net::Shutdown, sync::mpsc, time::Duration};

use wigwag_net::{CloseCause, CloseCode, Closed, Limits, Message};
use wigwag_proto::{Config, connection::ProtocolError};

use crate::support::*;

/// Echoes; on "close" closes with 4000, on "pause" stops reading first. Reports each end.
fn serve_closing(limits: Limits, config: Config) -> (Server, mpsc::Receiver<Closed>) {
    let (closes_in, closes) = mpsc::channel();
    let server = serve(limits, move |_| {
        let service = Script::new().on_message(|socket, message| match message {
            Message::Text("close") => socket.close(CloseCode::new(4000).expect("valid"), "asked for"),
            Message::Text("pause and close") => {
                socket.pause();
                socket.close(CloseCode::NORMAL, "");
            }
            other => socket.send(other),
        });
        accept_with(service.closes_to(&closes_in), config.clone())
    });
    (server, closes)
}

fn serve_default() -> (Server, mpsc::Receiver<Closed>) {
    serve_closing(Limits::default(), Config::default())
}

/// The one end that is told, once the connection has left its slot.
fn only_end(server: &Server, closes: &mpsc::Receiver<Closed>) -> Closed {
    let closed = next(closes);
    server.assert_empty();
    assert!(closes.try_recv().is_err(), "told twice");
    closed
}

#[test]
fn the_peers_close_is_answered_and_ends_the_stream() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.send("last words");
    client.send_close(1000);
    assert_eq!(client.read_text(), "last words");
    assert_eq!(client.read_close(), 1000);
    client.assert_end();
    let closed = only_end(&server, &closes);
    assert_eq!((closed.code(), closed.cause), (1000, CloseCause::Peer));
}

#[test]
fn a_close_of_ours_waits_for_the_peers_answer() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.send("close");
    assert_eq!(client.read_close(), 4000);
    assert!(closes.try_recv().is_err(), "told before the answer");
    client.send_close(4000);
    client.assert_end();
    drop(client);
    let closed = only_end(&server, &closes);
    assert_eq!((closed.code(), closed.cause), (4000, CloseCause::Local));
}

#[test]
fn closes_that_cross_end_the_connection() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.write(&[frame(TEXT, b"close"), frame(CLOSE, &1001_u16.to_be_bytes())].concat());
    assert_eq!(client.read_close(), 4000);
    client.assert_end();
    drop(client);
    assert_eq!(only_end(&server, &closes).code(), 1001);
}

#[test]
fn a_paused_connection_that_is_closed_reads_the_answer() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.send("pause and close");
    assert_eq!(client.read_close(), 1000);
    client.send_close(1000);
    client.assert_end();
    drop(client);
    assert_eq!(only_end(&server, &closes).cause, CloseCause::Local);
}

#[test]
fn a_peer_that_does_not_answer_a_close_is_cut() {
    let config = Config { close_timeout: Duration::from_millis(30), ..Config::default() };
    let (server, closes) = serve_closing(Limits::default(), config);
    let mut client = Client::connect(server.address);
    client.send("close");
    assert_eq!(client.read_close(), 4000);
    let closed = only_end(&server, &closes);
    assert_eq!((closed.code(), closed.cause), (1006, CloseCause::CloseTimeout));
}

#[test]
fn a_peer_that_ends_without_answering_our_close_is_not_reported_as_if_it_had() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.send("close");
    assert_eq!(client.read_close(), 4000);
    drop(client);
    let closed = only_end(&server, &closes);
    assert_eq!((closed.code(), closed.cause), (1006, CloseCause::Eof));
}

#[test]
fn a_peer_that_breaks_the_protocol_while_it_sends_can_read_why() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    let mut bytes = frame(TEXT, b"before");
    bytes.extend(frame_of(0x83, b"a reserved opcode"));
    bytes.extend(std::iter::repeat_n(0xff, 500_000));
    client.write(&bytes);
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(client.read_text(), "before");
    assert_eq!(client.read_close(), 1002);
    client.assert_end();
    let closed = only_end(&server, &closes);
    assert!(matches!(closed.cause, CloseCause::Protocol(ProtocolError::Frame(_))), "{closed:?}");
    assert_eq!(closed.code(), 1002);
}

#[test]
fn a_peer_that_goes_on_after_a_failing_close_is_cut_at_the_bound() {
    let limits = Limits { linger_timeout: Duration::from_millis(50), ..Limits::default() };
    let (server, closes) = serve_closing(limits, Config::default());
    let mut client = Client::connect(server.address);
    client.write(&frame_of(0x83, b""));
    assert_eq!(client.read_close(), 1002);
    client.assert_end();
    // The client keeps its side open: time is up for it.
    only_end(&server, &closes);
}

#[test]
fn a_reset_in_the_middle_of_a_frame_ends_the_connection() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.send("before");
    assert_eq!(client.read_text(), "before");
    client.write(&frame(BINARY, &[0; 1000])[..500]);
    socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).expect("connected");
    drop(client);
    let closed = only_end(&server, &closes);
    assert_eq!((closed.code(), closed.cause), (1006, CloseCause::Io(std::io::ErrorKind::ConnectionReset)));
}

#[test]
fn a_stream_that_ends_in_the_middle_of_a_frame_is_no_close() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.write(&frame(BINARY, &[0; 10_000])[..5000]);
    drop(client);
    let closed = only_end(&server, &closes);
    assert_eq!((closed.code(), closed.cause), (1006, CloseCause::Eof));
}

#[test]
fn a_half_closed_peer_reads_all_that_was_queued_for_it() {
    let (closes_in, closes) = mpsc::channel();
    // Marks above the message: reading goes on, and the end is seen while the queue stands.
    let limits = Limits { out_queue_high_water: 8 << 20, out_queue_low_water: 8 << 20, ..Limits::default() };
    let server = serve_each(limits, move || {
        Script::new().on_message(|socket, _| socket.send(Message::Binary(&[9; 4 << 20]))).closes_to(&closes_in)
    });
    let mut client = Client::connect(server.address);
    client.send("go");
    eventually("the queue stands", || server.sum(|metrics| metrics.out_queue_bytes.get()) > 0);
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert_eq!(next(&closes).cause, CloseCause::Eof);
    assert!(client.read_frame() == (BINARY, vec![9; 4 << 20]));
    client.assert_end();
    server.assert_empty();
    assert!(closes.try_recv().is_err(), "told twice");
}

#[test]
fn messages_before_the_end_of_the_stream_are_all_answered() {
    let (server, closes) = serve_default();
    let mut client = Client::connect(server.address);
    client.write(&(0..1000).flat_map(|n: u32| frame(TEXT, n.to_string().as_bytes())).collect::<Vec<_>>());
    client.stream.shutdown(Shutdown::Write).expect("connected");
    for number in 0..1000 {
        assert_eq!(client.read_text(), number.to_string());
    }
    client.assert_end();
    assert_eq!(only_end(&server, &closes).cause, CloseCause::Eof);
}

#[test]
fn a_peer_that_goes_during_its_handshake_leaves_nothing_behind() {
    let server = serve_each(Limits::default(), || Echo);
    for cut in [0, 1, 50] {
        let mut client = Client::raw(tcp(server.address));
        client.write(&request("/").as_bytes()[..cut]);
        eventually("it is accepted", || server.net.handle().connections() == 1);
        drop(client);
        server.assert_empty();
    }
    assert_eq!(server.opened(), 0);
}

#[test]
fn a_refused_peer_can_read_why_while_it_is_still_sending() {
    let server = serve(Limits::default(), |_| refuse(403, "not from there"));
    let mut client = Client::raw(tcp(server.address));
    let mut bytes = request("/").into_bytes();
    bytes.extend(std::iter::repeat_n(0, 200_000));
    client.write(&bytes);
    client.stream.shutdown(Shutdown::Write).expect("connected");
    let mut answer = String::new();
    client.stream.read_to_string(&mut answer).expect("an end without a reset");
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("not from there"), "{answer}");
    server.assert_empty();
}

#[test]
fn a_half_closed_peer_above_the_high_water_mark_reads_all_as_well() {
    let (closes_in, closes) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        Script::new().on_message(|socket, _| socket.send(Message::Binary(&[9; 4 << 20]))).closes_to(&closes_in)
    });
    let mut client = Client::connect(server.address);
    client.write(&[frame(TEXT, b"one"), frame(TEXT, b"two")].concat());
    client.stream.shutdown(Shutdown::Write).expect("connected");
    for _ in 0..2 {
        assert!(client.read_frame() == (BINARY, vec![9; 4 << 20]));
    }
    client.assert_end();
    assert_eq!(only_end(&server, &closes).cause, CloseCause::Eof);
}

#[test]
fn a_reset_is_noticed_while_the_service_does_not_read() {
    let (closes_in, closes) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        Script::new()
            .on_message(|socket, message| {
                socket.send(message);
                socket.pause();
            })
            .closes_to(&closes_in)
    });
    let mut client = Client::connect(server.address);
    client.send("paused");
    assert_eq!(client.read_text(), "paused");
    socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).expect("connected");
    drop(client);
    assert_eq!(only_end(&server, &closes).cause, CloseCause::Io(std::io::ErrorKind::ConnectionReset));
}
