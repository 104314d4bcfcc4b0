//! Messages on their way: what one side sends is what the other reads.

use wigwag_gateway::RelayConfig;
use wigwag_proto::handshake::extensions::DeflatePolicy;

use super::support::*;

#[test]
fn text_and_binary_pass_both_ways() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    client.text("höher");
    client.send(BINARY, &[0, 255, 1]);
    assert_eq!(server.read(), (TEXT, "höher".as_bytes().to_vec()));
    assert_eq!(server.read(), (BINARY, vec![0, 255, 1]));
    server.send(BINARY, b"");
    server.text("back");
    assert_eq!(client.read(), (BINARY, vec![]));
    assert_eq!(client.read(), (TEXT, b"back".to_vec()));
    let snapshot = rig.snapshot();
    assert_eq!((snapshot.messages_to_upstream, snapshot.messages_to_client), (2, 2));
    assert_eq!((snapshot.connections, snapshot.upstream_connections), (1, 1));
    assert_eq!(snapshot.connect_time.count(), 1);
}

#[test]
fn fragments_are_kept_both_ways_also_where_a_control_frame_stands_between_them() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    let fragments: [(u8, &[u8]); 4] = [(0x01, b"h\xc3"), (0x00, b""), (0x00, b"\xb6her"), (0x80, b"")];
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut client, &mut server];
        for (first, payload) in fragments {
            ends[from].send(first, payload);
            ends[from].send(PING, b"between");
        }
        for (first, payload) in fragments {
            assert_eq!(ends[to].read(), (first, payload.to_vec()), "no fragment and no Ping of the other side's");
        }
        for _ in fragments {
            assert_eq!(ends[from].read(), (PONG, b"between".to_vec()));
        }
    }
}

#[test]
fn a_frame_that_drips_in_stays_one_frame() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    for byte in client.frame(TEXT, "in drops, é".as_bytes()) {
        client.write(&[byte]);
    }
    assert_eq!(server.read_text(), "in drops, é");
    let large = vec![b'x'; 60_000];
    for part in server.frame(TEXT, &large).chunks(7_000) {
        server.write(part);
    }
    assert_eq!(client.read(), (TEXT, large));
}

#[test]
fn a_message_larger_than_any_buffer_passes() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    let large: Vec<u8> = (0..1 << 20).map(|number: u32| (number % 251) as u8).collect();
    let sent = large.clone();
    let writing = std::thread::spawn(move || {
        client.send(BINARY, &sent);
        client
    });
    let mut received = Vec::new();
    loop {
        let (first, payload) = server.read();
        assert_eq!(first & 0x7f, if received.is_empty() { 2 } else { 0 });
        received.extend(payload);
        if first & 0x80 != 0 {
            break;
        }
    }
    assert!(received == large, "the same bytes");
    writing.join().expect("all is sent");
}

#[test]
fn ten_thousand_messages_arrive_in_order() {
    let (rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    let echo = std::thread::spawn(move || {
        for _ in 0..10_000 {
            let text = server.read_text();
            server.text(&format!("{text} {}", text.len()));
        }
    });
    let batch: Vec<u8> =
        (0..10_000).flat_map(|number: u32| client.frame(TEXT, number.to_string().as_bytes())).collect();
    let mut writer = client.stream.try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &batch));
    for number in 0..10_000_u32 {
        let text = number.to_string();
        assert_eq!(client.read_text(), format!("{text} {}", text.len()));
    }
    writing.join().expect("no panic").expect("all is sent");
    echo.join().expect("all is answered");
    // What a read brought is counted when it is dealt with, which may be after its last byte is out.
    eventually("all are counted", || {
        let snapshot = rig.snapshot();
        (snapshot.messages_to_upstream, snapshot.messages_to_client) == (10_000, 10_000)
    });
    let samples = 2 * 10_000_u64.div_ceil(1024);
    eventually("the first and one in 1,024 are measured", || rig.snapshot().added_latency.count() == samples);
}

#[test]
fn pings_are_each_sides_own() {
    let (_rig, _upstream, mut client, mut server) = pair(RelayConfig::default());
    client.send(PING, b"client");
    assert_eq!(client.read(), (PONG, b"client".to_vec()));
    server.send(PING, b"server");
    assert_eq!(server.read(), (PONG, b"server".to_vec()));
    client.send(PONG, b"unasked");
    client.text("next");
    assert_eq!(server.read_text(), "next");
}

#[test]
fn bytes_glued_to_either_handshake_are_relayed() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let mut client = Peer::asking(rig.address, "");
    let glued = [client.frame(TEXT, b"glued"), client.frame(0x01, b"half")].concat();
    client.write(&glued);
    let (mut server, head) = upstream.accept_request();
    let answer = [accepting(&head, None, ""), server.frame(TEXT, b"glued too"), server.frame(0x01, b"more")].concat();
    server.write(&answer);
    client.read_101();
    assert_eq!(client.read(), (TEXT, b"glued too".to_vec()));
    assert_eq!(client.read(), (0x01, b"more".to_vec()));
    assert_eq!(server.read(), (TEXT, b"glued".to_vec()));
    assert_eq!(server.read(), (0x01, b"half".to_vec()));
}

#[test]
fn bytes_in_one_write_with_the_request_are_relayed() {
    let upstream = Upstream::new();
    let rig = rig(upstream.address, RelayConfig::default());
    let text = frame(true, TEXT, b"in one write");
    let stream = std::net::TcpStream::connect(rig.address).expect("a gateway");
    std::io::Write::write_all(&mut &stream, &[request("/ws", "").as_bytes(), &text].concat()).expect("sent");
    assert_eq!(upstream.accept().read_text(), "in one write");
}

#[test]
fn each_side_compresses_as_it_agreed() {
    let upstream = Upstream::new();
    let config = RelayConfig { upstream_deflate: DeflatePolicy::DISABLED, ..RelayConfig::default() };
    let rig = rig(upstream.address, config);
    let mut client = Peer::asking(rig.address, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let (mut server, head) = upstream.accept_request();
    assert!(!head.contains("permessage-deflate"), "{head}");
    server.write(&accepting(&head, None, ""));
    assert!(client.read_101().contains("permessage-deflate"));
    // RFC 7692 §7.2.3.1: "Hello", compressed.
    client.send(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    assert_eq!(server.read_text(), "Hello");
    let large = vec![b'x'; 10_000];
    server.send(TEXT, &large);
    let (first, payload) = client.read();
    assert!(first == 0xc1 && payload.len() < 1000, "{first:x}, {} bytes", payload.len());
}

#[test]
fn both_sides_may_compress() {
    let echo = wigwag_server::Server::builder().route("/up", Echo).bind("127.0.0.1:0").expect("a free port");
    let echo = echo.start().expect("workers");
    let config = RelayConfig { upstream_deflate: DeflatePolicy::default(), ..RelayConfig::default() };
    let rig = rig(echo.local_addrs()[0], config);
    let mut client = Peer::asking(rig.address, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    client.read_101();
    client.send(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    assert_eq!(client.read_text(), "Hello", "below the size that is worth it");
}

#[derive(Clone)]
struct Echo;

impl wigwag_net::Service for Echo {
    fn on_message(&mut self, socket: &mut wigwag_net::Socket<'_>, message: wigwag_net::Message<'_>) {
        socket.send(message);
    }
}
