//! Which client certificates a listener takes: a chain to an authority, then names and revocation.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::live::Revoked;

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

/// The common name of a certificate's subject, of several the last as in Go, by which etcd tells its user.
pub fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let name = certificate.subject().iter_common_name().last()?.as_str().ok()?;
    Some(name.to_owned())
}

/// webpki's verifier, and what etcd demands besides.
#[derive(Debug)]
pub(crate) struct ClientVerifier {
    pub chain: Arc<dyn ClientCertVerifier>,
    pub allowed: Allowed,
    pub revoked: Revoked,
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
        if self.revoked.names(end_entity) || self.revoked.names_any_of(intermediates) {
            return Err(CertificateError::Revoked.into());
        }
        Ok(verified)
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
