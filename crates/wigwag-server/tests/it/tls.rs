//! HTTP and WebSocket over TLS: a session begun by a worker goes to the HTTP side and comes back.
//!
//! The certificate is a self-signed one for `localhost`, made for these tests alone.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use wigwag_net::net::TlsSource;

use crate::support::{PATIENCE, builder, handshake, start_with, text_frame};

const CERTIFICATE: &[u8] = include_bytes!("tls/cert.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

fn tls() -> TlsSource {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let config = Arc::new(config);
    TlsSource(Arc::new(move || config.clone()))
}

fn connect(address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CERTIFICATE).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(session, socket)
}

fn read_until(stream: &mut impl Read, end: &[u8]) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_session_goes_to_the_http_side_and_comes_back_for_a_websocket() {
    let (_server, address) = start_with(builder().tls(tls()));
    let mut stream = connect(address);
    for _ in 0..2 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(read_until(&mut stream, b"\r\n\r\nok\n").starts_with("HTTP/1.1 200 OK"));
    }
    stream.write_all(handshake("/echo", "").as_bytes()).unwrap();
    assert!(read_until(&mut stream, b"\r\n\r\n").starts_with("HTTP/1.1 101"));
    stream.write_all(&text_frame("over TLS")).unwrap();
    read_until(&mut stream, b"\x81\x08over TLS");
}

#[test]
fn an_answer_that_ends_the_connection_says_so_in_tls() {
    let (_server, address) = start_with(builder().tls(tls()));
    let mut stream = connect(address);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    // Without close_notify this would be an error.
    stream.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
}
