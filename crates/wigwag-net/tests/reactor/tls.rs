//! The same over TLS.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, mpsc},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use wigwag_net::{CloseCause, CloseCode, Connect, Limits, Message, OpenErrorKind, net::TlsSource};

use crate::support::*;

/// A certificate for `localhost`, for both sides.
fn configs() -> (TlsSource, Arc<ClientConfig>) {
    configs_of(IsCa::NoCa)
}

fn configs_of(is_ca: IsCa) -> (TlsSource, Arc<ClientConfig>) {
    let signing_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.is_ca = is_ca;
    let certificate = params.self_signed(&signing_key).expect("a certificate").der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let server = ServerConfig::builder().with_no_client_auth();
    let server = Arc::new(server.with_single_cert(vec![certificate.clone()], key).expect("a pair"));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (TlsSource(Arc::new(move || server.clone())), Arc::new(client))
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

fn tls_stream(server: &Server, config: &Arc<ClientConfig>) -> TlsStream {
    let name = "localhost".try_into().expect("a name");
    StreamOwned::new(ClientConnection::new(config.clone(), name).expect("a session"), tcp(server.address))
}

fn serve_tls(factory: impl Fn() -> Script + Send + Sync + 'static) -> (Server, Arc<ClientConfig>) {
    let (source, config) = configs();
    (serve_with(1, Limits::default(), Some(source), move |_| accept(factory())), config)
}

#[test]
fn messages_of_any_size_come_back() {
    let (server, config) = serve_tls(Script::new);
    let mut client = Client::open(tls_stream(&server, &config), "/");
    for bytes in [0, 5, 16_384, 70_000, 1 << 20] {
        let payload: Vec<u8> = (0..bytes).map(|index| index as u8).collect();
        client.write(&frame(BINARY, &payload));
        assert!(client.read_frame() == (BINARY, payload), "{bytes} bytes");
    }
    for number in 0..1000 {
        client.write(&frame(TEXT, format!("{number}").as_bytes()));
    }
    for number in 0..1000 {
        assert_eq!(client.read_text(), number.to_string());
    }
}

#[test]
fn a_close_ends_the_tls_stream_in_order() {
    let (closes_in, closes) = mpsc::channel();
    let (server, config) = serve_tls(move || Script::new().closes_to(&closes_in));
    let mut client = Client::open(tls_stream(&server, &config), "/");
    client.send_close(1000);
    assert_eq!(client.read_close(), 1000);
    // Without a close_notify this is an error.
    assert_eq!(client.read_to_end().expect("a TLS stream that was not cut off"), b"");
    assert_eq!(next(&closes).cause, CloseCause::Peer);
    server.assert_empty();
}

#[test]
fn a_close_of_ours_ends_the_tls_stream_in_order() {
    let (closes_in, closes) = mpsc::channel();
    let (server, config) =
        serve_tls(move || Script::new().on_open(|socket| socket.close(CloseCode::NORMAL, "")).closes_to(&closes_in));
    let mut client = Client::open(tls_stream(&server, &config), "/");
    assert_eq!(client.read_close(), 1000);
    client.send_close(1000);
    assert_eq!(client.read_to_end().expect("a TLS stream that was not cut off"), b"");
    drop(client);
    assert_eq!(next(&closes).cause, CloseCause::Local);
    server.assert_empty();
}

#[test]
fn a_half_closed_peer_reads_all_that_was_queued_for_it() {
    let (source, config) = configs();
    let limits = Limits { out_queue_high_water: 8 << 20, out_queue_low_water: 8 << 20, ..Limits::default() };
    let server = serve_with(1, limits, Some(source), |_| {
        accept(Script::new().on_message(|socket, _| socket.send(Message::Binary(&[9; 4 << 20]))))
    });
    let mut client = Client::open(tls_stream(&server, &config), "/");
    client.send("go");
    eventually("the queue stands", || server.sum(|metrics| metrics.out_queue_bytes.get()) > 0);
    client.stream.sock.shutdown(Shutdown::Write).expect("connected");
    assert!(client.read_frame() == (BINARY, vec![9; 4 << 20]));
    server.assert_empty();
}

#[test]
fn a_peer_that_vanishes_is_noticed() {
    let (closes_in, closes) = mpsc::channel();
    let (server, config) = serve_tls(move || Script::new().closes_to(&closes_in));
    let client = Client::open(tls_stream(&server, &config), "/");
    drop(client);
    assert_eq!(next(&closes).cause, CloseCause::Eof);
    server.assert_empty();
}

#[test]
fn a_peer_that_speaks_no_tls_is_dropped() {
    let (server, _config) = serve_tls(Script::new);
    let mut client = tcp(server.address);
    client.write_all(request("/").as_bytes()).expect("sent");
    let _ = client.read_to_end(&mut Vec::new());
    server.assert_empty();
}

#[test]
fn the_client_role_verifies_and_echoes() {
    let (server, config) = serve_tls(|| {
        Script::new().on_message(|socket, message| match message {
            Message::Text("close") => socket.close(CloseCode::NORMAL, ""),
            other => socket.send(other),
        })
    });
    let (news_in, news) = mpsc::channel();
    let (closes_in, closes) = mpsc::channel();
    let service = Script::new()
        .on_open(|socket| {
            socket.send(Message::Binary(&vec![5; 1 << 20]));
            socket.send(Message::Text("close"));
        })
        .on_message(move |_, message| {
            let _ = news_in.send(message.as_bytes().len());
        })
        .closes_to(&closes_in);
    let connect = Connect::new("localhost", server.address.port(), "/");
    server.net.handle().connect(Connect { tls: Some(config), ..connect.clone() }, service);
    assert_eq!(next(&news), 1 << 20);
    let closed = next(&closes);
    assert_eq!((closed.code(), closed.cause), (1000, CloseCause::Peer));
    server.assert_empty();

    let (_, stranger) = configs();
    let (closes_in, closes) = mpsc::channel();
    let service = Script::new().closes_to(&closes_in);
    server.net.handle().connect(Connect { tls: Some(stranger), ..connect }, service);
    match next(&closes).cause {
        CloseCause::NotOpened(error) => {
            assert!(error.why.contains("certificate"), "{error}");
            assert_eq!(error.kind, OpenErrorKind::Untrusted);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_for_no_websocket_is_given_away_with_a_session_that_works() {
    let (server, config) = serve_tls(Script::new);
    let mut client = tls_stream(&server, &config);
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let transport = next(&server.plain);
    assert_eq!(transport.unread, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    transport.socket.set_nonblocking(false).expect("a socket");
    let session = *transport.tls.expect("a TLS session");
    let mut stream = StreamOwned::new(session, transport.socket);
    client.write_all(b"more").expect("sent");
    let mut more = [0; 4];
    stream.read_exact(&mut more).expect("the rest");
    assert_eq!(&more, b"more");
    stream.write_all(b"an answer").expect("sent");
    stream.conn.send_close_notify();
    stream.flush().expect("sent");
    drop(stream);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert_eq!(answer, "an answer");
}

#[test]
fn an_authoritys_certificate_as_a_servers_own_is_explained() {
    let (source, config) = configs_of(IsCa::Ca(BasicConstraints::Unconstrained));
    let server = serve_with(1, Limits::default(), Some(source), |_| accept(Script::new()));
    let (closes_in, closes) = mpsc::channel();
    let connect = Connect { tls: Some(config), ..Connect::new("localhost", server.address.port(), "/") };
    server.net.handle().connect(connect, Script::new().closes_to(&closes_in));
    let CloseCause::NotOpened(error) = next(&closes).cause else { panic!("it was opened") };
    assert_eq!(error.kind, OpenErrorKind::Untrusted);
    assert!(error.why.contains("basicConstraints=critical,CA:FALSE"), "{error}");
}
