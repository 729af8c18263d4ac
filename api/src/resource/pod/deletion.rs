//! How long a pod may take to go.

use serde_json::Value;

use super::super::Deletion;
use super::super::fields::{at, text};

/// The client's grace period, else the pod's own; nothing runs of a pod that is bound to no node
/// or has finished, so those go at once. As upstream, a negative period counts as one second.
pub(super) fn decide(pod: &Value, requested: Option<i64>) -> Deletion {
    let own = at(pod, "spec.terminationGracePeriodSeconds").and_then(Value::as_i64);
    let mut seconds = requested.or(own).unwrap_or(0);
    let unassigned = text(pod, "spec.nodeName").is_empty();
    let finished = matches!(text(pod, "status.phase"), "Succeeded" | "Failed");
    if unassigned || finished {
        seconds = 0;
    }
    match seconds {
        0 => Deletion::Immediate,
        seconds if seconds < 0 => Deletion::Graceful { seconds: 1 },
        seconds => Deletion::Graceful { seconds },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn grace() {
        let pod = |node: &str, phase: &str| {
            json!({"spec": {"nodeName": node, "terminationGracePeriodSeconds": 30},
                   "status": {"phase": phase}})
        };
        let cases = [
            ("n", "Running", None, Deletion::Graceful { seconds: 30 }),
            ("n", "Running", Some(5), Deletion::Graceful { seconds: 5 }),
            ("n", "Running", Some(-1), Deletion::Graceful { seconds: 1 }),
            ("n", "Running", Some(0), Deletion::Immediate),
            ("", "Pending", None, Deletion::Immediate),
            ("", "Pending", Some(60), Deletion::Immediate),
            ("n", "Succeeded", None, Deletion::Immediate),
        ];
        for (node, phase, requested, wanted) in cases {
            assert_eq!(
                decide(&pod(node, phase), requested),
                wanted,
                "{node} {phase} {requested:?}"
            );
        }
    }
}
