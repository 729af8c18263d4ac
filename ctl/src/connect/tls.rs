//! TLS towards servers: whom to believe, and how to prove who asks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::Usage;

/// Files and choices that make up a TLS client.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The system's authorities without one.
    pub authority: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub believe_anyone: bool,
}

/// Bundles of the system's authorities, by distribution; the first that exists is taken.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Tls {
    /// Reads the files. HTTP/2 is what is spoken.
    pub fn client(&self) -> anyhow::Result<Arc<ClientConfig>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .context("no usable TLS version")?;
        let builder = if self.believe_anyone {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        } else {
            builder.with_root_certificates(self.authorities()?)
        };
        let mut config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key_file = key;
                let key = PrivateKeyDer::from_pem_file(key_file)
                    .with_context(|| format!("cannot read the key in {}", key_file.display()))?;
                builder.with_client_auth_cert(chain, key).with_context(|| {
                    format!("{} and {} do not fit", certificate.display(), key_file.display())
                })?
            }
            (None, None) => builder.with_no_client_auth(),
            (certificate, key) => {
                let name = |path: &Option<PathBuf>| {
                    path.as_ref().map_or("none".to_owned(), |path| path.display().to_string())
                };
                return Err(Usage(format!(
                    "a client certificate and its key go together: name both \
                     [key: {}, cert: {}]",
                    name(key),
                    name(certificate)
                ))
                .into());
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    fn authorities(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.authority {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .with_context(|| format!("unusable authority in {}", path.display()))?;
            }
            return Ok(roots);
        }
        let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let bundles = SYSTEM_BUNDLES.into_iter().map(PathBuf::from);
        if let Some(bundle) = named.into_iter().chain(bundles).find(|path| path.is_file()) {
            roots.add_parsable_certificates(certificates(&bundle)?);
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let certificates =
        read().with_context(|| format!("cannot read certificates from {}", path.display()))?;
    anyhow::ensure!(!certificates.is_empty(), "{} holds no certificate", path.display());
    Ok(certificates)
}

/// `--insecure-skip-tls-verify`: the handshake's own signatures are still checked.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
