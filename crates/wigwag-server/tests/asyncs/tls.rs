//! wss over loopback: whom a client trusts, and certificates that change while connections are open.

use std::fs;

use rcgen::generate_simple_self_signed;
use tempfile::TempDir;
use wigwag_net::{CloseCode, Net};
use wigwag_server::{
    async_client::{ClientOptions, ConnectError, connect, start_client},
    async_service,
    async_service::AsyncSocket,
    tls::{ClientTls, ReloadableTls, TlsFiles, Trust},
};

use crate::support::{DEADLINE, serve_with};

fn write_pair(files: &TlsFiles) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&files.cert, made.cert.pem()).unwrap();
    fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
}

struct Wss {
    _dir: TempDir,
    files: TlsFiles,
    tls: ReloadableTls,
    _server: Net,
    client: Net,
    port: u16,
}

fn wss() -> Wss {
    let dir = TempDir::new().unwrap();
    let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    write_pair(&files);
    let tls = ReloadableTls::load(files.clone()).unwrap();
    let echo = async_service(|mut socket| async move {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    });
    let (server, address) = serve_with(echo, Some(tls.source()));
    Wss { _dir: dir, files, tls, _server: server, client: start_client(1).unwrap(), port: address.port() }
}

impl Wss {
    async fn open(&self, trust: Trust) -> Result<AsyncSocket, ConnectError> {
        let mut options = ClientOptions::from_url(&format!("wss://localhost:{}/", self.port)).unwrap();
        options.tls = ClientTls { trust, identity: None };
        connect(&self.client.handle(), options.into_connect().unwrap()).await
    }

    async fn open_with_root(&self) -> Result<AsyncSocket, ConnectError> {
        self.open(Trust::File(self.files.cert.clone())).await
    }
}

async fn check_echo(socket: &mut AsyncSocket) {
    // Larger than one TLS record, and than a socket's buffer.
    let message = vec![7; 1 << 20];
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.recv().await.unwrap().unwrap().as_bytes(), message);
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await.expect("in time") })
}

#[test]
fn a_root_from_a_file_is_trusted_and_messages_pass_whole() {
    let wss = wss();
    run(async {
        let mut socket = wss.open_with_root().await.unwrap();
        check_echo(&mut socket).await;
        assert_eq!(socket.close(CloseCode::NORMAL, "").await.code(), 1000);
    });
}

#[test]
fn a_stranger_is_not_trusted_unless_everyone_is() {
    let wss = wss();
    run(async {
        let other = wss.files.cert.with_file_name("other.pem");
        write_pair(&TlsFiles { cert: other.clone(), key: wss.files.key.with_file_name("other.key") });
        let error = wss.open(Trust::File(other)).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
        let mut socket = wss.open(Trust::DangerouslyAnyone).await.unwrap();
        check_echo(&mut socket).await;
    });
}

#[test]
fn a_reload_serves_new_connections_and_leaves_open_ones_alone() {
    let wss = wss();
    run(async {
        let old_root = wss.files.cert.with_file_name("old.pem");
        fs::copy(&wss.files.cert, &old_root).unwrap();
        let mut early = wss.open_with_root().await.unwrap();
        write_pair(&wss.files);
        assert!(wss.tls.reload().unwrap().changed);
        let mut late = wss.open_with_root().await.unwrap();
        check_echo(&mut late).await;
        check_echo(&mut early).await;
        assert!(wss.open(Trust::File(old_root)).await.is_err());
    });
}
