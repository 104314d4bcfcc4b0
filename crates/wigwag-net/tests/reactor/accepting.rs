//! Connections in numbers, and what is no WebSocket.

use std::io::{Read, Write};

use wigwag_net::{Limits, Message, Peer};

use crate::support::*;

#[test]
fn a_thousand_connections_on_two_workers_leave_all_counters_at_zero() {
    let server = serve_with(2, Limits::default(), None, |_| accept(Echo));
    let address = server.address;
    let mut clients: Vec<_> = (0..500).map(|_| Client::connect(address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&number.to_string());
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read_text(), number.to_string());
    }
    assert_eq!(server.net.handle().connections(), 500);
    for metrics in server.net.handle().metrics().iter() {
        assert!((150..=350).contains(&metrics.connections.get()), "uneven: {} of 500", metrics.connections.get());
    }
    // Half by a Close, half by going; and as many again, in their places.
    for (number, client) in clients.iter_mut().enumerate() {
        if number % 2 == 0 {
            client.send_close(1000);
            assert_eq!(client.read_close(), 1000);
        }
    }
    drop(clients);
    let clients: Vec<_> = (0..500).map(|_| Client::connect(address)).collect();
    drop(clients);
    server.assert_empty();
    assert_eq!(server.opened(), 1000);
    assert_eq!(server.sum(|metrics| metrics.accepted.get()), 1000);
}

#[test]
fn connections_over_the_bound_are_answered_503() {
    let server = serve_each(Limits { connections_max: 2, ..Limits::default() }, || Echo);
    let mut first = Client::connect(server.address);
    let _second = Client::connect(server.address);
    let mut third = Client::raw(tcp(server.address));
    third.write(request("/").as_bytes());
    let head = third.read_head();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.to_ascii_lowercase().contains("retry-after"), "{head}");
    third.read_to_end().expect("an end without a reset");
    drop(third);
    first.send("still served");
    assert_eq!(first.read_text(), "still served");
    drop(first);
    eventually("there is room again", || server.net.handle().connections() == 1);
    Client::connect(server.address);
}

#[test]
fn a_request_for_no_websocket_is_given_away_with_its_bytes() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = tcp(server.address);
    let asked = b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
    client.write_all(asked).expect("sent");
    let mut transport = next(&server.plain);
    assert_eq!(transport.unread, asked);
    server.assert_empty();
    transport.socket.set_nonblocking(false).expect("a socket");
    transport.socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("sent");
    drop(transport);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 204 "));
}

#[test]
fn an_adopted_connection_goes_on_where_the_other_side_stopped() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = Client::raw(tcp(server.address));
    client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut transport = next(&server.plain);
    transport.unread = frame(TEXT, b"glued");
    let wigwag_net::Verdict::Accept(verdict) = accept(Echo) else { unreachable!("an acceptance") };
    server.net.handle().adopt(transport, verdict, None);
    assert_eq!(client.read_text(), "glued");
    client.send("and on");
    assert_eq!(client.read_text(), "and on");
    client.send_close(1000);
    assert_eq!(client.read_close(), 1000);
    server.assert_empty();
}

#[test]
fn a_connection_that_comes_back_for_a_websocket_is_judged_anew() {
    let server =
        serve(Limits::default(), |path| if path == "/echo" { accept(Echo) } else { refuse(404, "no such place") });
    for (path, status) in [("/echo", "101"), ("/elsewhere", "404")] {
        let mut client = Client::raw(tcp(server.address));
        let peer = Peer {
            address: client.stream.local_addr().expect("connected"),
            local: server.address,
            tls: false,
            listener: 0,
        };
        client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut transport = next(&server.plain);
        let (head, rest) = (request(path), frame(TEXT, b"glued"));
        // A part was read elsewhere, the rest is still to come.
        transport.unread = head.as_bytes()[..30].to_vec();
        server.net.handle().readmit(transport, peer);
        client.write(&[&head.as_bytes()[30..], &rest].concat());
        assert!(client.read_head().starts_with(&format!("HTTP/1.1 {status} ")), "{path}");
        if status == "101" {
            assert_eq!(client.read_text(), "glued");
        }
        drop(client);
        server.assert_empty();
    }
}

#[test]
fn bad_heads_are_answered_with_400_and_bounds_with_431() {
    let server = serve_each(Limits::default(), || Echo);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    for (head, status) in
        [("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("nonsense\r\n\r\n", 400), (&long, 431)]
    {
        let mut client = Client::raw(tcp(server.address));
        client.write(head.as_bytes());
        let answer = client.read_head();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        client.read_to_end().expect("an end without a reset");
    }
    server.assert_empty();
}

/// In a process of its own, for the limit holds for the whole process: see the test below.
#[test]
#[ignore = "run by the test below, with few descriptors"]
fn with_few_descriptors() {
    let server = serve_each(Limits::default(), || Echo);
    let mut first = Client::connect(server.address);
    // The kernel still completes connections that the process has no descriptor for. Each client takes one as well.
    let mut clients = Vec::new();
    while let Ok(socket) = std::net::TcpStream::connect(server.address) {
        clients.push(socket);
        first.send("alive");
        assert_eq!(first.read_text(), "alive");
    }
    eventually("accepting has failed", || server.sum(|metrics| metrics.accept_errors.get()) > 0);
    first.send("alive");
    assert_eq!(first.read_text(), "alive");
    let errors = server.sum(|metrics| metrics.accept_errors.get());
    assert!(errors < 100, "accepting spins: {errors} errors");
    drop(clients);
    let mut after = Client::connect(server.address);
    after.send("accepted again");
    assert_eq!(after.read_text(), "accepted again");
}

#[cfg(unix)]
#[test]
fn running_out_of_descriptors_is_survived() {
    let program = std::env::current_exe().expect("this program");
    let output = std::process::Command::new("sh")
        .args(["-c", r#"ulimit -n 64; exec "$0" --exact accepting::with_few_descriptors --ignored"#])
        .arg(program)
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_permit_is_held_as_long_as_the_connection_lives() {
    let permit = std::sync::Arc::new(());
    let held = permit.clone();
    let server = serve(Limits::default(), move |_| match accept(Echo) {
        wigwag_net::Verdict::Accept(mut verdict) => {
            verdict.permit = Some(Box::new(held.clone()));
            wigwag_net::Verdict::Accept(verdict)
        }
        other => other,
    });
    let mut client = Client::connect(server.address);
    client.write(&frame(BINARY, Message::Text("x").as_bytes()));
    assert_eq!(client.read_frame().0, BINARY);
    assert_eq!(std::sync::Arc::strong_count(&permit), 3);
    drop(client);
    server.assert_empty();
    assert_eq!(std::sync::Arc::strong_count(&permit), 2);
}
