//! PEM files: certificates and keys, or a sentence on what is wrong with the file.

use std::{fs::File, io::Read, path::Path};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error, PemObject},
};

use super::TlsError;

/// More than any chain or bundle of roots has; a wrong file (a device, a disk image) is not read whole.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// All certificates of a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| broken(path, &error))?;
    if certificates.is_empty() {
        let found = if has(&bytes, b"PRIVATE KEY-----") { "a private key, but " } else { "" };
        return Err(content(path, format!("holds {found}no certificate in PEM (-----BEGIN CERTIFICATE-----)")));
    }
    Ok(certificates)
}

/// The first private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read(path)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(Error::NoItemsFound) if has(&bytes, b"BEGIN ENCRYPTED PRIVATE KEY") => {
            let advice = "decrypt it (openssl pkey -in FILE -out PLAIN) and guard it by its permissions";
            Err(content(path, format!("the private key is encrypted: {advice}")))
        }
        Err(Error::NoItemsFound) => {
            let found = if has(&bytes, b"BEGIN CERTIFICATE") { "a certificate, but " } else { "" };
            Err(content(path, format!("holds {found}no private key in PEM (-----BEGIN PRIVATE KEY-----)")))
        }
        Err(error) => Err(broken(path, &error)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|why| TlsError::Read { path: path.to_owned(), why })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(content(path, format!("is larger than {} MiB: not a PEM file", FILE_BYTES_MAX >> 20)));
    }
    Ok(bytes)
}

fn broken(path: &Path, error: &Error) -> TlsError {
    let why = match error {
        Error::MissingSectionEnd { end_marker } => {
            format!("is cut off: {:?} is missing", String::from_utf8_lossy(end_marker))
        }
        Error::IllegalSectionStart { line } => format!("has the broken line {:?}", String::from_utf8_lossy(line)),
        Error::Base64Decode(why) => format!("has a section that is no base64: {why}"),
        error => error.to_string(),
    };
    content(path, why)
}

fn content(path: &Path, why: String) -> TlsError {
    TlsError::Content { path: path.to_owned(), why }
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
