//! Whether a leaf on disk still serves. Decided here from bytes, names and a time alone.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::bundle::{Bundle, issued};
use super::settings::Validity;
use crate::leaf::{Leaf, Usage};

/// No chain of authorities is longer.
const MAX_CHAIN: usize = 8;

/// What is the matter with a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Serves,
    /// Serves still, but two thirds of its life are over.
    Due,
    /// Serves still, but the authority has another key by now.
    Superseded,
    Missing,
    KeyMissing,
    /// The certificate or its key.
    Unreadable(String),
    WrongKey,
    NotYetValid,
    Expired,
    /// No certificate in the authority's file has signed it.
    Foreign,
    /// It is for somebody or something else; says what.
    Lacks(String),
}

impl Condition {
    /// Whether a listener or client can go on with it.
    pub fn is_usable(&self) -> bool {
        matches!(self, Self::Serves | Self::Due | Self::Superseded)
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Serves => "serves",
            Self::Due => "is due for renewal",
            Self::Superseded => "was signed by the former authority",
            Self::Missing => "is missing",
            Self::KeyMissing => "has no key",
            Self::Unreadable(reason) => return write!(formatter, "cannot be read: {reason}"),
            Self::WrongKey => "does not belong to its key",
            Self::NotYetValid => "is not valid yet",
            Self::Expired => "has expired",
            Self::Foreign => "was not signed by its authority",
            Self::Lacks(what) => return write!(formatter, "lacks {what}"),
        })
    }
}

/// What a leaf is held against.
pub(super) struct Judge<'a> {
    pub bundle: &'a Bundle,
    /// The certificate in the bundle that signs today; none where the key is elsewhere.
    pub signer: Option<&'a CertificateDer<'static>>,
    pub now: OffsetDateTime,
}

impl Judge<'_> {
    /// `certificate` is PEM, with intermediates after the leaf or without; `public_key` the public
    /// half of the key beside it.
    pub fn condition(&self, certificate: &str, public_key: &[u8], leaf: &Leaf) -> Condition {
        let file = match Bundle::parse(certificate) {
            Ok(file) => file,
            Err(reason) => return Condition::Unreadable(reason),
        };
        let der = &file.certificates()[0];
        let (_, certificate) =
            X509Certificate::from_der(der).expect("a bundle holds what can be read");
        if certificate.public_key().subject_public_key.data.as_ref() != public_key {
            return Condition::WrongKey;
        }
        let Some(anchor) = self.anchor(der, &file) else { return Condition::Foreign };
        let validity = validity_of(&certificate);
        if validity.not_after <= self.now {
            return Condition::Expired;
        }
        if validity.not_before > self.now {
            return Condition::NotYetValid;
        }
        if let Some(what) = lacking(&certificate, leaf) {
            return Condition::Lacks(what);
        }
        if self.signer.is_some_and(|signer| signer != anchor) {
            return Condition::Superseded;
        }
        // A leaf that ends with its authority would gain nothing.
        let end = super::bundle::validity(anchor).not_after;
        if validity.is_due(self.now) && validity.not_after < end {
            return Condition::Due;
        }
        Condition::Serves
    }

    /// The certificate of the bundle that the leaf hangs on, be it by intermediates in its file.
    fn anchor(
        &self,
        leaf: &CertificateDer<'static>,
        file: &Bundle,
    ) -> Option<&CertificateDer<'static>> {
        let mut at = leaf;
        for _ in 0..MAX_CHAIN {
            // The present signer first: while it rolls over, two may have the same key.
            let signer = self.signer.filter(|signer| issued(signer, at));
            let found = self.bundle.certificates().iter().find(|known| issued(known, at));
            if let Some(anchor) = signer.or(found) {
                return Some(anchor);
            }
            at = file.issuer_of(at)?;
        }
        None
    }
}

pub(super) fn validity_of(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity {
        not_before: validity.not_before.to_datetime(),
        not_after: validity.not_after.to_datetime(),
    }
}

/// Validity of the first certificate in a PEM text.
pub fn validity_of_pem(pem: &str) -> Result<Validity, String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
    Ok(validity_of(&certificate))
}

/// What the certificate does not say and should.
fn lacking(certificate: &X509Certificate<'_>, leaf: &Leaf) -> Option<String> {
    subject_lacks(certificate, leaf)
        .or_else(|| usages_lack(certificate, leaf.usage))
        .or_else(|| names_lack(certificate, leaf))
}

fn subject_lacks(certificate: &X509Certificate<'_>, leaf: &Leaf) -> Option<String> {
    let subject = certificate.subject();
    let common_name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    if common_name != Some(&leaf.common_name) {
        return Some(format!("the subject CN={}", leaf.common_name));
    }
    let organizations: Vec<&str> =
        subject.iter_organization().filter_map(|name| name.as_str().ok()).collect();
    let wanted: Vec<&str> = leaf.organization.as_deref().into_iter().collect();
    if organizations != wanted {
        return Some(match leaf.organization.as_deref() {
            Some(wanted) => format!("the group O={wanted}, alone"),
            None => format!("a subject without groups (it has O={})", organizations.join(",")),
        });
    }
    None
}

fn usages_lack(certificate: &X509Certificate<'_>, usage: Usage) -> Option<String> {
    let extension = certificate.extended_key_usage().ok().flatten();
    let (server, client) = extension
        .map(|usages| (usages.value.server_auth, usages.value.client_auth))
        .unwrap_or_default();
    let (needs_server, needs_client) = match usage {
        Usage::Server => (true, false),
        Usage::Client => (false, true),
        Usage::Both => (true, true),
    };
    if needs_server && !server {
        return Some("the extended key usage serverAuth".to_owned());
    }
    (needs_client && !client).then(|| "the extended key usage clientAuth".to_owned())
}

fn names_lack(certificate: &X509Certificate<'_>, leaf: &Leaf) -> Option<String> {
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
    let host = leaf.dns_names.iter().find(|name| !has_dns(name)).cloned();
    let missing = host.or_else(|| {
        leaf.ip_addresses.iter().find(|ip| !has_ip(ip)).map(|address| address.to_string())
    });
    missing.map(|name| format!("the alternative name {name}"))
}
