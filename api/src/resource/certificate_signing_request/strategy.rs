//! What a client may write of a request: the request itself once, its approval by `/approval`, its
//! certificate and failure by `/status`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{GROUP, cells, conditions, signer_name};
use crate::resource::fields::{at, ensure, items, restore, text};
use crate::resource::{Resource, Strategy, Verb};
use crate::validation::{FieldError, names::NameCheck};

/// A shorter time would be over before a client with a slow clock believes that it has begun.
const SHORTEST_SECONDS: i64 = 600;

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

pub fn row() -> Resource {
    Resource::row("CertificateSigningRequest", super::PLURAL, RequestStrategy)
        .in_group(GROUP)
        .cluster_scoped()
        .short_names(&["csr"])
        .sub("approval", None, &[Verb::Get, Verb::Patch, Verb::Update])
        .status()
        .selectable(&["spec.signerName"])
        .columns(cells::columns())
}

struct RequestStrategy;

impl Strategy for RequestStrategy {
    fn has_status(&self) -> bool {
        true
    }

    /// Any name that can stand in a path, as upstream.
    fn name_check(&self) -> NameCheck {
        |_| Vec::new()
    }

    /// Nothing comes approved. Who asks is set by the apiserver, which knows.
    fn prepare_for_create(&self, csr: &mut Value) {
        if let Some(csr) = csr.as_object_mut() {
            csr.remove("status");
        }
    }

    fn prepare_for_update(&self, csr: &mut Value, old: &Value) {
        restore(csr, old, "spec");
    }

    fn prepare_for_status_update(&self, csr: &mut Value, old: &Value) {
        restore(csr, old, "spec");
    }

    /// Keeps the certificate: `/approval` changes conditions alone.
    fn prepare_for_approval(&self, csr: &mut Value, old: &Value) {
        restore(csr, old, "spec");
        let certificate = at(old, "status.certificate").cloned();
        let Some(status) = ensure(csr, "status") else { return };
        match certificate {
            Some(certificate) => status.insert("certificate".to_owned(), certificate),
            None => status.remove("certificate"),
        };
    }

    fn validate(&self, csr: &Value) -> Vec<FieldError> {
        let mut errors = validate_usages(csr);
        errors.extend(signer_name::validate("spec.signerName", text(csr, "spec.signerName")));
        let seconds = at(csr, "spec.expirationSeconds").and_then(Value::as_i64);
        if let Some(seconds) = seconds.filter(|seconds| *seconds < SHORTEST_SECONDS) {
            errors.push(FieldError::invalid(
                "spec.expirationSeconds",
                seconds,
                "may not specify a duration less than 600 seconds (10 minutes)",
            ));
        }
        errors.extend(conditions::validate(csr));
        errors
    }

    fn validate_status_update(&self, csr: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = conditions::validate(csr);
        errors.extend(conditions::validate_kept(csr, old));
        errors.extend(conditions::validate_undecided(csr, old));
        let (new, old) = (text(csr, "status.certificate"), text(old, "status.certificate"));
        if !old.is_empty() && new != old {
            errors.push(FieldError::forbidden(
                "status.certificate",
                "updates may not modify existing certificate content",
            ));
        }
        errors
    }

    fn validate_approval(&self, csr: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = conditions::validate(csr);
        errors.extend(conditions::validate_kept(csr, old));
        errors
    }

    fn selectable_values(&self, csr: &Value) -> Vec<String> {
        vec![text(csr, "spec.signerName").to_owned()]
    }

    fn cells(&self, csr: &Value, now: i64) -> Vec<Value> {
        cells::cells(csr, now)
    }
}

fn validate_usages(csr: &Value) -> Vec<FieldError> {
    let usages = items(csr, "spec.usages");
    if usages.is_empty() {
        return vec![FieldError::required("spec.usages", "")];
    }
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, usage) in usages.iter().enumerate() {
        let (path, usage) = (format!("spec.usages[{index}]"), usage.as_str().unwrap_or_default());
        if !USAGES.contains(&usage) {
            errors.push(FieldError::not_supported(&path, usage, &USAGES));
        }
        if !seen.insert(usage) {
            errors.push(FieldError::duplicate(path, usage));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    fn csr() -> Value {
        json!({
            "metadata": {"name": "a"},
            "spec": {"request": "cmVxdWVzdA==", "signerName": "example.com/s", "usages": ["client auth"]},
        })
    }

    #[test]
    fn validates() {
        let faults = |field: &str, value: Value| {
            let mut csr = csr();
            csr["spec"][field] = value;
            aggregate(&RequestStrategy.validate(&csr))
        };
        assert_eq!(faults("expirationSeconds", json!(600)), "[]");
        assert!(faults("expirationSeconds", json!(599)).contains("less than 600 seconds"));
        assert_eq!(faults("usages", json!([])), "spec.usages: Required value");
        assert!(faults("usages", json!(["x"])).contains("spec.usages[0]: Unsupported value"));
        assert_eq!(
            faults("usages", json!(["any", "any"])),
            "spec.usages[1]: Duplicate value: \"any\""
        );
        assert!(faults("signerName", json!("")).contains("spec.signerName: Required"));
    }

    #[test]
    fn a_request_is_written_once() {
        let (old, mut new) = (csr(), csr());
        new["spec"]["signerName"] = json!("example.com/other");
        new["metadata"]["labels"] = json!({"a": "b"});
        RequestStrategy.prepare_for_update(&mut new, &old);
        assert_eq!((&new["spec"], &new["metadata"]["labels"]["a"]), (&old["spec"], &json!("b")));
        let mut fresh = csr();
        fresh["status"] = json!({"conditions": [{"type": "Approved", "status": "True"}]});
        RequestStrategy.prepare_for_create(&mut fresh);
        assert_eq!(fresh.get("status"), None);
    }

    #[test]
    fn approval_and_certificate_come_by_different_ways() {
        let approved = json!([{"type": "Approved", "status": "True"}]);
        let mut old = csr();
        old["status"] = json!({"certificate": "b2xk"});
        let mut new = csr();
        new["status"] = json!({"certificate": "bmV3", "conditions": approved});
        RequestStrategy.prepare_for_approval(&mut new, &old);
        assert_eq!(new["status"], json!({"certificate": "b2xk", "conditions": approved}));
        assert_eq!(aggregate(&RequestStrategy.validate_approval(&new, &old)), "[]");
        assert!(!RequestStrategy.validate_status_update(&new, &old).is_empty());
        let mut other = old.clone();
        other["status"]["certificate"] = json!("bmV3");
        assert!(
            aggregate(&RequestStrategy.validate_status_update(&other, &old))
                .contains("may not modify existing certificate content")
        );
        assert!(RequestStrategy.validate_status_update(&old, &csr()).is_empty());
    }
}
