//! Constraints that are wishes.

use std::collections::HashMap;

use super::PodTopologySpread;
use super::places::{is_included, is_labelled};
use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo, SpreadRule};
use crate::framework::{CycleState, MAX_SCORE, PreScore, Relevance, Score};

/// The label of which every node has a value of its own.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The score of a node that has not all the labels, until it is normalized to 0.
const NOT_A_PLACE: i64 = -1;

/// One per rule that is not strict, in their order.
struct Wishes(Vec<Wish>);

struct Wish {
    /// Counted pods by the label's value. Empty for the hostname: those are counted when asked.
    counts: HashMap<Box<str>, i64>,
    /// The more places, the fewer pods in each, and the more a pod weighs.
    weight: f64,
}

fn wishes(pod: &PodInfo) -> impl Iterator<Item = &SpreadRule> {
    pod.spread().iter().filter(|rule| !rule.strict)
}

impl Wish {
    /// With the places of the feasible nodes, still empty.
    fn of(rule: &SpreadRule, feasible: &[&NodeInfo]) -> Self {
        let mut counts = HashMap::new();
        if *rule.topology_key != *HOSTNAME {
            let values = feasible.iter().filter_map(|node| node.label(&rule.topology_key));
            counts.extend(values.map(|value| (Box::from(value), 0)));
        }
        let places = if *rule.topology_key == *HOSTNAME { feasible.len() } else { counts.len() };
        Self { counts, weight: ((places + 2) as f64).ln() }
    }

    fn count(&self, rule: &SpreadRule, pod: &PodInfo, node: &NodeInfo) -> i64 {
        if *rule.topology_key == *HOSTNAME {
            return rule.count_on(pod, node);
        }
        let value = node.label(&rule.topology_key);
        value.and_then(|value| self.counts.get(value)).copied().unwrap_or(0)
    }
}

impl PreScore for PodTopologySpread {
    fn pre_score(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
        feasible: &[NodeId],
    ) -> Relevance {
        if wishes(pod).next().is_none() {
            return Relevance::Skip;
        }
        let feasible: Vec<&NodeInfo> = feasible
            .iter()
            .map(|id| cluster.node(*id))
            .filter(|node| is_labelled(node, wishes(pod)))
            .collect();
        let mut counted: Vec<Wish> = wishes(pod).map(|rule| Wish::of(rule, &feasible)).collect();
        for node in cluster.nodes().iter().map(|id| cluster.node(*id)) {
            if !is_labelled(node, wishes(pod)) {
                continue;
            }
            for (rule, wish) in wishes(pod).zip(&mut counted) {
                if let Some(value) = node.label(&rule.topology_key)
                    && let Some(count) = wish.counts.get_mut(value)
                    && is_included(rule, pod, node)
                {
                    *count += rule.count_on(pod, node);
                }
            }
        }
        state.insert(Wishes(counted));
        Relevance::Relevant
    }
}

impl Score for PodTopologySpread {
    /// How crowded the node's places are: the fewer the better. A rule that tolerates more skew
    /// adds more to all, so that differences matter less.
    fn score(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let Some(Wishes(counted)) = state.get() else { return 0 };
        if !is_labelled(node, wishes(pod)) {
            return NOT_A_PLACE;
        }
        let crowd: f64 = wishes(pod)
            .zip(counted)
            .map(|(rule, wish)| {
                let count = wish.count(rule, pod, node) as f64;
                count * wish.weight + (rule.max_skew - 1) as f64
            })
            .sum();
        crowd.round() as i64
    }

    fn normalize(&self, scores: &mut [i64]) {
        let places = || scores.iter().copied().filter(|score| *score != NOT_A_PLACE);
        let (least, most) = (places().min().unwrap_or(0), places().max().unwrap_or(0));
        for score in scores {
            *score = match *score {
                NOT_A_PLACE => 0,
                _ if most == 0 => MAX_SCORE,
                score => MAX_SCORE * (most + least - score) / most,
            };
        }
    }
}
