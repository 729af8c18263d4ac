//! Which requests have had their time.

use api::resource::certificate_signing_request::{APPROVED, DENIED, FAILED};
use certs::x509::Certificate;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use super::request::{certificate, condition, conditions};

const ANSWERED: SignedDuration = SignedDuration::from_hours(1);
const PENDING: SignedDuration = SignedDuration::from_hours(24);

/// When this request is to be removed, if it stays as it is: an hour after it was answered (issued,
/// denied or failed) or when its certificate ends, and a day after it was made when nobody answers.
pub fn due(csr: &CertificateSigningRequest) -> Option<Timestamp> {
    let answered = [DENIED, FAILED]
        .into_iter()
        .chain(certificate(csr).is_some().then_some(APPROVED))
        .filter_map(|kind| condition(csr, kind)?.last_update_time.as_ref())
        .map(|at| at.0.saturating_add(ANSWERED).unwrap_or(Timestamp::MAX));
    let made = csr.metadata.creation_timestamp.as_ref();
    let forgotten = made
        .filter(|_| conditions(csr).is_empty() && certificate(csr).is_none())
        .map(|at| at.0.saturating_add(PENDING).unwrap_or(Timestamp::MAX));
    answered.chain(forgotten).chain(certificate_end(csr)).min()
}

fn certificate_end(csr: &CertificateSigningRequest) -> Option<Timestamp> {
    let issued = Certificate::from_pem(str::from_utf8(certificate(csr)?).ok()?).ok()?;
    Timestamp::from_second(issued.not_after().unix_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use certs::x509::{KeyAlgorithm, PrivateKey, Subject, Template, self_sign};
    use k8s_openapi::ByteString;
    use k8s_openapi::api::certificates::v1::{
        CertificateSigningRequestCondition, CertificateSigningRequestStatus,
    };
    use time::OffsetDateTime;

    use super::*;
    use crate::clock::stamp;
    use crate::fixtures::at;

    const MADE: i64 = 1_000_000;
    const SAID: i64 = 1_000_500;

    fn due_with(kind: Option<&str>, certificate: Option<&str>) -> Option<i64> {
        let mut csr = CertificateSigningRequest::default();
        csr.metadata.creation_timestamp = Some(stamp(at(MADE)));
        let condition = kind.map(|kind| CertificateSigningRequestCondition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            last_update_time: Some(stamp(at(SAID))),
            ..CertificateSigningRequestCondition::default()
        });
        csr.status = Some(CertificateSigningRequestStatus {
            certificate: certificate.map(|pem| ByteString(pem.as_bytes().to_vec())),
            conditions: condition.map(|condition| vec![condition]),
        });
        due(&csr).map(Timestamp::as_second)
    }

    fn ending(second: i64) -> String {
        let time = |second| OffsetDateTime::from_unix_timestamp(second).expect("a time");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key");
        let template = Template::new(Subject::new("a", &[]), time(MADE), time(second));
        self_sign(&template, &key).expect("a certificate").to_pem()
    }

    #[test]
    fn each_has_its_time() {
        assert_eq!(due_with(None, None), Some(MADE + 24 * 3600));
        assert_eq!(due_with(Some("Denied"), None), Some(SAID + 3600));
        assert_eq!(due_with(Some("Failed"), None), Some(SAID + 3600));
        assert_eq!(due_with(Some("Approved"), None), None, "still to be signed");
        assert_eq!(due_with(Some("Approved"), Some(&ending(SAID + 9000))), Some(SAID + 3600));
        assert_eq!(due_with(Some("Approved"), Some(&ending(SAID + 60))), Some(SAID + 60));
        assert_eq!(due_with(Some("Approved"), Some("broken")), Some(SAID + 3600));
    }
}
