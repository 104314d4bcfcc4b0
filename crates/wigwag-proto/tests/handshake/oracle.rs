//! Against another implementation: tungstenite's client and server over memory.

use std::io::{self, Read, Write};

use tungstenite::{
    HandshakeError,
    client::IntoClientRequest,
    handshake::server::{Request as TheirRequest, Response as TheirResponse},
};
use wigwag_proto::handshake::{
    HeadLimits,
    client::{Request as ClientRequest, Response},
    extensions::{DeflatePolicy, negotiate},
    server::{Request, Upgrade, write_accept},
};

/// A socket whose other end is this test.
#[derive(Debug, Default)]
struct Wire {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.incoming.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.incoming[..taken]);
        self.incoming.drain(..taken);
        Ok(taken)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn their_client_is_accepted_and_accepts_the_answer() {
    let mut request = "ws://localhost:8765/chat?a=b".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "chat, superchat".parse().unwrap());
    let Err(HandshakeError::Interrupted(mut their_client)) = tungstenite::client(request, Wire::default()) else {
        panic!("their client waits for an answer")
    };

    let bytes = std::mem::take(&mut their_client.get_mut().get_mut().outgoing);
    let head = Request::parse(&bytes, &HeadLimits::default()).unwrap().unwrap();
    assert_eq!((head.path(), head.query(), head.host()), ("/chat", Some("a=b"), Some("localhost:8765")));
    let upgrade = Upgrade::from_request(&head).unwrap();
    let grant = negotiate(upgrade.offers(), &DeflatePolicy::default());
    let answer = &mut their_client.get_mut().get_mut().incoming;
    write_accept(answer, &upgrade, Some("superchat"), grant.as_ref(), &[("Server", "wigwag")]).unwrap();

    let (_, response) = their_client.handshake().expect("their client accepts our answer");
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "superchat");
    assert_eq!(response.headers()["Server"], "wigwag");
}

#[test]
fn our_client_is_accepted_and_accepts_their_answer() {
    let request = ClientRequest {
        host: "localhost:8765",
        target: "/chat",
        key: *b"0123456789abcdef",
        protocols: &["chat"],
        deflate: DeflatePolicy::default(),
        origin: Some("http://localhost"),
        headers: &[],
    };
    let mut wire = Wire::default();
    request.write(&mut wire.incoming).unwrap();
    #[expect(clippy::result_large_err, reason = "the callback's type is theirs")]
    let choose = |_: &TheirRequest, mut response: TheirResponse| {
        response.headers_mut().insert("Sec-WebSocket-Protocol", "chat".parse().unwrap());
        Ok(response)
    };
    let their_server = tungstenite::accept_hdr(wire, choose).expect("their server accepts our request");

    let bytes = &their_server.get_ref().outgoing;
    let response = Response::parse(bytes, &HeadLimits::default(), &request.expected()).unwrap().unwrap();
    assert_eq!((response.protocol(), response.head_bytes()), (Some("chat"), bytes.len()));
}
