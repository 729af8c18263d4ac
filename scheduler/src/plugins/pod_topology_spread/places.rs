//! Which nodes are places to spread over.

use crate::cluster::{NodeInfo, PodInfo, SpreadRule};
use crate::plugins::taint_toleration::untolerated;

/// A node counts for rules only if it has the label of each of them.
pub(super) fn is_labelled<'a>(
    node: &NodeInfo,
    mut rules: impl Iterator<Item = &'a SpreadRule>,
) -> bool {
    rules.all(|rule| node.label(&rule.topology_key).is_some())
}

/// Whether the rule's inclusion policies let the node count.
pub(super) fn is_included(rule: &SpreadRule, pod: &PodInfo, info: &NodeInfo) -> bool {
    let allowed = || info.node.as_ref().is_some_and(|node| pod.affinity.allows(node));
    (!rule.honors_affinity || allowed()) && (!rule.honors_taints || !untolerated(info, pod))
}
