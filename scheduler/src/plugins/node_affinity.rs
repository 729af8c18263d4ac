use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::framework::{
    CycleState, Events, Filter, Nodes, Plugin, PreFilter, PreScore, Rejection, Relevance, Score,
    normalize,
};

/// `nodeSelector` and node affinity, required and preferred.
pub struct NodeAffinity;

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn events(&self) -> Events {
        Events::NODE_ADDED | Events::NODE_LABELS
    }
}

impl PreFilter for NodeAffinity {
    fn pre_filter(
        &self,
        _: &mut CycleState,
        pod: &PodInfo,
        _: &Cluster,
    ) -> Result<(Relevance, Nodes), Rejection> {
        if !pod.affinity.has_requirements() {
            return Ok((Relevance::Skip, Nodes::All));
        }
        match pod.affinity.named_nodes() {
            None => Ok((Relevance::Relevant, Nodes::All)),
            Some(names) if names.is_empty() => {
                Err(Rejection::final_("pod affinity terms conflict"))
            }
            Some(names) => {
                let names = names.into_iter().map(str::to_owned).collect();
                Ok((Relevance::Relevant, Nodes::Named(names)))
            }
        }
    }
}

impl Filter for NodeAffinity {
    fn filter(&self, _: &CycleState, pod: &PodInfo, info: &NodeInfo) -> Result<(), Rejection> {
        if info.node.as_ref().is_some_and(|node| pod.affinity.allows(node)) {
            return Ok(());
        }
        Err(Rejection::final_("node(s) didn't match Pod's node affinity/selector"))
    }
}

impl PreScore for NodeAffinity {
    fn pre_score(&self, _: &mut CycleState, pod: &PodInfo, _: &Cluster, _: &[NodeId]) -> Relevance {
        if pod.affinity.has_preferences() { Relevance::Relevant } else { Relevance::Skip }
    }
}

impl Score for NodeAffinity {
    fn score(&self, _: &CycleState, pod: &PodInfo, info: &NodeInfo) -> i64 {
        info.node.as_ref().map_or(0, |node| pod.affinity.preference(node))
    }

    fn normalize(&self, scores: &mut [i64]) {
        normalize(scores, false);
    }
}
