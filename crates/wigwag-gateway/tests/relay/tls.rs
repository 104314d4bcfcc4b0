//! Upstreams behind TLS.

use wigwag_gateway::{Failure, RelayConfig};
use wigwag_net::{
    Message, Service, Socket,
    tls::{ClientTls, ReloadableTls, TlsFiles, Trust},
};
use wigwag_server::{RunningServer, Server};

use super::support::*;

#[derive(Clone)]
struct Echo;

impl Service for Echo {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

/// An echo behind TLS, and where its certificate lies.
fn secure_echo() -> (RunningServer, String, TlsFiles, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.cert, pair.cert.pem()).expect("a disk");
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).expect("a disk");
    let tls = ReloadableTls::load(files.clone()).expect("a pair");
    let server = Server::builder().route("/up", Echo).tls(tls.source()).bind("127.0.0.1:0").expect("a free port");
    let server = server.start().expect("workers");
    let url = format!("wss://localhost:{}/up", server.local_addrs()[0].port());
    (server, url, files, folder)
}

fn trusting(trust: Trust) -> RelayConfig {
    RelayConfig { tls: ClientTls { trust, ..ClientTls::default() }, ..RelayConfig::default() }
}

#[test]
fn an_upstream_with_a_trusted_certificate_is_relayed_to() {
    let (_server, url, files, _folder) = secure_echo();
    for trust in [Trust::File(files.cert), Trust::DangerouslyAnyone] {
        let rig = rig_to(&url, trusting(trust));
        let mut client = Peer::open(rig.address);
        client.text("secret");
        assert_eq!(client.read_text(), "secret");
        let large = vec![b'x'; 300_000];
        client.send(BINARY, &large);
        let mut received = Vec::new();
        while received.len() < large.len() {
            received.extend(client.read().1);
        }
        assert!(received == large, "the same bytes");
    }
}

#[test]
fn an_upstream_with_a_foreign_certificate_is_a_502_and_not_waited_for() {
    let (_server, url, ..) = secure_echo();
    let other = secure_echo();
    let rig = rig_to(&url, trusting(Trust::File(other.2.cert)));
    let (status, _, body) = Peer::asking(rig.address, "").read_refusal();
    assert!(status == 502 && body.contains("certificate is not trusted"), "{status} {body}");
    assert_eq!(rig.failures(Failure::Untrusted), 1);
}
