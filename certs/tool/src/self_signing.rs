//! Certificates that trust nobody but themselves, for tests.

use certs::x509::{self, Certificate, PrivateKey, Template, self_sign};
use time::{Duration, OffsetDateTime};

use crate::config::Profile;
use crate::request::RequestSpec;
use crate::sign::Refusal;

const BACKDATE: Duration = Duration::minutes(5);
/// Three months, unless a configuration says otherwise.
pub(crate) const LIFETIME: Duration = Duration::hours(2190);

/// The certificate that `key` signs for `spec` by `profile`. It starts five minutes ago.
pub(crate) fn certify(
    spec: &RequestSpec,
    key: &PrivateKey,
    profile: &Profile,
    now: OffsetDateTime,
) -> Result<Certificate, Refusal> {
    if profile.key_usages.is_empty() && profile.extended_key_usages.is_empty() {
        return Err(Refusal::NoUsages { profile: profile.name.clone() });
    }
    let not_after = now.saturating_add(profile.expiry.unwrap_or(LIFETIME));
    let mut template = Template::new(spec.subject(), now - BACKDATE, not_after);
    template.alternative_names = x509::AlternativeNames::of_hosts(spec.hosts())?;
    template.key_usages = profile.key_usages;
    template.extended_key_usages = profile.extended_key_usages.clone();
    template.authority = profile.authority;
    template.issuer_urls = profile.issuer_urls.clone().unwrap_or_default();
    template.extra_extensions = spec.extensions.clone();
    Ok(self_sign(&template, key)?)
}
