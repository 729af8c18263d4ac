//! The plug-ins of one scheduler, by extension point.

use std::sync::Arc;

use super::permit::WaitingPods;
use super::point::{
    Bind, Filter, Permit, PostBind, PostFilter, PreBind, PreEnqueue, PreFilter, PreScore,
    QueueSort, Reserve, Score,
};
use super::rejection::Rejection;
use super::state::CycleState;
use crate::cluster::{NodeInfo, PodInfo};
use crate::plugins;

pub const MAX_SCORE: i64 = 100;

/// In each list the order is the order of asking.
pub struct Profile {
    pub queue_sort: Arc<dyn QueueSort>,
    pub pre_enqueue: Vec<Arc<dyn PreEnqueue>>,
    pub pre_filter: Vec<Arc<dyn PreFilter>>,
    pub filter: Vec<Arc<dyn Filter>>,
    pub post_filter: Vec<Arc<dyn PostFilter>>,
    pub pre_score: Vec<Arc<dyn PreScore>>,
    /// With weights.
    pub score: Vec<(Arc<dyn Score>, i64)>,
    pub reserve: Vec<Arc<dyn Reserve>>,
    pub permit: Vec<Arc<dyn Permit>>,
    pub pre_bind: Vec<Arc<dyn PreBind>>,
    pub bind: Vec<Arc<dyn Bind>>,
    pub post_bind: Vec<Arc<dyn PostBind>>,
    pub waiting: WaitingPods,
}

impl Profile {
    /// Upstream's default plug-ins and weights, as far as they are here. Without a Bind plug-in:
    /// that one needs a client.
    pub fn default_plugins() -> Self {
        let affinity = Arc::new(plugins::NodeAffinity);
        let taints = Arc::new(plugins::TaintToleration);
        let ports = Arc::new(plugins::NodePorts);
        let resources = Arc::new(plugins::NodeResourcesFit);
        let spread = Arc::new(plugins::PodTopologySpread);
        let peers = Arc::new(plugins::InterPodAffinity);
        let balance = Arc::new(plugins::NodeResourcesBalancedAllocation);
        Self {
            queue_sort: Arc::new(plugins::PrioritySort),
            pre_enqueue: vec![Arc::new(plugins::SchedulingGates)],
            pre_filter: vec![affinity.clone(), ports.clone(), spread.clone(), peers.clone()],
            filter: vec![
                Arc::new(plugins::NodeUnschedulable),
                Arc::new(plugins::NodeName),
                taints.clone(),
                affinity.clone(),
                ports,
                resources.clone(),
                spread.clone(),
                peers.clone(),
            ],
            post_filter: vec![Arc::new(plugins::DefaultPreemption)],
            pre_score: vec![
                taints.clone(),
                affinity.clone(),
                spread.clone(),
                peers.clone(),
                balance.clone(),
            ],
            score: vec![
                (taints, 3),
                (affinity, 2),
                (spread, 2),
                (peers, 2),
                (resources, 1),
                (balance, 1),
            ],
            reserve: Vec::new(),
            permit: Vec::new(),
            pre_bind: Vec::new(),
            bind: Vec::new(),
            post_bind: Vec::new(),
            waiting: WaitingPods::default(),
        }
    }

    /// Whether the pod may enter the queue.
    pub fn admits(&self, pod: &PodInfo) -> Result<(), Rejection> {
        self.pre_enqueue.iter().try_for_each(|plugin| plugin.pre_enqueue(pod))
    }

    /// Whether the node would take the pod, asked outside of a cycle: every filter is asked, with
    /// nothing prepared. Plug-ins that judge by more than the node say yes then.
    pub fn fits(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let state = CycleState::default();
        node.node.is_some()
            && self.filter.iter().all(|plugin| plugin.filter(&state, pod, node).is_ok())
    }
}

/// Scales scores so that the largest becomes 100; `reverse` turns the order round. All zero stays
/// zero, or becomes 100 when reversed.
pub fn normalize(scores: &mut [i64], reverse: bool) {
    let max = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if max == 0 { 0 } else { MAX_SCORE * *score / max };
        *score = if reverse { MAX_SCORE - scaled } else { scaled };
    }
}
