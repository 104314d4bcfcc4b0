//! Messages in, messages out.

use std::{io::Write, sync::mpsc};

use wigwag_net::{CloseCode, Connect, Limits, Message, MessageKind, Messages, Service, Socket};

use crate::support::*;

#[test]
fn text_and_binary_come_back_as_they_were() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = Client::connect(server.address);
    client.send("grüße");
    assert_eq!(client.read_text(), "grüße");
    client.write(&frame(BINARY, &[0, 255, 1]));
    assert_eq!(client.read_frame(), (BINARY, vec![0, 255, 1]));
}

#[test]
fn another_implementation_gets_its_answers() {
    let server = serve_each(Limits::default(), || Echo);
    let url = format!("ws://{}/", server.address);
    let (mut socket, _) = tungstenite::client(url, tcp(server.address)).expect("a handshake");
    for text in ["", "a", &"long ".repeat(50_000)] {
        socket.send(tungstenite::Message::text(text)).expect("sent");
        assert_eq!(socket.read().expect("an answer").into_text().expect("text").as_str(), text);
    }
    socket.close(None).expect("a Close");
    while socket.read().is_ok() {}
    server.assert_empty();
}

#[test]
fn frames_glued_to_the_head_are_the_first_messages() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = Client::raw(tcp(server.address));
    let mut bytes = request("/").into_bytes();
    bytes.extend(frame(TEXT, b"one"));
    bytes.extend(frame(TEXT, b"two"));
    bytes.extend(&frame(TEXT, b"three")[..4]);
    client.write(&bytes);
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    assert_eq!([client.read_text(), client.read_text()], ["one", "two"]);
    client.write(&frame(TEXT, b"three")[4..]);
    assert_eq!(client.read_text(), "three");
}

#[test]
fn a_head_that_comes_byte_by_byte_opens_the_connection() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = Client::raw(tcp(server.address));
    for byte in request("/").into_bytes() {
        client.write(&[byte]);
    }
    assert!(client.read_head().starts_with("HTTP/1.1 101 "));
    for byte in frame(TEXT, b"slow") {
        client.write(&[byte]);
    }
    assert_eq!(client.read_text(), "slow");
}

#[test]
fn a_message_of_any_size_comes_back_whole() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = Client::connect(server.address);
    for bytes in [125, 126, 65_535, 65_536, 65_537, 300_000, 1 << 20] {
        let payload: Vec<u8> = (0..bytes).map(|index| index as u8).collect();
        let mut writer = client.stream.try_clone().expect("a second handle");
        let sent = frame(BINARY, &payload);
        let writing = std::thread::spawn(move || writer.write_all(&sent));
        assert!(client.read_frame() == (BINARY, payload), "{bytes} bytes");
        writing.join().expect("no panic").expect("sent");
    }
}

#[test]
fn ten_thousand_messages_in_one_write_are_answered_in_order() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = Client::connect(server.address);
    let batch: Vec<u8> = (0..10_000).flat_map(|number| frame(TEXT, number.to_string().as_bytes())).collect();
    let mut writer = client.stream.try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || writer.write_all(&batch));
    for number in 0..10_000 {
        assert_eq!(client.read_text(), number.to_string());
    }
    writing.join().expect("no panic").expect("sent");
    assert_eq!(server.sum(|metrics| metrics.routes[0].messages_in.get()), 10_000);
    assert_eq!(server.sum(|metrics| metrics.routes[0].messages_out.get()), 10_000);
}

#[test]
fn a_ping_within_a_fragmented_message_is_answered_first() {
    let server = serve_each(Limits::default(), || Echo);
    let mut client = Client::connect(server.address);
    client.write(&frame_of(TEXT, b"first, "));
    client.write(&frame(PING, b"there?"));
    assert_eq!(client.read_frame(), (PONG, b"there?".to_vec()));
    client.write(&frame_of(0x80, b"last"));
    assert_eq!(client.read_text(), "first, last");
}

#[test]
fn pieces_are_reported_frame_by_frame() {
    let (pieces_in, pieces) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let pieces = pieces_in.clone();
        Script::new()
            .on_open(|socket| socket.set_piecewise(true))
            .on_piece(move |piece, first, last| drop(pieces.send((piece.to_vec(), first, last))))
    });
    let mut client = Client::connect(server.address);
    let first = frame_of(TEXT, b"abcdef");
    client.write(&first[..9]);
    client.write(&first[9..]);
    assert_eq!(next(&pieces), (b"abcdef".to_vec(), true, false));
    client.write(&frame_of(0x80, b""));
    assert_eq!(next(&pieces), (b"".to_vec(), false, true));
}

#[test]
fn a_connection_reaches_another_of_its_worker() {
    let (ids_in, ids) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let ids = ids_in.clone();
        let mut partner = None;
        let script = Script::new().on_open(move |socket| {
            let _ = ids.send(socket.id());
        });
        script.on_message(move |socket, message| {
            let Message::Text(text) = message else { return };
            if let Some(number) = text.strip_prefix("to ") {
                partner = REGISTRY.lock().expect("no panic").get(number.parse::<usize>().expect("a number")).copied();
                return;
            }
            match partner.and_then(|partner| socket.other(partner)) {
                Some(mut other) => other.send(message),
                None => socket.send(Message::Text("gone")),
            }
        })
    });
    let mut first = Client::connect(server.address);
    let first_id = next(&ids);
    let mut second = Client::connect(server.address);
    next(&ids);
    REGISTRY.lock().expect("no panic").push(first_id);
    second.send("to 0");
    second.send("hello");
    assert_eq!(first.read_text(), "hello");
    first.send_close(1000);
    assert_eq!(first.read_close(), 1000);
    first.assert_end();
    second.send("still there?");
    assert_eq!(second.read_text(), "gone");
}

static REGISTRY: std::sync::Mutex<Vec<wigwag_net::ConnectionId>> = std::sync::Mutex::new(Vec::new());

#[test]
fn messages_go_out_one_after_the_other_and_none_after_a_close() {
    let (sent_in, sent) = mpsc::channel();
    let server = serve_each(Limits::default(), move || {
        let sent_in = sent_in.clone();
        Script::new().on_message(move |socket, message| {
            let _ = sent_in.send(socket.send_each(message.kind(), [&b"0!"[..], b"1!", b"2!", b"3!"].into_iter()));
            socket.close(CloseCode::NORMAL, "");
            let _ = sent_in.send(socket.send_each(message.kind(), [&b"x"[..]].into_iter()));
        })
    });
    let mut client = Client::connect(server.address);
    client.send("four");
    for expected in ["0!", "1!", "2!", "3!"] {
        assert_eq!(client.read_text(), expected);
    }
    assert_eq!(client.read_close(), 1000);
    assert_eq!([next(&sent), next(&sent)], [true, false]);
    assert_eq!(server.sum(|worker| worker.routes[0].messages_out.get()), 4);
}

/// Takes some messages as bytes (half of them together, where they are short), the next as what they are, the rest one by one.
struct Taker {
    as_bytes: usize,
    as_messages: usize,
    heard: mpsc::Sender<(bool, Vec<u8>)>,
}

impl Service for Taker {
    fn on_message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
        let _ = self.heard.send((matches!(message, Message::Text(_)), message.as_bytes().to_vec()));
    }

    fn on_messages(&mut self, messages: &mut Messages<'_, '_>) {
        let together = self.as_bytes / 2;
        messages.take_while(|kind, bytes| {
            let wanted = self.as_bytes > together;
            if wanted {
                self.as_bytes -= 1;
                let _ = self.heard.send((kind == MessageKind::Text, bytes.to_vec()));
            }
            wanted
        });
        while self.as_bytes > 0
            && let Some((_, kind, bytes)) = messages.take_next_bytes()
        {
            self.as_bytes -= 1;
            let _ = self.heard.send((kind == MessageKind::Text, bytes.to_vec()));
        }
        while self.as_messages > 0
            && let Some((mut socket, message)) = messages.take_next()
        {
            self.as_messages -= 1;
            self.on_message(&mut socket, message);
        }
    }
}

/// Some of each kind, whether text, and as bytes.
fn messages_of_all_kinds() -> [(bool, Vec<u8>); 6] {
    let long = "long ".repeat(100);
    let all = [(true, "one"), (true, "grüße"), (false, "bytes"), (true, &long), (true, ""), (true, "last")];
    all.map(|(is_text, payload)| (is_text, payload.as_bytes().to_vec()))
}

#[test]
fn messages_are_the_same_however_a_server_takes_them() {
    let sent = messages_of_all_kinds();
    let mut bytes: Vec<u8> =
        sent.iter().flat_map(|(is_text, payload)| frame(if *is_text { TEXT } else { BINARY }, payload)).collect();
    bytes.extend(frame(TEXT, b"no text: \xff"));
    bytes.extend(frame(TEXT, b"too late"));
    for as_bytes in 0..=sent.len() + 1 {
        for as_messages in 0..=sent.len() - as_bytes.min(sent.len()) {
            let (heard_in, heard) = mpsc::channel();
            let server =
                serve_each(Limits::default(), move || Taker { as_bytes, as_messages, heard: heard_in.clone() });
            let mut client = Client::connect(server.address);
            client.write(&bytes);
            for one in &sent {
                assert_eq!(next(&heard), *one);
            }
            assert_eq!(client.read_close(), 1007);
            assert!(heard.try_recv().is_err(), "nothing that follows what is no text is dispatched");
        }
    }
}

#[test]
fn messages_are_the_same_however_a_client_takes_them() {
    let sent = messages_of_all_kinds();
    for as_bytes in 0..=sent.len() {
        for as_messages in 0..=sent.len() - as_bytes {
            let said = sent.clone();
            let server = serve(Limits::default(), move |_| {
                let said = said.clone();
                accept(Script::new().on_open(move |socket| {
                    for (is_text, payload) in &said {
                        match is_text {
                            true => socket.send(Message::Text(str::from_utf8(payload).expect("text"))),
                            false => socket.send(Message::Binary(payload)),
                        }
                    }
                }))
            });
            let (heard_in, heard) = mpsc::channel();
            let taker = Taker { as_bytes, as_messages, heard: heard_in };
            server.net.handle().connect(Connect::new("127.0.0.1", server.address.port(), "/"), taker);
            for one in &sent {
                assert_eq!(next(&heard), *one);
            }
        }
    }
}

/// Takes what it expects, and hears the rest.
struct Expecting {
    expected: Vec<[u8; 3]>,
    taken: mpsc::Sender<u64>,
    heard: mpsc::Sender<String>,
}

impl Service for Expecting {
    fn on_message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
        let text = String::from_utf8(message.as_bytes().to_vec()).expect("text");
        self.heard.send(text).expect("the test listens");
    }

    fn on_messages(&mut self, messages: &mut Messages<'_, '_>) {
        let taken = messages.take_equal(MessageKind::Text, self.expected.iter().copied());
        self.expected.drain(..taken as usize);
        self.taken.send(taken).expect("the test listens");
    }
}

#[test]
fn a_client_takes_what_it_expects_and_hears_the_rest() {
    let server = serve_each(Limits::default(), || {
        Script::new().on_open(|socket| {
            for text in ["one", "two", "six", "ten"] {
                socket.send(Message::Text(text));
            }
        })
    });
    for (expected, rest) in [
        (&["one", "two", "six", "ten", "top"][..], &[][..]),
        (&["one", "two", "top"], &["six", "ten"]),
        (&["top"], &["one", "two", "six", "ten"]),
    ] {
        let ((taken_in, taken), (heard_in, heard)) = (mpsc::channel(), mpsc::channel());
        let expected = expected.iter().map(|text| text.as_bytes().try_into().expect("three bytes")).collect();
        let client = Expecting { expected, taken: taken_in, heard: heard_in };
        server.net.handle().connect(Connect::new("127.0.0.1", server.address.port(), "/"), client);
        let mut all = 0;
        while all + rest.len() as u64 != 4 {
            all += next(&taken);
        }
        rest.iter().for_each(|text| assert_eq!(next(&heard), *text));
    }
}
