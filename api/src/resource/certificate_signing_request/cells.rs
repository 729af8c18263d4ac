//! The row that `kubectl get csr` prints.

use serde_json::Value;

use super::conditions::{APPROVED, DENIED, FAILED, find};
use crate::resource::Column;
use crate::resource::age::{age, human_duration};
use crate::resource::fields::{at, text};
use crate::resource::labels::NONE;

pub fn columns() -> Vec<Column> {
    vec![
        Column::object_name(),
        Column::age(),
        Column::new("SignerName", "string", "Who is asked to sign."),
        Column::new("Requestor", "string", "Who asks."),
        Column::new("RequestedDuration", "string", "How long the certificate should be valid."),
        Column::new("Condition", "string", "What the request came to."),
    ]
}

pub fn cells(csr: &Value, now: i64) -> Vec<Value> {
    let duration = at(csr, "spec.expirationSeconds").and_then(Value::as_i64);
    vec![
        text(csr, "metadata.name").into(),
        age(csr, now).into(),
        text(csr, "spec.signerName").into(),
        text(csr, "spec.username").into(),
        duration.map_or_else(|| NONE.to_owned(), human_duration).into(),
        condition(csr).into(),
    ]
}

/// `Pending`, `Approved,Issued`, `Denied`, `Approved,Failed`, …
fn condition(csr: &Value) -> String {
    let is = |kind| find(csr, kind).is_some();
    let mut shown = match (is(DENIED), is(APPROVED)) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if is(FAILED) {
        shown.push_str(",Failed");
    }
    if !text(csr, "status.certificate").is_empty() {
        shown.push_str(",Issued");
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row() {
        let mut csr = json!({
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"signerName": "example.com/s", "username": "jane", "expirationSeconds": 86_400},
        });
        assert_eq!(
            cells(&csr, 1_767_225_605),
            ["a", "5s", "example.com/s", "jane", "24h", "Pending"]
        );
        assert_eq!(columns().len(), 6);
        for (conditions, certificate, wanted) in [
            (json!([{"type": "Approved"}]), "", "Approved"),
            (json!([{"type": "Approved"}]), "Y2VydA==", "Approved,Issued"),
            (json!([{"type": "Approved"}, {"type": "Failed"}]), "", "Approved,Failed"),
            (json!([{"type": "Denied"}]), "", "Denied"),
        ] {
            csr["status"] = json!({"conditions": conditions, "certificate": certificate});
            assert_eq!(cells(&csr, 0)[5], wanted);
        }
        csr["spec"] = json!({});
        assert_eq!(cells(&csr, 0)[4], "<none>");
    }
}
