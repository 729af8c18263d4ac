//! What is preferred.

use super::InterPodAffinity;
use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::framework::{CycleState, MAX_SCORE, PreScore, Relevance, Score};
use crate::plugins::topology_counts::TopologyCounts;

/// What a required affinity of a placed pod is worth to a pod that matches it: who wants company
/// is glad of more. Upstream's default of `hardPodAffinityWeight`.
const COMPANY: i64 = 1;

/// Sums of weights.
struct Preference(TopologyCounts);

impl PreScore for InterPodAffinity {
    /// Sums up what the pod wishes of placed pods, and what they wish of it.
    fn pre_score(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
        _: &[NodeId],
    ) -> Relevance {
        let mut sums = TopologyCounts::default();
        if !pod.preferred_peers().is_empty() {
            for node in cluster.nodes().iter().map(|id| cluster.node(*id)) {
                for other in node.pods() {
                    for (weight, term) in pod.preferred_peers() {
                        if term.matches(other, cluster) {
                            sums.add(node, &term.topology_key, *weight);
                        }
                    }
                }
            }
        }
        for node in cluster.choosy() {
            for other in node.choosy() {
                let required = other.required_affinity().iter().map(|term| (COMPANY, term));
                let preferred =
                    other.preferred_peers().iter().map(|(weight, term)| (*weight, term));
                for (weight, term) in required.chain(preferred) {
                    if term.matches(pod, cluster) {
                        sums.add(node, &term.topology_key, weight);
                    }
                }
            }
        }
        if sums.is_empty() {
            return Relevance::Skip;
        }
        state.insert(Preference(sums));
        Relevance::Relevant
    }
}

impl Score for InterPodAffinity {
    fn score(&self, state: &CycleState, _: &PodInfo, node: &NodeInfo) -> i64 {
        state.get().map_or(0, |Preference(sums)| sums.sum_at(node))
    }

    /// The least becomes 0 and the most 100; equal ones all become 0.
    fn normalize(&self, scores: &mut [i64]) {
        let least = scores.iter().copied().min().unwrap_or(0);
        let range = scores.iter().copied().max().unwrap_or(0) - least;
        for score in scores {
            *score = if range == 0 { 0 } else { MAX_SCORE * (*score - least) / range };
        }
    }
}
