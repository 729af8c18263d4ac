//! Which client certificates a listener takes: a chain to an authority, then names and revocation.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

/// Whose certificates are taken, of those that an authority has signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    #[default]
    Anyone,
    /// Any of these common names.
    CommonNames(Vec<String>),
    /// Any of these host names or addresses among the alternative names.
    HostNames(Vec<String>),
}

impl Allowed {
    fn takes(&self, certificate: &CertificateDer<'_>) -> bool {
        match self {
            Allowed::Anyone => true,
            Allowed::CommonNames(names) => {
                common_name(certificate).is_some_and(|name| names.contains(&name))
            }
            Allowed::HostNames(names) => {
                let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
                names.iter().any(|name| {
                    ServerName::try_from(name.as_str()).is_ok_and(|name| {
                        rustls::client::verify_server_name(&parsed, &name).is_ok()
                    })
                })
            }
        }
    }
}

/// The common name of a certificate's subject, by which etcd tells its user.
pub fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    Some(name.to_owned())
}

/// Serial numbers that a revocation list names. As in etcd the list's issuer is not looked at: who
/// can write the file decides.
#[derive(Debug, Default)]
pub(crate) struct Revoked(HashSet<Vec<u8>>);

impl Revoked {
    /// Reads a list in DER, as etcd takes it, or in PEM.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        use rustls_pki_types::CertificateRevocationListDer;
        use rustls_pki_types::pem::PemObject;
        let der = match CertificateRevocationListDer::from_pem_slice(bytes) {
            Ok(list) => list.to_vec(),
            Err(_) => bytes.to_vec(),
        };
        let (_, list) =
            CertificateRevocationList::from_der(&der).map_err(|error| error.to_string())?;
        let serials = list.iter_revoked_certificates();
        Ok(Self(serials.map(|revoked| number(revoked.raw_serial()).to_vec()).collect()))
    }

    fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return true };
        self.0.contains(number(certificate.raw_serial()))
    }
}

/// A serial number without the zeros that DER may put before it.
fn number(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    &serial[zeros..]
}

/// webpki's verifier, and what etcd demands besides.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub chain: Arc<dyn ClientCertVerifier>,
    pub allowed: Allowed,
    pub revoked: Option<Revoked>,
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.chain.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        if !self.allowed.takes(end_entity) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        let mut presented = std::iter::once(end_entity).chain(intermediates);
        match &self.revoked {
            Some(revoked) if presented.any(|certificate| revoked.names(certificate)) => {
                Err(CertificateError::Revoked.into())
            }
            _ => Ok(verified),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
