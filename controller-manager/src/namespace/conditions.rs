//! What the status of a terminating namespace says: why it is still there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NamespaceCondition;

use crate::clock::stamp;

/// What a sweep of a namespace found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub discovery_errors: Vec<String>,
    pub deletion_errors: Vec<String>,
    /// Objects that are still there, by `pods`, `deployments.apps`, …
    pub remaining: BTreeMap<String, usize>,
    /// How many of them each finalizer holds.
    pub finalizers: BTreeMap<String, usize>,
}

impl Findings {
    pub fn is_empty(&self) -> bool {
        self.discovery_errors.is_empty()
            && self.deletion_errors.is_empty()
            && self.remaining.is_empty()
    }
}

/// The conditions that tell of `findings`. Transition times move with the status only.
pub fn conditions(
    old: &[NamespaceCondition],
    findings: &Findings,
    now: Timestamp,
) -> Vec<NamespaceCondition> {
    let remaining = findings
        .remaining
        .iter()
        .map(|(resource, count)| format!("{resource} has {count} resource instances"));
    let finalizers = findings
        .finalizers
        .iter()
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"));
    let rows = [
        Row {
            kind: "NamespaceDeletionDiscoveryFailure",
            trouble: Some(("DiscoveryFailed", "Discovery failed for some groups", ", "))
                .filter(|_| !findings.discovery_errors.is_empty()),
            details: findings.discovery_errors.clone(),
            fine: ("ResourcesDiscovered", "All resources successfully discovered"),
        },
        Row {
            kind: "NamespaceDeletionGroupVersionParsingFailure",
            trouble: None,
            details: Vec::new(),
            fine: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        },
        Row {
            kind: "NamespaceDeletionContentFailure",
            trouble: Some(("ContentDeletionFailed", "Failed to delete all resource types", ", "))
                .filter(|_| !findings.deletion_errors.is_empty()),
            details: findings.deletion_errors.clone(),
            fine: (
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
        },
        Row {
            kind: "NamespaceContentRemaining",
            trouble: Some(("SomeResourcesRemain", "Some resources are remaining", ", "))
                .filter(|_| !findings.remaining.is_empty()),
            details: remaining.collect(),
            fine: ("ContentRemoved", "All content successfully removed"),
        },
        Row {
            kind: "NamespaceFinalizersRemaining",
            trouble: Some((
                "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining",
                ", ",
            ))
            .filter(|_| !findings.finalizers.is_empty()),
            details: finalizers.collect(),
            fine: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        },
    ];
    let ours: Vec<NamespaceCondition> = rows.iter().map(|row| row.condition(old, now)).collect();
    let others = old.iter().filter(|old| rows.iter().all(|row| row.kind != old.type_)).cloned();
    others.chain(ours).collect()
}

struct Row {
    kind: &'static str,
    /// Reason, beginning of the message and separator of the details, when there is trouble.
    trouble: Option<(&'static str, &'static str, &'static str)>,
    details: Vec<String>,
    fine: (&'static str, &'static str),
}

impl Row {
    fn condition(&self, old: &[NamespaceCondition], now: Timestamp) -> NamespaceCondition {
        let (status, reason, message) = match self.trouble {
            Some((reason, intro, separator)) => {
                ("True", reason, format!("{intro}: {}", self.details.join(separator)))
            }
            None => ("False", self.fine.0, self.fine.1.to_owned()),
        };
        let before = old.iter().find(|old| old.type_ == self.kind && old.status == status);
        NamespaceCondition {
            type_: self.kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time: match before {
                Some(before) => before.last_transition_time.clone(),
                None => Some(stamp(now)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    fn told(findings: &Findings) -> Vec<(String, String, String)> {
        let text = |text: Option<String>| text.unwrap_or_default();
        conditions(&[], findings, at(1))
            .into_iter()
            .filter(|condition| condition.status == "True")
            .map(|condition| (condition.type_, text(condition.reason), text(condition.message)))
            .collect()
    }

    #[test]
    fn words_what_remains_as_upstream() {
        assert_eq!(told(&Findings::default()), []);
        let findings = Findings {
            remaining: [("configmaps".into(), 2), ("pods".into(), 1)].into(),
            finalizers: [("example.com/hold".into(), 2)].into(),
            ..Findings::default()
        };
        let expected = [
            (
                "NamespaceContentRemaining".to_owned(),
                "SomeResourcesRemain".to_owned(),
                "Some resources are remaining: configmaps has 2 resource instances, pods has 1 \
                 resource instances"
                    .to_owned(),
            ),
            (
                "NamespaceFinalizersRemaining".to_owned(),
                "SomeFinalizersRemain".to_owned(),
                "Some content in the namespace has finalizers remaining: example.com/hold in 2 \
                 resource instances"
                    .to_owned(),
            ),
        ];
        assert_eq!(told(&findings), expected);
    }

    #[test]
    fn transition_times_move_with_the_status() {
        let trouble = Findings { deletion_errors: vec!["no".into()], ..Findings::default() };
        let first = conditions(&[], &Findings::default(), at(1));
        let second = conditions(&first, &trouble, at(2));
        let third = conditions(&second, &trouble, at(3));
        assert_eq!(second, third);
        let of = |all: &[NamespaceCondition], kind: &str| {
            let condition = all.iter().find(|condition| condition.type_ == kind);
            condition.and_then(|condition| condition.last_transition_time.clone())
        };
        assert_eq!(of(&third, "NamespaceDeletionContentFailure"), Some(stamp(at(2))));
        assert_eq!(of(&third, "NamespaceContentRemaining"), Some(stamp(at(1))));
    }
}
