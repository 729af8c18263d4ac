use k8s_openapi::api::core::v1::{Taint, Toleration};

use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::framework::{
    CycleState, Events, Filter, Plugin, PreScore, Rejection, Relevance, Score, normalize,
};

/// A node's taints keep away pods that do not tolerate them: `NoSchedule` and `NoExecute`
/// strictly, `PreferNoSchedule` by score.
pub struct TaintToleration;

/// The pod's tolerations that matter for `PreferNoSchedule`.
struct Preferred(Vec<Toleration>);

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn events(&self) -> Events {
        Events::NODE_ADDED | Events::NODE_TAINTS
    }
}

impl Filter for TaintToleration {
    fn filter(&self, _: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if !untolerated(node, pod) {
            return Ok(());
        }
        // Since 1.35 upstream no longer tells a pod's owner which taints a node has.
        Err(Rejection::final_("node(s) had untolerated taint(s)"))
    }
}

impl PreScore for TaintToleration {
    fn pre_score(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        _: &Cluster,
        _: &[NodeId],
    ) -> Relevance {
        let preferred = pod.tolerations.iter().filter(|toleration| {
            matches!(toleration.effect.as_deref(), None | Some("" | "PreferNoSchedule"))
        });
        state.insert(Preferred(preferred.cloned().collect()));
        Relevance::Relevant
    }
}

impl Score for TaintToleration {
    /// The number of taints that would rather not have the pod.
    fn score(&self, state: &CycleState, _: &PodInfo, node: &NodeInfo) -> i64 {
        let tolerations = state.get().map_or(&[][..], |Preferred(tolerations)| tolerations);
        let unwelcome = taints(node)
            .iter()
            .filter(|taint| taint.effect == "PreferNoSchedule" && !tolerated(taint, tolerations));
        i64::try_from(unwelcome.count()).unwrap_or(i64::MAX)
    }

    fn normalize(&self, scores: &mut [i64]) {
        normalize(scores, true);
    }
}

fn taints(info: &NodeInfo) -> &[Taint] {
    info.node.as_ref().map_or(&[], |node| &node.spec.taints)
}

/// Whether the node has a strict taint that the pod does not tolerate.
pub(super) fn untolerated(node: &NodeInfo, pod: &PodInfo) -> bool {
    taints(node).iter().any(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
            && !tolerated(taint, &pod.tolerations)
    })
}

/// Whether any of the tolerations tolerates the taint. An empty effect, and an empty key with
/// `Exists`, match every one.
pub(super) fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|toleration| {
        let says = |field: &Option<String>, value: &str| {
            field.as_deref().is_none_or(|field| field.is_empty() || field == value)
        };
        if !says(&toleration.effect, &taint.effect) || !says(&toleration.key, &taint.key) {
            return false;
        }
        match toleration.operator.as_deref() {
            None | Some("" | "Equal") => {
                toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
            }
            Some("Exists") => true,
            Some(_) => false,
        }
    })
}
