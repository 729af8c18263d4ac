//! What an existing certificate is: enough to decide whether it still serves.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::leaf::{Leaf, Usage};

/// A leaf with less than this left is issued anew at start.
const RENEW_BEFORE: Duration = Duration::days(30);

/// DER of the first certificate in a PEM text.
pub(crate) fn first_certificate(pem: &str) -> Result<CertificateDer<'static>, String> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())
}

pub(crate) struct AuthorityFacts {
    pub is_authority: bool,
    pub not_after: OffsetDateTime,
    pub public_key: Vec<u8>,
}

pub(crate) fn authority_facts(pem: &str) -> Result<AuthorityFacts, String> {
    let der = first_certificate(pem)?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
    Ok(AuthorityFacts {
        is_authority: certificate.is_ca(),
        not_after: certificate.validity().not_after.to_datetime(),
        public_key: certificate.public_key().subject_public_key.data.to_vec(),
    })
}

/// Whether the certificate in `pem` is what `leaf` asks for, is signed by `authority`, belongs to
/// the key with `public_key`, and has time left. Anything unreadable is a no.
pub(crate) fn still_serves(
    pem: &str,
    public_key: &[u8],
    leaf: &Leaf,
    authority: &str,
    now: OffsetDateTime,
) -> bool {
    let (Ok(der), Ok(authority)) = (first_certificate(pem), first_certificate(authority)) else {
        return false;
    };
    let (Ok((_, certificate)), Ok((_, authority))) =
        (X509Certificate::from_der(&der), X509Certificate::from_der(&authority))
    else {
        return false;
    };
    certificate.verify_signature(Some(authority.public_key())).is_ok()
        && certificate.issuer() == authority.subject()
        && certificate.public_key().subject_public_key.data.as_ref() == public_key
        && certificate.validity().not_after.to_datetime() - now > RENEW_BEFORE
        && certificate.validity().not_before.to_datetime() <= now
        && subject_is(&certificate, leaf)
        && usages_cover(&certificate, leaf.usage)
        && names_cover(&certificate, leaf)
}

fn subject_is(certificate: &X509Certificate<'_>, leaf: &Leaf) -> bool {
    let subject = certificate.subject();
    let common_name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    let organization = subject.iter_organization().next().and_then(|name| name.as_str().ok());
    common_name == Some(&leaf.common_name) && organization == leaf.organization.as_deref()
}

fn usages_cover(certificate: &X509Certificate<'_>, usage: Usage) -> bool {
    let Ok(Some(extension)) = certificate.extended_key_usage() else { return false };
    match usage {
        Usage::Server => extension.value.server_auth,
        Usage::Client => extension.value.client_auth,
        Usage::Both => extension.value.server_auth && extension.value.client_auth,
    }
}

fn names_cover(certificate: &X509Certificate<'_>, leaf: &Leaf) -> bool {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.map(|extension| extension.value.general_names.as_slice()).unwrap_or(&[]);
    let has_dns = |wanted: &str| {
        names.iter().any(|name| matches!(name, GeneralName::DNSName(name) if *name == wanted))
    };
    let has_ip = |wanted: &IpAddr| {
        names.iter().any(|name| match (name, wanted) {
            (GeneralName::IPAddress(bytes), IpAddr::V4(ip)) => *bytes == ip.octets(),
            (GeneralName::IPAddress(bytes), IpAddr::V6(ip)) => *bytes == ip.octets(),
            _ => false,
        })
    };
    leaf.dns_names.iter().all(|name| has_dns(name)) && leaf.ip_addresses.iter().all(has_ip)
}
