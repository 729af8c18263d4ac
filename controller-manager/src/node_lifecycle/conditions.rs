//! The conditions of a node that has fallen silent.

use client::light::Node;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::NodeCondition;

use crate::clock::stamp;

/// What a kubelet reports, and so what is unknown without it.
const REPORTED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// The conditions to be changed; none when all are Unknown already.
pub fn unknown(node: &Node, now: Timestamp) -> Vec<NodeCondition> {
    REPORTED.iter().filter_map(|kind| unknown_one(node, kind, now)).collect()
}

fn unknown_one(node: &Node, kind: &str, now: Timestamp) -> Option<NodeCondition> {
    let old = node.condition(kind);
    if old.is_some_and(|old| old.status == "Unknown") {
        return None;
    }
    let (reason, message, heartbeat) = match old {
        Some(old) => (
            "NodeStatusUnknown",
            "Kubelet stopped posting node status.",
            old.last_heartbeat_time.clone(),
        ),
        None => (
            "NodeStatusNeverUpdated",
            "Kubelet never posted node status.",
            node.metadata.creation_timestamp.clone(),
        ),
    };
    Some(NodeCondition {
        type_: kind.to_owned(),
        status: "Unknown".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: heartbeat,
        last_transition_time: Some(stamp(now)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, node};

    #[test]
    fn everything_reported_becomes_unknown_once() {
        let mut node = node("n", "True");
        let changed = unknown(&node, at(5));
        let told: Vec<_> = changed
            .iter()
            .map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_deref().unwrap_or_default()))
            .collect();
        let never = "NodeStatusNeverUpdated";
        let expected = [
            ("Ready", "Unknown", "NodeStatusUnknown"),
            ("MemoryPressure", "Unknown", never),
            ("DiskPressure", "Unknown", never),
            ("PIDPressure", "Unknown", never),
        ];
        assert_eq!(told, expected);
        node.status.conditions = changed;
        assert_eq!(unknown(&node, at(6)), []);
    }
}
