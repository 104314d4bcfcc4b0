//! tungstenite reads what we write and writes what we read, as server and as client.

use std::io::{self, Cursor, Read, Write};

use tungstenite::{
    Message as Theirs, WebSocket,
    protocol::{CloseFrame, Role as TheirRole, frame::coding::CloseCode as TheirCode},
};
use wigwag_proto::{CloseCode, Event, Message, MessageKind, Role};

use super::support::*;

/// A stream in memory: reads what it was given, then would block.
struct Wire {
    incoming: Cursor<Vec<u8>>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn peer_of(role: Role, incoming: Vec<u8>) -> WebSocket<Wire> {
    let role = match role {
        Role::Server => TheirRole::Client,
        Role::Client => TheirRole::Server,
    };
    WebSocket::from_raw_socket(Wire { incoming: Cursor::new(incoming), outgoing: Vec::new() }, role, None)
}

fn endpoint(role: Role) -> Endpoint {
    Endpoint::new(role, Default::default(), None)
}

#[test]
fn tungstenite_reads_what_we_write() {
    for role in [Role::Server, Role::Client] {
        let mut ours = endpoint(role);
        let long = "long é ".repeat(20_000);
        ours.send_text("short");
        ours.send_text(&long);
        ours.connection.send(Message::Binary(&[0xff; 300]), &mut ours.context).expect("open");
        ours.connection.send_piece(MessageKind::Text, "κό".as_bytes(), false, &mut ours.context).expect("open");
        ours.connection.send_piece(MessageKind::Text, "σμε".as_bytes(), true, &mut ours.context).expect("open");
        let mut wire = ours.write_all();
        ours.connection.ping(b"ping", &mut ours.context).expect("open");
        ours.close(CloseCode::GOING_AWAY, "bye");
        wire.extend(ours.write_all());

        let mut theirs = peer_of(role, wire);
        let mut next = || theirs.read().expect("a message");
        assert_eq!(next(), Theirs::text("short"));
        assert_eq!(next(), Theirs::text(long));
        assert_eq!(next(), Theirs::binary(vec![0xff; 300]));
        assert_eq!(next(), Theirs::text("κόσμε"));
        assert_eq!(next(), Theirs::Ping(b"ping".to_vec().into()));
        assert_eq!(next(), Theirs::Close(Some(CloseFrame { code: TheirCode::Away, reason: "bye".into() })));
    }
}

#[test]
fn we_read_what_tungstenite_writes() {
    for role in [Role::Server, Role::Client] {
        let mut theirs = peer_of(role, Vec::new());
        let long = "long é ".repeat(20_000);
        for message in [
            Theirs::text("short"),
            Theirs::text(long.clone()),
            Theirs::binary(vec![0xff; 300]),
            Theirs::Ping(b"ping".to_vec().into()),
            Theirs::Close(Some(CloseFrame { code: TheirCode::Normal, reason: "bye".into() })),
        ] {
            theirs.send(message).expect("an open connection");
        }
        let wire = theirs.get_ref().outgoing.clone();
        let expected = [text("short"), text(&long), binary(&[0xff; 300]), ping(b"ping"), closed(1000, "bye")];
        for sizes in [&[usize::MAX][..], &[1000], &[1, 5, 20_000, 3]] {
            assert_eq!(endpoint(role).read_in(&wire, sizes), expected, "{role:?}, chunks {sizes:?}");
        }
    }
}

#[test]
fn an_echo_and_a_close_agree_with_tungstenite() {
    for role in [Role::Server, Role::Client] {
        let mut theirs = peer_of(role, Vec::new());
        theirs.send(Theirs::text("echo this")).expect("open");
        theirs.close(None).expect("open");
        let mut ours = endpoint(role);
        let wire = theirs.get_ref().outgoing.clone();
        let events = ours.read(&wire[..wire.len() - if role == Role::Server { 6 } else { 2 }]);
        assert_eq!(events, [text("echo this")]);
        ours.send_text("echo this");
        assert_eq!(
            ours.read(&wire[wire.len() - if role == Role::Server { 6 } else { 2 }..]),
            [Event::Close(Default::default())]
        );
        theirs.get_mut().incoming = Cursor::new(ours.write_all());
        assert_eq!(theirs.read().expect("the echo"), Theirs::text("echo this"));
        assert_eq!(theirs.read().expect("the answer to the Close"), Theirs::Close(None));
        assert!(ours.connection.is_clean());
    }
}
