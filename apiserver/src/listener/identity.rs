//! From a verified client certificate to an identity.

use std::time::{Duration, SystemTime};

use api::Identity;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The subject's CN is the user, each O a group, as upstream. Of several CNs the last counts, as in
/// Go and for whoever approves and signs requests: else one could be approved as one user and be
/// taken for another. `None` for a certificate without a CN, which then is no one.
pub fn identity_of(certificate: &CertificateDer<'_>) -> Option<Identity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let user = subject.iter_common_name().last()?.as_str().ok()?;
    if user.is_empty() {
        return None;
    }
    let mut groups: Vec<String> = subject
        .iter_organization()
        .filter_map(|organization| organization.as_str().ok())
        .map(str::to_owned)
        .collect();
    groups.push("system:authenticated".to_owned());
    Some(Identity { user: user.to_owned(), groups })
}

/// When the certificate ends that a client came with. In the extensions of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCertificateEnd(SystemTime);

impl ClientCertificateEnd {
    pub fn has_passed(self, now: SystemTime) -> bool {
        now > self.0
    }

    /// Zero once it has passed.
    pub fn left(self, now: SystemTime) -> Duration {
        self.0.duration_since(now).unwrap_or_default()
    }
}

/// `None` for what cannot be read, which then is no one either.
pub fn end_of(certificate: &CertificateDer<'_>) -> Option<ClientCertificateEnd> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(ClientCertificateEnd(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: Option<&str>, organizations: &[&str]) -> CertificateDer<'static> {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = name {
            parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        }
        for organization in organizations {
            parameters.distinguished_name.push(rcgen::DnType::OrganizationName, *organization);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn subjects_name_user_and_groups() {
        let identity = identity_of(&certificate(Some("admin"), &["system:masters"])).unwrap();
        assert_eq!(identity.user, "admin");
        assert_eq!(identity.groups, ["system:masters", "system:authenticated"]);
        assert_eq!(identity_of(&certificate(None, &["system:masters"])), None);
    }
}
