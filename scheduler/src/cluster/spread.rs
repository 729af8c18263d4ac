//! One rule about how evenly pods are spread.

use api::selector::{LabelSelector, Operator};
use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use serde_json::Value;

use super::labels::Labels;
use super::node::NodeInfo;
use super::peer_term::selector;
use super::pod::PodInfo;

/// A topology spread constraint. What is left unsaid has upstream's default.
#[derive(Clone, Debug, PartialEq)]
pub struct SpreadRule {
    pub topology_key: Box<str>,
    pub max_skew: i64,
    /// With fewer places than this the least filled one counts as empty.
    pub min_domains: i64,
    /// `DoNotSchedule`, or else only a matter of score.
    pub strict: bool,
    /// Nodes that the pod's node affinity excludes are not places.
    pub honors_affinity: bool,
    /// Nodes with taints that the pod does not tolerate are not places.
    pub honors_taints: bool,
    selector: LabelSelector,
}

impl SpreadRule {
    /// An error says, for the user, what cannot be understood.
    pub(super) fn of(constraint: &Value, labels: &Labels) -> Result<Self, String> {
        let constraint: TopologySpreadConstraint = serde_json::from_value(constraint.clone())
            .map_err(|error| format!("topologySpreadConstraints: {error}"))?;
        let keys = (constraint.match_label_keys.as_deref().unwrap_or_default(), Operator::In);
        let selector = selector(constraint.label_selector.as_ref(), labels, &[keys]);
        Ok(Self {
            max_skew: constraint.max_skew.into(),
            min_domains: constraint.min_domains.unwrap_or(1).into(),
            strict: match &*constraint.when_unsatisfiable {
                "DoNotSchedule" => true,
                "ScheduleAnyway" => false,
                other => return Err(format!("whenUnsatisfiable: unknown value {other:?}")),
            },
            honors_affinity: honors(constraint.node_affinity_policy.as_deref(), true)?,
            honors_taints: honors(constraint.node_taints_policy.as_deref(), false)?,
            selector: selector.map_err(|error| error.to_string())?,
            topology_key: constraint.topology_key.into(),
        })
    }

    /// Whether `other` is one of the pods that the rule of `pod` counts.
    pub fn counts(&self, pod: &PodInfo, other: &PodInfo) -> bool {
        pod.key.namespace == other.key.namespace
            && self.selector.matches(|key| other.labels.get(key))
    }

    /// How many of the pods on the node the rule of `pod` counts. Pods that are being deleted are
    /// gone for it, as upstream: their successors should not be sent elsewhere because of them.
    pub fn count_on(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let counted = node.pods().iter().filter(|other| !other.deleting && self.counts(pod, other));
        i64::try_from(counted.count()).unwrap_or(i64::MAX)
    }
}

fn honors(policy: Option<&str>, default: bool) -> Result<bool, String> {
    match policy {
        None => Ok(default),
        Some("Honor") => Ok(true),
        Some("Ignore") => Ok(false),
        Some(other) => Err(format!("node inclusion policy: unknown value {other:?}")),
    }
}
