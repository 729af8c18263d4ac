//! Why a request is not signed.

use certs::x509;
use time::OffsetDateTime;

use crate::config::UnknownProfile;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Profile(#[from] UnknownProfile),
    #[error(
        "the profile {profile:?} forbids authorities, and the request asks to be one: set \
         ca_constraint.is_ca in it, or leave \"ca\" out of the request"
    )]
    Authority { profile: String },
    #[error("the authority may sign no further authorities (path length {path_len})")]
    PathLength { path_len: u32 },
    #[error("{name:?} does not match the name_whitelist of the profile {profile:?}")]
    Whitelist { profile: String, name: String },
    #[error("the profile {profile:?} takes serial numbers from clients, and none was given")]
    SerialMissing { profile: String },
    #[error(
        "the extension {identifier} is not among the allowed_extensions of the profile {profile:?}"
    )]
    Extension { profile: String, identifier: String },
    #[error("the profile {profile:?} has no usages: a certificate for nothing is not signed")]
    NoUsages { profile: String },
    #[error(
        "by the profile {profile:?} the certificate would expire at {not_after}, which is past: \
         see its not_after and expiry"
    )]
    Expired { profile: String, not_after: OffsetDateTime },
    #[error(
        "the authority's certificate expired at {not_after}: renew it (gencert -renewca), or \
         nobody trusts what it signs"
    )]
    IssuerExpired { not_after: OffsetDateTime },
    #[error("the authority's certificate is valid from {not_before} on only")]
    IssuerEarly { not_before: OffsetDateTime },
    #[error("the certificate is not an authority's: it says CA:FALSE")]
    NotAnAuthority,
    #[error(transparent)]
    X509(#[from] x509::Error),
}
