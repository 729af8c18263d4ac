//! What `certinfo` tells of a certificate.

use certs::x509::{AlternativeNames, Certificate};
use serde::Serialize;

use super::name::NameInfo;
use super::time_text;

/// CFSSL's fields in CFSSL's order. `sans` has e-mail addresses and URIs too, which CFSSL leaves
/// out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CertificateInfo {
    pub subject: NameInfo,
    pub issuer: NameInfo,
    pub serial_number: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<String>,
    pub not_before: String,
    pub not_after: String,
    pub sigalg: &'static str,
    pub authority_key_id: String,
    pub subject_key_id: String,
    pub pem: String,
}

impl CertificateInfo {
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            subject: NameInfo::of(certificate.subject()),
            issuer: NameInfo::of(certificate.issuer()),
            serial_number: certificate.serial().to_string(),
            sans: hosts(certificate.alternative_names()),
            not_before: time_text(certificate.not_before()),
            not_after: time_text(certificate.not_after()),
            sigalg: certificate.signature_algorithm().name(),
            authority_key_id: key_id(certificate.authority_key_id().unwrap_or_default()),
            subject_key_id: key_id(certificate.subject_key_id().unwrap_or_default()),
            pem: certificate.to_pem(),
        }
    }
}

fn hosts(names: &AlternativeNames) -> Vec<String> {
    let mut hosts = names.hosts.clone();
    hosts.extend(names.addresses.iter().map(ToString::to_string));
    hosts.extend(names.emails.iter().chain(&names.uris).cloned());
    hosts
}

/// `0A:1B`.
pub(crate) fn key_id(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
