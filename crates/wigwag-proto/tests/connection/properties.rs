//! What holds for any input, any chunks, any commands.

use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};
use wigwag_proto::{
    CloseCode, Config, Event, Message, MessageKind, Role,
    deflate::Negotiated,
    frame::{Header, Opcode},
};

use super::support::*;

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
}

fn agreed() -> impl Strategy<Value = Option<Negotiated>> {
    let some =
        (any::<bool>(), any::<bool>(), 9u8..=15, 9u8..=15).prop_map(|(server, client, server_bits, client_bits)| {
            Negotiated {
                server_no_context_takeover: server,
                client_no_context_takeover: client,
                server_max_window_bits: server_bits,
                client_max_window_bits: client_bits,
            }
        });
    prop_oneof![Just(None), some.prop_map(Some)]
}

fn small_config() -> Config {
    Config {
        message_bytes_max: 2000,
        fragments_max: 20,
        pongs_waiting_max: 4,
        deflate_bytes_min: 8,
        ..Config::default()
    }
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1usize..8, 1usize..300], 1..30)
}

/// The first byte of a frame and its payload: mostly what a peer may send, not always in an order it may.
fn likely_frame() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81u8, 0x82, 0x01, 0x02, 0x00, 0x80]),
        3 => prop::sample::select(vec![0x89u8, 0x8a]),
        1 => prop::sample::select(vec![0xc1u8, 0xc2, 0x41, 0x88]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => any::<String>().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..100),
        1 => vec(Just(b'x'), 100..700),
        1 => (1000u16..1012).prop_map(|code| code.to_be_bytes().to_vec()),
        1 => Just(vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
    ];
    (first, payload)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_chunking_gives_the_same_events_and_the_same_output(
        role in role(),
        agreed in agreed(),
        frames in vec(likely_frame(), 0..12),
        sizes in sizes(),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| from_peer_of(role, *first, payload)).collect();
        let mut whole = Endpoint::new(role, small_config(), agreed);
        let mut chunked = Endpoint::new(role, small_config(), agreed);
        prop_assert_eq!(whole.read(&bytes), chunked.read_in(&bytes, &sizes));
        prop_assert_eq!(whole.write_all(), chunked.write_all());
        prop_assert_eq!(whole.connection.close_reason(), chunked.connection.close_reason());
    }

    #[test]
    fn short_messages_as_bytes_change_nothing(
        role in role(),
        agreed in agreed(),
        frames in vec(likely_frame(), 0..12),
        sizes in sizes(),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| from_peer_of(role, *first, payload)).collect();
        let mut plain = Endpoint::new(role, small_config(), agreed);
        let mut short = Endpoint::new(role, small_config(), agreed);
        let mut rest = &bytes[..];
        for size in sizes.into_iter().chain([usize::MAX]) {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            prop_assert_eq!(plain.read(chunk), short.read_short(chunk));
            rest = after;
        }
        prop_assert_eq!(plain.write_all(), short.write_all());
        prop_assert_eq!(plain.connection.close_reason(), short.connection.close_reason());
    }

    #[test]
    fn pieces_together_are_the_messages(
        role in role(),
        frames in vec(likely_frame(), 0..12),
        sizes in sizes(),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| from_peer_of(role, *first, payload)).collect();
        let mut gathering = Endpoint::new(role, small_config(), None);
        let mut relaying = Endpoint::new(role, small_config(), None);
        relaying.connection.set_piecewise(true);
        prop_assert_eq!(gathering.read(&bytes), join_pieces(relaying.read_in(&bytes, &sizes)));
    }

    #[test]
    fn what_is_passed_on_is_what_came(
        role in role(),
        agreed in agreed(),
        frames in vec(likely_frame(), 0..12),
        sizes in sizes(),
        written_max in prop_oneof![Just(0), 1usize..300, Just(usize::MAX)],
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| from_peer_of(role, *first, payload)).collect();
        let other = if role == Role::Server { Role::Client } else { Role::Server };
        let mut gathering = Endpoint::new(role, small_config(), None);
        let mut relaying = Endpoint::new(role, small_config(), None);
        relaying.connection.set_piecewise(true);
        let wire = relaying.relay(&bytes, &sizes, &mut Endpoint::new(other, small_config(), agreed), written_max);
        let is_message = |event: &Event<'_>| matches!(event, Event::Text(_) | Event::Binary(_));
        let mut expected = gathering.read(&bytes);
        expected.retain(is_message);
        let mut received = Endpoint::new(role, small_config(), agreed).read(&wire);
        received.retain(is_message);
        prop_assert_eq!(received, expected);
        prop_assert_eq!(relaying.connection.error(), gathering.connection.error());
    }

    #[test]
    fn random_bytes_do_no_harm(role in role(), agreed in agreed(), bytes in vec(any::<u8>(), 0..300), sizes in sizes()) {
        let mut endpoint = Endpoint::new(role, small_config(), agreed);
        let events = endpoint.read_in(&bytes, &sizes);
        let ends = events.iter().filter(|event| matches!(event, Event::Close(_) | Event::Failed(_))).count();
        prop_assert!(ends <= 1);
        prop_assert_eq!(endpoint.connection.is_open(), ends == 0);
        parse_frames(&endpoint.write_all());
    }

    #[test]
    fn what_is_sent_is_received(
        from in role(),
        agreed in agreed(),
        messages in vec((any::<bool>(), any::<String>(), 1usize..60), 0..10),
        sizes in sizes(),
    ) {
        let to = if from == Role::Server { Role::Client } else { Role::Server };
        let config = || Config { deflate_bytes_min: 20, ..Config::default() };
        let (mut from, mut to) = (Endpoint::new(from, config(), agreed), Endpoint::new(to, config(), agreed));
        let mut expected = Vec::new();
        for (is_text, content, times) in messages {
            let content = content.repeat(times);
            let message = if is_text { Message::Text(&content) } else { Message::Binary(content.as_bytes()) };
            from.connection.send(message, &mut from.context).expect("open");
            expected.push(if is_text { text(&content) } else { binary(content.as_bytes()) });
        }
        prop_assert_eq!(to.read_in(&from.write_all(), &sizes), expected);
    }

    #[test]
    fn pongs_keep_their_order_and_frames_stay_whole(steps in vec(outbox_step(), 0..120)) {
        let mut server = Endpoint::server_with(Config { pongs_waiting_max: 4, ..Config::default() });
        let (mut wire, mut sent) = (Vec::new(), Vec::new());
        let mut pings = 0u32;
        for step in steps {
            match step {
                OutboxStep::Send(length) => {
                    let message = vec![sent.len() as u8; length];
                    server.connection.send(Message::Binary(&message), &mut server.context).expect("open");
                    sent.push(message);
                }
                OutboxStep::PingFromPeer => {
                    server.read(&masked(0x89, &pings.to_be_bytes()));
                    pings += 1;
                }
                OutboxStep::Write(count) => wire.extend(server.write(count)),
            }
        }
        wire.extend(server.write_all());
        let (pongs, data): (Vec<_>, Vec<_>) =
            parse_frames(&wire).into_iter().partition(|frame| frame.header.opcode == Opcode::Pong);
        let data: Vec<_> = data.into_iter().map(|frame| frame.payload).collect();
        prop_assert_eq!(data, sent);
        let numbers: Vec<u32> = pongs
            .into_iter()
            .map(|pong| u32::from_be_bytes(pong.payload.try_into().expect("four bytes")))
            .collect();
        prop_assert!(numbers.is_sorted_by(|before, after| before < after), "{:?}", numbers);
        prop_assert_eq!(numbers.last().map(|last| last + 1).unwrap_or(0), pings, "the newest is always answered");
    }

    #[test]
    fn headers_survive_encoding(
        fin: bool,
        rsv in 0u8..8,
        mask: Option<[u8; 4]>,
        payload_bytes in prop_oneof![0u64..300, 65_000u64..66_000, 0u64..1 << 63],
    ) {
        let header = Header { fin, rsv, opcode: Opcode::Binary, mask, payload_bytes };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        prop_assert_eq!(Header::parse(&bytes), Ok(Some((header, bytes.len()))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Two endpoints, wired to each other: whatever they do and however the bytes are cut, each hears what the other said,
    /// in order, and where one closes both end clean.
    #[test]
    fn two_endpoints_agree(agreed in agreed(), steps in vec(step(), 0..80)) {
        let config = || Config { deflate_bytes_min: 16, ..Config::default() };
        let mut pair = Pair {
            sides: [Endpoint::new(Role::Server, config(), agreed), Endpoint::new(Role::Client, config(), agreed)],
            wires: Default::default(),
            said: Default::default(),
            heard: Default::default(),
            unfinished: Default::default(),
        };
        for step in steps {
            pair.take(step);
        }
        pair.settle();
        for side in 0..2 {
            prop_assert_eq!(&pair.heard[side], &pair.said[1 - side], "heard by side {}", side);
        }
        let [server, client] = &pair.sides;
        prop_assert_eq!(server.connection.is_open(), client.connection.is_open());
        if !server.connection.is_open() {
            prop_assert!(server.connection.is_done() && client.connection.is_done());
            prop_assert!(server.connection.is_clean() && client.connection.is_clean());
        }
    }
}

#[derive(Clone, Debug)]
enum OutboxStep {
    Send(usize),
    PingFromPeer,
    Write(usize),
}

fn outbox_step() -> impl Strategy<Value = OutboxStep> {
    prop_oneof![
        prop_oneof![0usize..20, 100usize..400, 5000usize..9000].prop_map(OutboxStep::Send),
        Just(OutboxStep::PingFromPeer),
        prop_oneof![0usize..10, 50usize..6000].prop_map(OutboxStep::Write),
    ]
}

/// What one side does.
#[derive(Clone, Debug)]
enum Step {
    Send(usize, String),
    SendPiece(usize, String, bool),
    Ping(usize),
    Close(usize),
    Write(usize, usize),
    Read(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0usize..2;
    prop_oneof![
        6 => (side.clone(), any::<String>()).prop_map(|(side, text)| Step::Send(side, text)),
        3 => (side.clone(), any::<String>(), any::<bool>()).prop_map(|(side, text, last)| Step::SendPiece(side, text, last)),
        2 => side.clone().prop_map(Step::Ping),
        1 => side.clone().prop_map(Step::Close),
        8 => (side.clone(), 1usize..200).prop_map(|(side, count)| Step::Write(side, count)),
        8 => (side, 1usize..200).prop_map(|(side, count)| Step::Read(side, count)),
    ]
}

/// Two endpoints; `wires[side]` carries what that side wrote.
struct Pair {
    sides: [Endpoint; 2],
    wires: [VecDeque<u8>; 2],
    said: [Vec<String>; 2],
    heard: [Vec<String>; 2],
    unfinished: [Option<String>; 2],
}

impl Pair {
    fn take(&mut self, step: Step) {
        match step {
            Step::Send(side, content) => {
                let Endpoint { connection, context, .. } = &mut self.sides[side];
                if connection.send(Message::Text(&content), context).is_ok() {
                    self.said[side].push(content);
                }
            }
            Step::SendPiece(side, content, last) => {
                let Endpoint { connection, context, .. } = &mut self.sides[side];
                if connection.send_piece(MessageKind::Text, content.as_bytes(), last, context).is_ok() {
                    let so_far = self.unfinished[side].take().unwrap_or_default() + &content;
                    if last { self.said[side].push(so_far) } else { self.unfinished[side] = Some(so_far) }
                }
            }
            Step::Ping(side) => {
                let Endpoint { connection, context, .. } = &mut self.sides[side];
                let open = connection.is_open();
                assert_eq!(connection.ping(b"ping", context).is_ok(), open);
            }
            Step::Close(side) => self.sides[side].close(CloseCode::NORMAL, "done"),
            Step::Write(side, count) => {
                let written = self.sides[side].write(count);
                self.wires[side].extend(written);
            }
            Step::Read(side, count) => self.read(side, count),
        }
    }

    fn read(&mut self, side: usize, count: usize) {
        let wire = &mut self.wires[1 - side];
        let bytes: Vec<u8> = wire.drain(..count.min(wire.len())).collect();
        for event in self.sides[side].read(&bytes) {
            match event {
                Event::Text(text) => self.heard[side].push(text.into_owned()),
                Event::Ping(_) | Event::Pong(_) | Event::Close(_) => {}
                other => panic!("side {side}: {other:?}"),
            }
        }
    }

    /// Lets all that waits arrive. What a side said after the other's Close was on its way is heard as well, because an
    /// endpoint reads on until the answer comes.
    fn settle(&mut self) {
        for _ in 0..4 {
            for side in 0..2 {
                self.take(Step::Write(side, usize::MAX));
                self.read(1 - side, usize::MAX);
            }
        }
    }
}

fn join_pieces(events: Vec<Event<'static>>) -> Vec<Event<'static>> {
    let mut joined = Vec::new();
    let mut message = Vec::new();
    let mut is_whole = true;
    for event in events {
        match event {
            Event::Piece { kind, bytes, first, last } => {
                assert_eq!(first, is_whole, "a message begins once, and after the end of the one before");
                is_whole = last;
                message.extend_from_slice(&bytes);
                if last {
                    joined.push(match kind {
                        MessageKind::Text => text(std::str::from_utf8(&message).expect("validated text")),
                        MessageKind::Binary => binary(&message),
                    });
                    message.clear();
                }
            }
            other => joined.push(other),
        }
    }
    joined
}
