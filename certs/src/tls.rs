//! rustls configurations from PEM pairs. TLS 1.2 and 1.3, aws-lc-rs.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;
use crate::files::Pair;

/// Whether a listener insists on a client certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// A connection without one is refused.
    #[default]
    Required,
    /// A certificate is verified when there is one; who comes without is anonymous.
    Optional,
}

/// A listener's configuration: serves `pair`, verifies clients against `client_ca`.
///
/// `alpn` is offered in this order, e.g. `h2` before `http/1.1`.
pub fn server_config(
    pair: &Pair,
    client_ca: &str,
    client_auth: ClientAuth,
    alpn: &[&str],
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refuse = |reason: String| Error::Tls { purpose: "a listener", reason };
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots(client_ca)?), provider.clone());
    let verifier = match client_auth {
        ClientAuth::Required => verifier,
        ClientAuth::Optional => verifier.allow_unauthenticated(),
    };
    let verifier = verifier.build().map_err(|error| refuse(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(pair)?, key(pair)?)
        .map_err(|error| refuse(error.to_string()))?;
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// A client's configuration: trusts `ca`, and shows `pair` when there is one.
pub fn client_config(ca: &str, pair: Option<&Pair>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refuse = |reason: String| Error::Tls { purpose: "a client", reason };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?
        .with_root_certificates(roots(ca)?);
    let config = match pair {
        Some(pair) => builder
            .with_client_auth_cert(chain(pair)?, key(pair)?)
            .map_err(|error| refuse(error.to_string()))?,
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

pub(crate) fn roots(pem: &str) -> Result<RootCertStore, Error> {
    let refuse = |reason: String| Error::Tls { purpose: "trusted authorities", reason };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        store.add(certificate).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(store)
}

pub(crate) fn chain(pair: &Pair) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Tls { purpose: "a certificate chain", reason: error.to_string() })
}

pub(crate) fn key(pair: &Pair) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(pair.key.as_bytes())
        .map_err(|error| Error::Tls { purpose: "a private key", reason: error.to_string() })
}
