use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::framework::{CycleState, MAX_SCORE, Plugin, PreScore, Relevance, Score};

/// Prefers nodes on which cpu and memory are used to the same degree, so that neither is stranded.
pub struct NodeResourcesBalancedAllocation;

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }
}

impl PreScore for NodeResourcesBalancedAllocation {
    fn pre_score(&self, _: &mut CycleState, pod: &PodInfo, _: &Cluster, _: &[NodeId]) -> Relevance {
        if pod.is_best_effort() { Relevance::Skip } else { Relevance::Relevant }
    }
}

impl Score for NodeResourcesBalancedAllocation {
    /// 100 less the standard deviation of both used shares, which for two values is half of their
    /// difference, in percent.
    fn score(&self, _: &CycleState, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let (used, wanted, there) = (&node.requested, &pod.requests, &node.allocatable);
        let share =
            |there: i64, used: i64| (there > 0).then(|| (used as f64 / there as f64).min(1.0));
        let cpu = share(there.milli_cpu, used.milli_cpu.saturating_add(wanted.milli_cpu));
        let memory = share(there.memory, used.memory.saturating_add(wanted.memory));
        let deviation = match (cpu, memory) {
            (Some(cpu), Some(memory)) => (cpu - memory).abs() / 2.0,
            _ => 0.0,
        };
        ((1.0 - deviation) * MAX_SCORE as f64) as i64
    }
}
