//! What the write path does for CertificateSigningRequests alone: it says who asks, dates the
//! conditions, and looks into requests and certificates, which `api` cannot.

use api::Identity;
use api::resource::certificate_signing_request::{GROUP, PLURAL};
use api::resource::fields::{at, ensure, items, items_mut, text};
use api::validation::FieldError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{self, Certificate, Request};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::scope::Scope;
use crate::clock::time_text;

const REQUEST_LABEL: &str = "CERTIFICATE REQUEST";
const CERTIFICATE_LABEL: &str = "CERTIFICATE";

pub fn are_of(scope: &Scope<'_>) -> bool {
    scope.kind.is(GROUP, PLURAL)
}

/// Whoever asks is who the server knows, whatever the client says.
pub fn name_requester(csr: &mut Value, identity: &Identity) {
    let Some(spec) = ensure(csr, "spec") else { return };
    for claimed in ["uid", "extra"] {
        spec.remove(claimed);
    }
    spec.insert("username".to_owned(), identity.user.as_str().into());
    spec.insert("groups".to_owned(), identity.groups.clone().into());
}

/// Dates conditions that have no date: changed now; in this state since the old object had it so.
pub fn stamp_conditions(csr: &mut Value, old: &Value, now: Timestamp) {
    let now = json!(time_text(now));
    for condition in items_mut(csr, "status.conditions") {
        let same = |other: &&Value| {
            ["type", "status"].iter().all(|field| text(other, field) == text(condition, field))
        };
        let before = items(old, "status.conditions").iter().find(same);
        let since = before.and_then(|before| at(before, "lastTransitionTime")).unwrap_or(&now);
        let dates = [("lastUpdateTime", &now), ("lastTransitionTime", since)];
        let dates = dates.map(|(field, value)| (field, value.clone()));
        let Some(condition) = condition.as_object_mut() else { continue };
        for (field, value) in dates {
            let date = condition.entry(field).or_insert(Value::Null);
            if date.is_null() {
                *date = value;
            }
        }
    }
}

/// The request inside: one PKCS#10 request in PEM, signed with the key that it names.
pub fn parse(csr: &Value) -> Result<Request, String> {
    let pem = pem_text(csr, "spec.request")?;
    let blocks = x509::decode_pem(&pem).map_err(|error| error.to_string())?;
    match blocks.as_slice() {
        [block] if block.label == REQUEST_LABEL => {
            Request::from_der(&block.contents).map_err(|error| error.to_string())
        }
        [_] | [] => Err(format!("PEM block type must be {REQUEST_LABEL}")),
        [..] => Err("only one PEM block is allowed".to_owned()),
    }
}

fn pem_text(csr: &Value, path: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(text(csr, path)).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "PEM is plain text".to_owned())
}

pub fn validate_request(csr: &Value) -> Option<FieldError> {
    let fault = parse(csr).err()?;
    Some(FieldError::invalid("spec.request", text(csr, "spec.request"), fault))
}

/// What a signer has put in: certificates in PEM and nothing else, where there is anything.
pub fn validate_issued(csr: &Value) -> Option<FieldError> {
    if text(csr, "status.certificate").is_empty() {
        return None;
    }
    let fault = check_certificates(csr).err()?;
    Some(FieldError::invalid("status.certificate", "<certificate data>", fault))
}

fn check_certificates(csr: &Value) -> Result<(), String> {
    let pem = pem_text(csr, "status.certificate")?;
    let blocks = x509::decode_pem(&pem).map_err(|error| error.to_string())?;
    if blocks.is_empty() {
        return Err(format!("must contain at least one {CERTIFICATE_LABEL} PEM block"));
    }
    for block in blocks {
        if block.label != CERTIFICATE_LABEL {
            let found = block.label;
            return Err(format!(
                "only {CERTIFICATE_LABEL} PEM blocks are allowed, found {found:?}"
            ));
        }
        Certificate::from_der(&block.contents).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use certs::x509::{AlternativeNames, KeyAlgorithm, PrivateKey, Subject};

    use super::*;

    fn request() -> String {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP521).unwrap();
        let names = AlternativeNames::default();
        Request::new(&key, &Subject::new("jane", &["a", "b"]), &names, &[]).unwrap().to_pem()
    }

    fn csr(pem: &str) -> Value {
        json!({"spec": {"request": STANDARD.encode(pem)}})
    }

    fn fault(pem: &str) -> String {
        validate_request(&csr(pem)).map(|error| error.detail).unwrap_or_default()
    }

    #[test]
    fn a_request_is_one_block_and_well_signed() {
        let pem = request();
        assert_eq!(fault(&pem), "");
        assert_eq!(fault(&format!("some words\n{pem}")), "");
        assert_eq!(fault(&format!("{pem}{pem}")), "only one PEM block is allowed");
        for other in ["", "words", &pem.replace(" REQUEST", "")] {
            assert_eq!(fault(other), "PEM block type must be CERTIFICATE REQUEST", "{other}");
        }
        let mut der = x509::decode_pem(&pem).unwrap().remove(0).contents;
        let last = der.len() - 1;
        der[last] ^= 1;
        assert!(!fault(&x509::encode_pem(REQUEST_LABEL, &der)).is_empty());
        assert!(validate_request(&json!({"spec": {"request": "%"}})).is_some());
    }

    #[test]
    fn what_is_issued_is_certificates() {
        let detail = |pem: &str| {
            let csr = json!({"status": {"certificate": STANDARD.encode(pem)}});
            validate_issued(&csr).map(|error| error.detail).unwrap_or_default()
        };
        let certificate = rcgen::generate_simple_self_signed(vec![]).unwrap().cert.pem();
        assert_eq!(detail(&certificate), "");
        assert_eq!(detail(&certificate.repeat(2)), "");
        assert!(detail("words").contains("at least one"));
        assert!(detail(&request()).contains("only CERTIFICATE PEM blocks"));
        assert!(!detail(&x509::encode_pem("CERTIFICATE", b"x")).is_empty());
        assert_eq!(validate_issued(&json!({})), None);
    }

    #[test]
    fn who_asks_is_who_it_is() {
        let mut csr = json!({"spec": {"username": "admin", "uid": "1", "groups": ["system:masters"],
            "extra": {"a": ["b"]}, "request": ""}});
        name_requester(&mut csr, &Identity::node("n"));
        assert_eq!(
            csr["spec"],
            json!({"username": "system:node:n", "request": "",
                "groups": ["system:nodes", "system:authenticated"]})
        );
    }

    #[test]
    fn conditions_get_dates() {
        let now = "2026-01-02T00:00:00Z".parse().unwrap();
        let old = json!({"status": {"conditions": [
            {"type": "Approved", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
        let mut csr = json!({"status": {"conditions": [
            {"type": "Approved", "status": "True"},
            {"type": "Failed", "status": "True", "lastUpdateTime": "2025-01-01T00:00:00Z"}]}});
        stamp_conditions(&mut csr, &old, now);
        assert_eq!(
            csr["status"]["conditions"],
            json!([
                {"type": "Approved", "status": "True", "lastUpdateTime": "2026-01-02T00:00:00Z",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"},
                {"type": "Failed", "status": "True", "lastUpdateTime": "2025-01-01T00:00:00Z",
                    "lastTransitionTime": "2026-01-02T00:00:00Z"},
            ])
        );
    }
}
