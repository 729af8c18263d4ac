//! What a certificate shall say, before it is signed.

use time::OffsetDateTime;

use super::extensions::{BasicConstraints, Extension};
use super::names::AlternativeNames;
use super::policy::Policy;
use super::serial::Serial;
use super::subject::Subject;
use super::usage::{ExtendedKeyUsage, KeyUsages};

/// How deep an authority may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthorityConstraint {
    /// How many authorities may follow below; any number when none.
    pub path_len: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Template {
    /// Random when none.
    pub serial: Option<Serial>,
    pub subject: Subject,
    pub alternative_names: AlternativeNames,
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
    pub key_usages: KeyUsages,
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// None is a leaf, and says `CA:FALSE`.
    pub authority: Option<AuthorityConstraint>,
    pub crl_urls: Vec<String>,
    pub ocsp_urls: Vec<String>,
    pub issuer_urls: Vec<String>,
    pub policies: Vec<Policy>,
    /// Written after all others; one of a kind that is made above replaces it.
    pub extra_extensions: Vec<Extension>,
}

impl Template {
    /// A leaf that says nothing but whose it is and how long.
    pub fn new(subject: Subject, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        Self {
            serial: None,
            subject,
            alternative_names: AlternativeNames::default(),
            not_before,
            not_after,
            key_usages: KeyUsages::default(),
            extended_key_usages: Vec::new(),
            authority: None,
            crl_urls: Vec::new(),
            ocsp_urls: Vec::new(),
            issuer_urls: Vec::new(),
            policies: Vec::new(),
            extra_extensions: Vec::new(),
        }
    }

    /// All extensions, in the order in which Go writes them.
    pub(super) fn extensions(
        &self,
        subject_key: &[u8],
        authority_key: Option<&[u8]>,
    ) -> Vec<Extension> {
        let constraints = BasicConstraints {
            is_authority: self.authority.is_some(),
            path_len: self.authority.and_then(|authority| authority.path_len),
        };
        let made = [
            Extension::key_usage(self.key_usages),
            Extension::extended_key_usage(&self.extended_key_usages),
            Some(Extension::basic_constraints(constraints)),
            Some(Extension::subject_key_identifier(subject_key)),
            authority_key.map(Extension::authority_key_identifier),
            Extension::authority_information(&self.ocsp_urls, &self.issuer_urls),
            self.alternative_names.extension(self.subject.is_empty()),
            Policy::extension(&self.policies),
            Extension::crl_distribution_points(&self.crl_urls),
        ];
        let replaced = |made: &Extension| {
            self.extra_extensions.iter().any(|extra| extra.identifier == made.identifier)
        };
        let made = made.into_iter().flatten().filter(|extension| !replaced(extension));
        made.chain(self.extra_extensions.iter().cloned()).collect()
    }
}
