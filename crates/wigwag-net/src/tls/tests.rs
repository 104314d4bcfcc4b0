//! Each way in which a file can be wrong says which file, and what to do.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

struct Pair {
    cert: String,
    key: String,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Pair { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

fn files(dir: &TempDir, cert: &str, key: &str) -> TlsFiles {
    let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    fs::write(&files.cert, cert).unwrap();
    fs::write(&files.key, key).unwrap();
    files
}

/// Loading fails, and says this of this file.
#[track_caller]
fn check(cert: &str, key: &str, file: &str, expected: &str) {
    let dir = TempDir::new().unwrap();
    let error = ReloadableTls::load(files(&dir, cert, key)).unwrap_err().to_string();
    let error = error.replace(&format!("{}/", dir.path().display()), "");
    assert!(error.contains(file) && error.contains(expected), "{error}");
}

#[test]
fn errors_name_the_file_and_what_is_wrong_with_it() {
    let (one, other) = (pair(), pair());
    let (cert, key) = (&*one.cert, &*one.key);
    check("", key, "cert.pem: ", "holds no certificate in PEM");
    check(key, key, "cert.pem: ", "holds a private key, but no certificate");
    check(cert, cert, "key.pem: ", "holds a certificate, but no private key");
    check(cert, "", "key.pem: ", "holds no private key in PEM");
    check(&cert[..cert.len() - 10], key, "cert.pem: ", "is cut off");
    check(&cert.replace("MII", "!!!"), key, "cert.pem: ", "is no base64");
    check(cert, &other.key, "the key in key.pem ", "does not match the certificate in cert.pem");
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    check(cert, &encrypted, "key.pem: ", "the private key is encrypted: decrypt it");
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(junk, key, "cert.pem: ", "cannot be used");
}

#[test]
fn a_missing_file_is_named() {
    let files = TlsFiles { cert: "/no/such/cert.pem".into(), key: "/no/such/key.pem".into() };
    let error = ReloadableTls::load(files).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /no/such/cert.pem: "), "{error}");
}

#[test]
fn a_reload_takes_the_new_pair_and_keeps_the_old_one_where_that_fails() {
    let (old, new) = (pair(), pair());
    let dir = TempDir::new().unwrap();
    let files = files(&dir, &old.cert, &old.key);
    let tls = ReloadableTls::load(files.clone()).unwrap();
    let source = tls.source();

    let reloaded = tls.reload().unwrap();
    assert_eq!((reloaded.changed, reloaded.certificates), (false, 1));
    let before = (source.0)();
    fs::write(&files.cert, &new.cert).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })), "the new certificate has another key");
    assert!(Arc::ptr_eq(&before, &(source.0)()));

    fs::write(&files.key, &new.key).unwrap();
    assert!(tls.reload().unwrap().changed);
    assert!(!Arc::ptr_eq(&before, &(source.0)()));
}

#[test]
fn roots_of_a_client_come_from_its_file_alone() {
    let dir = TempDir::new().unwrap();
    let Pair { cert, key } = pair();
    let TlsFiles { cert, key } = files(&dir, &cert, &key);
    let config = |path: &Path| ClientTls { trust: Trust::File(path.to_owned()), identity: None }.config();
    assert_eq!(config(&cert).unwrap().alpn_protocols, [ALPN]);
    let error = config(&key).unwrap_err().to_string();
    assert!(error.contains("key.pem: holds a private key, but no certificate"), "{error}");
}
