//! An authority for tests.

use time::{Duration, OffsetDateTime};

use super::*;

/// A new one at every call, and no two have the same name.
pub(crate) fn test_issuer(algorithm: KeyAlgorithm) -> Issuer {
    let key = PrivateKey::generate(algorithm).expect("generated");
    let name = Serial::random().expect("random").to_string();
    let now = OffsetDateTime::now_utc();
    let mut template = Template::new(Subject::new(&name, &[]), now, now + Duration::DAY);
    template.authority = Some(AuthorityConstraint::default());
    let certificate = self_sign(&template, &key).expect("signed");
    Issuer::new(certificate, key).expect("the pair fits")
}
