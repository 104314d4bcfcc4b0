//! TLS from files: certificates for the server that can be replaced while it runs, and whom a client trusts.
//!
//! The cryptography is aws-lc's, named here and nowhere else, so that nothing depends on a process-wide default. Absent
//! on purpose: the TLS of a connection (that is the workers'), and when to reload.

mod client;
mod pem;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    CertificateError, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use crate::net::TlsSource;

pub use self::client::{ClientTls, Trust};

/// HTTP/1.1 is all that is spoken here, WebSocket included (RFC 7301, RFC 6455 §4.1).
const ALPN: &[u8] = b"http/1.1";

/// Where a certificate and its key are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and after it those that lead to the root.
    pub cert: PathBuf,
    /// The certificate's private key, unencrypted: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// A server's TLS configuration, which can be read anew while the server runs. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct ReloadableTls {
    files: Arc<TlsFiles>,
    present: Arc<RwLock<Present>>,
}

struct Present {
    config: Arc<ServerConfig>,
    /// The server's own certificate, to tell whether a reload changed it.
    certificate: CertificateDer<'static>,
}

impl ReloadableTls {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file, what is wrong with it, and what to do.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let (present, _) = read(&files)?;
        Ok(Self { files: Arc::new(files), present: Arc::new(RwLock::new(present)) })
    }

    /// Reads the files again. New connections get the new certificate; those that are open keep theirs.
    ///
    /// # Errors
    /// As [`Self::load`]; the old certificate stays then.
    pub fn reload(&self) -> Result<Reloaded, TlsError> {
        let (new, certificates) = read(&self.files)?;
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        let changed = new.certificate != present.certificate;
        *present = new;
        Ok(Reloaded { cert: self.files.cert.clone(), certificates, changed })
    }

    /// What listeners ask for each new connection.
    #[must_use]
    pub fn source(&self) -> TlsSource {
        let this = self.clone();
        TlsSource(Arc::new(move || this.config()))
    }

    /// The present configuration.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.present.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }
}

impl fmt::Debug for ReloadableTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReloadableTls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The file.
    pub cert: PathBuf,
    /// Certificates in it.
    pub certificates: usize,
    /// Whether the server's own certificate is another one than before.
    pub changed: bool,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let news = if self.changed { "a new certificate" } else { "the same certificate as before" };
        write!(f, "{news} from {} ({} in the chain)", self.cert.display(), self.certificates)
    }
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word. Not a source: whoever prints those as well would say it twice.
        why: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The key is not the certificate's.
    #[error(
        "the key in {} does not match the certificate in {}: give the files of one pair, the server's certificate first",
        key.display(),
        cert.display()
    )]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The system has no roots to trust.
    #[error("the system has no trusted root certificates ({0}): install ca-certificates, or name a file of roots")]
    NoSystemRoots(String),
}

/// What to do about a peer's certificate, where rustls' own words do not tell.
pub(crate) fn advice(error: &rustls::Error) -> Option<&'static str> {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else { return None };
    // The verifier's error type is not rustls'; its name is all that comes through.
    (format!("{:?}", other.0) == "CaUsedAsEndEntity").then_some(
        "the server shows a certificate authority's certificate as its own (openssl req -x509 makes such by default): \
         make it anew with -addext basicConstraints=critical,CA:FALSE",
    )
}

/// The cryptography of all TLS here.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Reads and checks the files; gives the number of certificates too.
fn read(files: &TlsFiles) -> Result<(Present, usize), TlsError> {
    let (chain, key) = read_pair(files)?;
    let (certificate, certificates) = (chain[0].clone(), chain.len());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| pair_error(files, &error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok((Present { config: Arc::new(config), certificate }, certificates))
}

/// A chain of at least one certificate, and a key.
fn read_pair(files: &TlsFiles) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    Ok((pem::certificates(&files.cert)?, pem::key(&files.key)?))
}

/// Which of the two files rustls did not like.
fn pair_error(files: &TlsFiles, error: &rustls::Error) -> TlsError {
    let TlsFiles { cert, key } = files.clone();
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { cert, key },
        rustls::Error::InvalidCertificate(error) => {
            TlsError::Content { path: cert, why: format!("its first certificate cannot be used: {error:?}") }
        }
        error => TlsError::Content { path: key, why: format!("the key cannot be used: {error}") },
    }
}

#[cfg(test)]
mod tests;
