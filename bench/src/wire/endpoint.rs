//! Where a server listens, and how its connections are made.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::ClientConfig;

/// An address with what it takes to connect there.
#[derive(Clone)]
pub struct Endpoint {
    pub authority: String,
    pub address: SocketAddr,
    /// `None` speaks HTTP/2 in the clear.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Endpoint {
    /// Reads `http://host:port` or `https://host:port`; the latter needs `tls`.
    pub fn parse(url: &str, tls: Option<&Arc<ClientConfig>>) -> anyhow::Result<Self> {
        let (authority, tls) = if let Some(authority) = url.strip_prefix("https://") {
            (authority, Some(tls.context("https needs --cacert")?.clone()))
        } else {
            (url.strip_prefix("http://").unwrap_or(url), None)
        };
        let authority = authority.trim_end_matches('/').to_owned();
        let mut addresses = std::net::ToSocketAddrs::to_socket_addrs(&authority)
            .with_context(|| format!("{url} is no address"))?;
        let address = addresses.next().with_context(|| format!("{url} has no address"))?;
        Ok(Self { authority, address, tls })
    }

    /// The name or address that the server's certificate must bear.
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// The client's side of mutual TLS, from PEM files.
pub fn client_tls(
    authority: &Path,
    pair: Option<(&Path, &Path)>,
) -> anyhow::Result<Arc<ClientConfig>> {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    let certificates = |path: &Path| -> anyhow::Result<Vec<CertificateDer<'static>>> {
        CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .with_context(|| path.display().to_string())
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key =
                PrivateKeyDer::from_pem_file(key).with_context(|| key.display().to_string())?;
            builder.with_client_auth_cert(certificates(certificate)?, key)?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}
