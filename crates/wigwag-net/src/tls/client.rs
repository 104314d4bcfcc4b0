//! TLS as client: whom to trust, and who we are.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{ALPN, TlsError, TlsFiles, pair_error, pem, provider, read_pair};

/// Whom a client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's roots.
    #[default]
    System,
    /// The roots in this PEM file, and no others.
    File(PathBuf),
    /// Anyone: the connection is encrypted, but nobody knows with whom. For tests with self-signed certificates.
    DangerouslyAnyone,
}

/// How a client speaks TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Whom it trusts. Default: the system's roots.
    pub trust: Trust,
    /// Its own certificate, where the server asks for one. Default: none.
    pub identity: Option<TlsFiles>,
}

impl ClientTls {
    /// The configuration for [`crate::Connect::tls`]. Reads files: make it once and share it.
    ///
    /// # Errors
    /// Which file, what is wrong with it, and what to do.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3");
        let builder = match &self.trust {
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::File(path) => builder.with_root_certificates(file_roots(path.clone())?),
            Trust::DangerouslyAnyone => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(DangerouslyTrustAnyone(provider)))
            }
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let (chain, key) = read_pair(files)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| pair_error(files, &error))?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Single roots that cannot be used are usual in a system's store, and harmless.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TlsError::NoSystemRoots(why));
    }
    Ok(roots)
}

fn file_roots(path: PathBuf) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(&path)? {
        if let Err(error) = roots.add(certificate) {
            return Err(TlsError::Content { path, why: format!("a certificate cannot be used as root: {error}") });
        }
    }
    Ok(roots)
}

/// Accepts every certificate. What remains checked is that the server has the certificate's key.
#[derive(Debug)]
struct DangerouslyTrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for DangerouslyTrustAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
