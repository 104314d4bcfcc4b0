//! TLS from end to end: `wigwag serve` with a self-signed certificate, and `wigwag try` with what it may trust.

use std::process::Output;

use tempfile::TempDir;

use crate::support::{Serving, command, signal, stderr};

/// A server, and the folder with its `cert.pem`.
struct Secure {
    server: Serving,
    folder: TempDir,
}

impl Secure {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        write_pair(&folder);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let server = Serving::start(&["--listen", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key]);
        Self { server, folder }
    }

    /// `wigwag try echo` with these flags, in the certificate's folder, for a host at the server's port.
    fn try_echo(&self, host: &str, flags: &[&str]) -> Output {
        let url = format!("wss://{host}:{}", self.server.addresses()[0].port());
        let mut command = command(&[&["try", "echo", "-n", "100", "--url", &url], flags].concat());
        command.current_dir(&self.folder).output().expect("the binary runs")
    }
}

fn write_pair(folder: &TempDir) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("valid names");
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).expect("the directory is writable");
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).expect("the directory is writable");
}

#[track_caller]
fn succeeds(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let counted = String::from_utf8_lossy(&output.stdout).ends_with("100 sent, 100 answered, 0 lost\n");
    assert!(counted, "{:?}", output.stdout);
}

#[test]
fn banner_names_https_and_wss() {
    let secure = Secure::start();
    let address = secure.server.addresses()[0];
    for line in [format!("  page     https://{address}/"), format!("  echo     wss://{address}/echo")] {
        assert!(secure.server.banner.contains(&line), "{line:?} is not in {:?}", secure.server.banner);
    }
}

#[test]
fn certificate_in_the_file_is_trusted_by_address_and_by_name() {
    let secure = Secure::start();
    succeeds(&secure.try_echo("127.0.0.1", &["--cacert", "cert.pem"]));
    succeeds(&secure.try_echo("localhost", &["--cacert", "cert.pem"]));
}

#[test]
fn any_certificate_is_trusted_where_asked_for() {
    let secure = Secure::start();
    succeeds(&secure.try_echo("127.0.0.1", &["--insecure"]));
    succeeds(&secure.try_echo("127.0.0.1", &["-k"]));
}

#[test]
fn unknown_certificate_is_refused_with_what_to_do() {
    let secure = Secure::start();
    let stranger = tempfile::tempdir().expect("a temporary directory");
    write_pair(&stranger);
    let other = stranger.path().join("cert.pem").display().to_string();
    let output = secure.try_echo("127.0.0.1", &["--cacert", &other]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("no connection to wss://127.0.0.1:"), "{}", stderr(&output));
    assert!(stderr(&output).contains("certificate"), "{}", stderr(&output));
    assert!(stderr(&output).contains("--cacert FILE"), "{}", stderr(&output));
}

#[test]
fn unusable_trust_is_named() {
    let secure = Secure::start();
    let output = secure.try_echo("127.0.0.1", &["--cacert", "absent.pem"]);
    assert!(stderr(&output).contains("cannot read absent.pem"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
    let output = secure.try_echo("127.0.0.1", &["--cacert", "cert.pem", "-k"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn hangup_takes_the_new_certificate() {
    let secure = Secure::start();
    succeeds(&secure.try_echo("127.0.0.1", &["--cacert", "cert.pem"]));
    write_pair(&secure.folder);
    let output = secure.try_echo("127.0.0.1", &["--cacert", "cert.pem"]);
    assert_eq!(output.status.code(), Some(1), "the old certificate is still served");
    signal(&secure.server.child, "HUP");
    secure.server.await_error("certificate reloaded");
    succeeds(&secure.try_echo("127.0.0.1", &["--cacert", "cert.pem"]));
}
