//! `status.conditions`: what a request came to. Approved and Denied exclude each other, and what
//! has been said is not taken back.

use serde_json::Value;

use crate::resource::fields::{items, same, text};
use crate::validation::FieldError;

pub const APPROVED: &str = "Approved";
pub const DENIED: &str = "Denied";
pub const FAILED: &str = "Failed";

const FIELD: &str = "status.conditions";

/// The condition of that type.
pub fn find<'a>(csr: &'a Value, kind: &str) -> Option<&'a Value> {
    all(csr).iter().find(|condition| text(condition, "type") == kind)
}

fn all(csr: &Value) -> &[Value] {
    items(csr, FIELD)
}

pub fn validate(csr: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, condition) in all(csr).iter().enumerate() {
        let path = format!("{FIELD}[{index}]");
        let kind = text(condition, "type");
        if kind.is_empty() {
            errors.push(FieldError::required(format!("{path}.type"), ""));
        }
        let allowed: &[&str] = match kind {
            APPROVED | DENIED | FAILED => &["True"],
            _ => &["True", "False", "Unknown"],
        };
        match text(condition, "status") {
            "" => errors.push(FieldError::required(format!("{path}.status"), "")),
            status if allowed.contains(&status) => {}
            status => {
                errors.push(FieldError::not_supported(format!("{path}.status"), status, allowed));
            }
        }
        let before = &all(csr)[..index];
        let is_before = |kind: &str| before.iter().any(|other| text(other, "type") == kind);
        let contradicts = match kind {
            APPROVED => is_before(DENIED),
            DENIED => is_before(APPROVED),
            _ => false,
        };
        if contradicts {
            errors.push(FieldError::invalid(
                FIELD,
                kind,
                "Approved and Denied conditions are mutually exclusive",
            ));
        }
        if is_before(kind) {
            errors.push(FieldError::duplicate(format!("{path}.type"), kind));
        }
    }
    errors
}

/// What no update may do: take back that a request was approved or denied, or has failed.
pub fn validate_kept(csr: &Value, old: &Value) -> Vec<FieldError> {
    [APPROVED, DENIED, FAILED]
        .into_iter()
        .filter(|kind| find(old, kind).is_some() && find(csr, kind).is_none())
        .map(|kind| forbidden("remove", kind))
        .collect()
}

/// What only `/approval` may do: say that a request is approved or denied.
pub fn validate_undecided(csr: &Value, old: &Value) -> Vec<FieldError> {
    [APPROVED, DENIED]
        .into_iter()
        .filter_map(|kind| match (find(old, kind), find(csr, kind)) {
            (None, Some(_)) => Some(forbidden("add", kind)),
            (Some(old), Some(new)) if !same(old, new) => Some(forbidden("modify", kind)),
            _ => None,
        })
        .collect()
}

fn forbidden(what: &str, kind: &str) -> FieldError {
    FieldError::forbidden(FIELD, format!("updates may not {what} a condition of type {kind:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    fn with(conditions: &[(&str, &str)]) -> Value {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status)| json!({"type": kind, "status": status}))
            .collect();
        json!({"status": {"conditions": conditions}})
    }

    #[test]
    fn each_in_itself() {
        let faults = |conditions: &[(&str, &str)]| aggregate(&validate(&with(conditions)));
        assert_eq!(faults(&[("Approved", "True"), ("Failed", "True"), ("x", "False")]), "[]");
        for (conditions, part) in [
            (&[("", "True")][..], "conditions[0].type: Required"),
            (&[("x", "")], "conditions[0].status: Required"),
            (&[("Approved", "False")], "supported values: \"True\""),
            (&[("x", "Maybe")], "\"False\", \"True\", \"Unknown\""),
            (
                &[("Approved", "True"), ("Denied", "True")],
                "status.conditions: Invalid value: \"Denied\"",
            ),
            (&[("x", "True"), ("x", "True")], "conditions[1].type: Duplicate value: \"x\""),
        ] {
            let found = faults(conditions);
            assert!(found.contains(part), "{conditions:?}: {found}");
        }
    }

    #[test]
    fn nothing_is_taken_back() {
        let (open, approved) = (with(&[]), with(&[("Approved", "True")]));
        assert_eq!(
            aggregate(&validate_kept(&open, &approved)),
            "status.conditions: Forbidden: updates may not remove a condition of type \"Approved\""
        );
        assert!(validate_kept(&approved, &open).is_empty());
        assert!(aggregate(&validate_undecided(&approved, &open)).contains("may not add"));
        let mut reworded = approved.clone();
        reworded["status"]["conditions"][0]["message"] = json!("other");
        assert!(aggregate(&validate_undecided(&reworded, &approved)).contains("may not modify"));
        assert!(validate_undecided(&approved, &approved).is_empty());
        assert!(validate_undecided(&with(&[("Failed", "True")]), &open).is_empty());
    }
}
