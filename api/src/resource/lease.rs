//! Leases.

use serde_json::Value;

use super::age::age;
use super::fields::{at, text};
use super::{Column, Resource, Strategy};
use crate::validation::FieldError;

pub fn row() -> Resource {
    Resource::row("Lease", "leases", LeaseStrategy).in_group("coordination.k8s.io").columns(vec![
        Column::object_name(),
        Column::new("Holder", "string", "Who holds the lease."),
        Column::age(),
    ])
}

struct LeaseStrategy;

impl Strategy for LeaseStrategy {
    fn allows_create_on_update(&self) -> bool {
        true
    }

    /// Two holders must never overwrite each other unseen.
    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, lease: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let number = |field| at(lease, field).and_then(Value::as_i64);
        if let Some(seconds) = number("spec.leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
            errors.push(FieldError::invalid(
                "spec.leaseDurationSeconds",
                seconds,
                "must be greater than 0",
            ));
        }
        if let Some(count) = number("spec.leaseTransitions").filter(|count| *count < 0) {
            errors.push(FieldError::invalid(
                "spec.leaseTransitions",
                count,
                "must be greater than or equal to 0",
            ));
        }
        errors
    }

    fn cells(&self, lease: &Value, now: i64) -> Vec<Value> {
        vec![
            text(lease, "metadata.name").into(),
            text(lease, "spec.holderIdentity").into(),
            age(lease, now).into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn cells_and_faults() {
        let lease = json!({"metadata": {"name": "n"}, "spec": {"holderIdentity": "me"}});
        assert_eq!(Value::from(LeaseStrategy.cells(&lease, 0)), json!(["n", "me", "<unknown>"]));
        assert_eq!(LeaseStrategy.validate(&lease), []);
        let bad = json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}});
        assert_eq!(
            aggregate(&LeaseStrategy.validate(&bad)),
            "[spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0, \
             spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]"
        );
    }
}
