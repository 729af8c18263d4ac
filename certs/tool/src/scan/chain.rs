//! Fetching the certificates that a listener shows, and what can be said of them.

use std::net::SocketAddr;
use std::sync::Arc;

use certs::x509::{Certificate, SignatureAlgorithm};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::report::{Finding, Grade};

/// A certificate with less than this left is warned of.
const SOON: Duration = Duration::days(30);

/// Shakes hands with `address` as `name`, and hangs up.
pub(super) async fn fetch(
    address: SocketAddr,
    name: &str,
    tls: Arc<ClientConfig>,
) -> Result<Vec<Certificate>, String> {
    let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let connecting = TlsConnector::from(tls).connect(name, stream);
    let stream = connecting.await.map_err(|error| error.to_string())?;
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    if shown.is_empty() {
        return Err(format!("{address} returned empty certificate chain"));
    }
    let chain = shown.iter().map(|certificate| Certificate::from_der(certificate));
    chain.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// Graded by the first end of a certificate in the chain.
pub(super) fn expiration(chain: &[Certificate], now: OffsetDateTime) -> Finding {
    let Some(end) = chain.iter().map(Certificate::not_after).min() else {
        return Finding::bad("the chain is empty");
    };
    let grade = match end - now {
        left if left <= Duration::ZERO => Grade::Bad,
        left if left < SOON => Grade::Warning,
        _ => Grade::Good,
    };
    let text = end.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    Finding::new(grade, text)
}

/// Whether each certificate is signed by the next, which must be an authority.
pub(super) fn validation(chain: &[Certificate]) -> Finding {
    let mut warnings = Vec::new();
    for pair in chain.windows(2) {
        let (certificate, parent) = (&pair[0], &pair[1]);
        let (name, parent_name) = (certificate.subject(), parent.subject());
        if !parent.is_authority() {
            return Finding::bad(format_args!("{parent_name} is not a CA"));
        }
        if certificate.authority_key_id() != parent.subject_key_id() {
            return Finding::bad(format_args!(
                "{name} AuthorityKeyId differs from {parent_name} SubjectKeyId"
            ));
        }
        if let Err(error) = certificate.verify_issued_by(parent) {
            return Finding::bad(format_args!("{name}: {error}"));
        }
        if *certificate.signature_algorithm() == SignatureAlgorithm::RsaSha1 {
            warnings.push(format!("{name} is signed by RSAWithSHA1"));
        }
    }
    match warnings.is_empty() {
        true => Finding::good(),
        false => Finding::new(Grade::Warning, warnings),
    }
}
