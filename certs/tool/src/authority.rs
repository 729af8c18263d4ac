//! New authorities that sign themselves, and their renewal.

use certs::x509::{
    self, AuthorityConstraint, Certificate, Extension, KeyUsage, PrivateKey, Request, Template,
    oid, self_sign,
};
use time::{Duration, OffsetDateTime};

use crate::log;
use crate::request::RequestSpec;
use crate::sign::rounded;

/// Five years.
const LIFETIME: Duration = Duration::hours(43_800);
const BACKDATE: Duration = Duration::minutes(5);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("missing subject information: an authority needs a CN, or names that say something")]
    NoSubject,
    #[error(
        "the certificate is not an authority's (CA:TRUE is missing): there is nothing to renew"
    )]
    NotAnAuthority,
    #[error(
        "the certificate is an intermediate, signed by {issuer}: only that authority can renew it \
         (make a request with gencsr -cert, and sign it there)"
    )]
    Intermediate { issuer: String },
    #[error("the new certificate would have expired already: see ca.expiry and ca.backdate")]
    Expired,
    #[error(transparent)]
    X509(#[from] x509::Error),
}

/// A new key, a request by it, and the certificate that it signs for itself.
pub(crate) fn create(
    spec: &RequestSpec,
    now: OffsetDateTime,
) -> Result<(PrivateKey, Request, Certificate), Error> {
    log::info!("generate received request");
    if !spec.identifies_an_authority() {
        return Err(Error::NoSubject);
    }
    let (key, request) = spec.generate()?;
    let certificate = certify(spec, &key, now)?;
    Ok((key, request, certificate))
}

/// The same with a key that exists.
pub(crate) fn create_with_key(
    spec: &RequestSpec,
    key: &PrivateKey,
    now: OffsetDateTime,
) -> Result<(Request, Certificate), Error> {
    if !spec.identifies_an_authority() {
        return Err(Error::NoSubject);
    }
    let request = spec.request(key)?;
    log::info!("encoded CSR");
    Ok((request, certify(spec, key, now)?))
}

fn certify(
    spec: &RequestSpec,
    key: &PrivateKey,
    now: OffsetDateTime,
) -> Result<Certificate, Error> {
    let authority = spec.authority.clone().unwrap_or_default();
    let not_before = rounded(now).saturating_sub(authority.backdate.unwrap_or(BACKDATE));
    let not_after = not_before.saturating_add(authority.expiry.unwrap_or(LIFETIME));
    if not_after <= now {
        return Err(Error::Expired);
    }
    let mut template = Template::new(spec.subject(), not_before, not_after);
    template.authority = Some(AuthorityConstraint { path_len: authority.path_len });
    template.key_usages = [KeyUsage::CertSign, KeyUsage::CrlSign].into_iter().collect();
    template.alternative_names.addresses =
        x509::AlternativeNames::of_hosts(spec.hosts())?.addresses;
    template.crl_urls = spec.crl_url.iter().cloned().collect();
    if spec.delegation {
        template.extra_extensions.push(Extension::delegation_usage());
    }
    let certificate = self_sign(&template, key)?;
    log::info!("signed certificate with serial number {}", certificate.serial());
    Ok(certificate)
}

/// The same authority for another time as long as it had: same subject, same key, and the same key
/// identifier, so that all it has signed stays valid under the new certificate.
pub(crate) fn renew(
    certificate: &Certificate,
    key: &PrivateKey,
    now: OffsetDateTime,
) -> Result<Certificate, Error> {
    if !certificate.is_authority() {
        return Err(Error::NotAnAuthority);
    }
    if !key.fits(certificate) {
        return Err(x509::Error::KeyMismatch.into());
    }
    if !certificate.is_self_signed() {
        return Err(Error::Intermediate { issuer: certificate.issuer().to_string() });
    }
    let not_before = rounded(now) - BACKDATE;
    let lifetime = certificate.not_after() - certificate.not_before();
    // An authority for ever ends with the year 9999 again.
    let not_after = not_before.saturating_add(lifetime);
    let mut template = Template::new(certificate.subject().clone(), not_before, not_after);
    template.authority = Some(AuthorityConstraint { path_len: certificate.path_len() });
    template.key_usages = certificate.key_usages();
    if !template.key_usages.contains(KeyUsage::CertSign) {
        template.key_usages = [KeyUsage::CertSign, KeyUsage::CrlSign].into_iter().collect();
    }
    template.extended_key_usages = certificate.extended_key_usages().to_vec();
    template.alternative_names = certificate.alternative_names().clone();
    template.crl_urls = certificate.crl_urls().to_vec();
    template.ocsp_urls = certificate.ocsp_urls().to_vec();
    template.issuer_urls = certificate.issuer_urls().to_vec();
    let kept = [oid::subject_key_identifier(), oid::certificate_policies()];
    let kept = certificate.extensions().iter().filter(|old| kept.contains(&old.identifier));
    template.extra_extensions = kept.cloned().collect();
    let renewed = self_sign(&template, key)?;
    log::info!("signed certificate with serial number {}", renewed.serial());
    Ok(renewed)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::json::Document;

    const NOW: OffsetDateTime = datetime!(2030-01-01 12:00:00 UTC);

    fn spec(text: &str) -> RequestSpec {
        let document = Document::parse("csr.json", text.to_owned()).expect("valid JSON");
        RequestSpec::read(&document.root()).expect("a request")
    }

    #[test]
    fn an_authority_is_made_as_its_request_says() {
        let (key, request, certificate) = create(
            &spec(
                r#"{"CN": "CA", "hosts": ["a.example", "10.0.0.1"], "crl_url": "http://crl",
                "ca": {"expiry": "48h", "pathlenzero": true}}"#,
            ),
            NOW,
        )
        .expect("made");
        assert!(key.fits(&certificate) && certificate.is_self_signed());
        assert_eq!(certificate.path_len(), Some(0));
        assert_eq!(certificate.not_after(), datetime!(2030-01-03 11:55 UTC));
        assert_eq!(certificate.crl_urls(), ["http://crl"]);
        assert!(certificate.alternative_names().hosts.is_empty());
        assert!(request.basic_constraints().expect("read").expect("asked").is_authority);
        let plain = create(&spec(r#"{"CN": "CA"}"#), NOW).expect("made").2;
        assert_eq!(plain.not_after() - plain.not_before(), LIFETIME);
        assert_eq!(create(&spec("{}"), NOW).map(|_| ()), Err(Error::NoSubject));
        let past = spec(r#"{"CN": "CA", "ca": {"expiry": "1m"}}"#);
        assert_eq!(create(&past, NOW).map(|_| ()), Err(Error::Expired));
    }

    #[test]
    fn renewal_keeps_all_but_the_time() {
        let (key, _, old) =
            create(&spec(r#"{"CN": "CA", "names": [{"O": "a"}, {"O": "b"}]}"#), NOW).expect("made");
        let later = NOW + Duration::days(100);
        let new = renew(&old, &key, later).expect("renewed");
        assert_eq!(new.subject(), old.subject());
        assert_eq!(new.subject_key_id(), old.subject_key_id());
        assert_eq!(new.not_after() - new.not_before(), LIFETIME);
        assert_eq!(new.not_before(), later - BACKDATE);
        assert_ne!(new.serial(), old.serial());
        let mut forever = Template::new(old.subject().clone(), NOW, datetime!(9999-12-31 0:00 UTC));
        forever.authority = Some(AuthorityConstraint::default());
        let forever = self_sign(&forever, &key).expect("signed");
        assert_eq!(renew(&forever, &key, later).expect("renewed").not_after().year(), 9999);
        let other = PrivateKey::generate(key.algorithm()).expect("generated");
        let mismatch = renew(&old, &other, later).expect_err("refused");
        assert_eq!(mismatch, Error::X509(x509::Error::KeyMismatch));
    }
}
