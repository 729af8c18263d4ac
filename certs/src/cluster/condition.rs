//! Whether a leaf on disk still serves. Decided here from bytes, names and a time alone.

use time::OffsetDateTime;

use super::bundle::{Bundle, issued};
use super::settings::Validity;
use super::template::extended_key_usages;
use crate::leaf::{Leaf, Usage};
use crate::x509::{AlternativeNames, Certificate, ExtendedKeyUsage, PrivateKey, Subject};

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
    pub signer: Option<&'a Certificate>,
    pub now: OffsetDateTime,
}

impl Judge<'_> {
    /// `file` is the leaf, with intermediates after it or without; `key` lies beside it.
    pub fn condition(&self, file: &Bundle, key: &PrivateKey, leaf: &Leaf) -> Condition {
        let certificate = file.first();
        if !key.fits(certificate) {
            return Condition::WrongKey;
        }
        if let Some(condition) = self.overdue(file) {
            return condition;
        }
        if let Some(what) = lacking(certificate, leaf) {
            return Condition::Lacks(what);
        }
        self.age(file)
    }

    /// What is the matter whatever the certificate is for.
    pub fn overdue(&self, file: &Bundle) -> Option<Condition> {
        if self.anchor(file).is_none() {
            return Some(Condition::Foreign);
        }
        let validity = Validity::of(file.first());
        if validity.not_after <= self.now {
            return Some(Condition::Expired);
        }
        (validity.not_before > self.now).then_some(Condition::NotYetValid)
    }

    /// Of one that serves: whether another should take its place.
    pub fn age(&self, file: &Bundle) -> Condition {
        let Some(anchor) = self.anchor(file) else { return Condition::Foreign };
        if self.signer.is_some_and(|signer| signer != anchor) {
            return Condition::Superseded;
        }
        // A leaf that ends with its authority would gain nothing.
        let validity = Validity::of(file.first());
        if validity.is_due(self.now) && validity.not_after < anchor.not_after() {
            return Condition::Due;
        }
        Condition::Serves
    }

    /// The certificate of the bundle that the leaf hangs on, be it by intermediates in its file.
    fn anchor(&self, file: &Bundle) -> Option<&Certificate> {
        let mut at = file.first();
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

/// Validity of the first certificate in a PEM text.
pub fn validity_of_pem(pem: &str) -> Result<Validity, String> {
    let certificate = Certificate::from_pem(pem).map_err(|error| error.to_string())?;
    Ok(Validity::of(&certificate))
}

/// What the certificate does not say and should.
fn lacking(certificate: &Certificate, leaf: &Leaf) -> Option<String> {
    subject_lacks(certificate.subject(), leaf)
        .or_else(|| usages_lack(certificate.extended_key_usages(), leaf.usage))
        .or_else(|| names_lack(certificate.alternative_names(), leaf))
}

fn subject_lacks(subject: &Subject, leaf: &Leaf) -> Option<String> {
    if subject.common_name() != Some(&leaf.common_name) {
        return Some(format!("the subject CN={}", leaf.common_name));
    }
    let organizations = subject.organizations();
    let wanted: Vec<&str> = leaf.organization.as_deref().into_iter().collect();
    if organizations == wanted {
        return None;
    }
    Some(match leaf.organization.as_deref() {
        Some(wanted) => format!("the group O={wanted}, alone"),
        None => format!("a subject without groups (it has O={})", organizations.join(",")),
    })
}

fn usages_lack(usages: &[ExtendedKeyUsage], usage: Usage) -> Option<String> {
    let lacks = |wanted: &ExtendedKeyUsage| !usages.contains(wanted);
    extended_key_usages(usage).iter().find(|wanted| lacks(wanted)).map(|wanted| {
        let word =
            if *wanted == ExtendedKeyUsage::ServerAuth { "serverAuth" } else { "clientAuth" };
        format!("the extended key usage {word}")
    })
}

fn names_lack(names: &AlternativeNames, leaf: &Leaf) -> Option<String> {
    let host = leaf.dns_names.iter().find(|name| !names.hosts.contains(name)).cloned();
    let missing = host.or_else(|| {
        let address = leaf.ip_addresses.iter().find(|address| !names.addresses.contains(address));
        address.map(ToString::to_string)
    });
    missing.map(|name| format!("the alternative name {name}"))
}
