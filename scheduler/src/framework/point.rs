//! The extension points.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::BoxFuture;

use super::event::Events;
use super::rejection::Rejection;
use super::state::CycleState;
use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::diagnosis::Diagnosis;

pub trait Plugin: Send + Sync {
    /// Upstream's name of it.
    fn name(&self) -> &'static str;

    /// What may help a pod that this plug-in rejected. After an event of a node the pod is tried
    /// again only if it fits that node now, after `PODS` only if it has to do with the pod that
    /// changed. `ALL` is for plug-ins that judge by something else, and tries it after every event.
    fn events(&self) -> Events {
        Events::ALL
    }
}

/// Orders the queue.
pub trait QueueSort: Plugin {
    /// The pod with the smallest rank comes first; of equal ones the one that waits longest.
    fn rank(&self, pod: &PodInfo) -> i64;
}

/// Keeps a pod out of the queue until it changes.
pub trait PreEnqueue: Plugin {
    fn pre_enqueue(&self, pod: &PodInfo) -> Result<(), Rejection>;
}

/// Whether a plug-in takes part in the rest of this pod's filtering (or scoring).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relevance {
    Relevant,
    /// It would say yes to every node: it is not asked.
    Skip,
}

/// Nodes worth looking at.
#[derive(Clone, Debug, PartialEq)]
pub enum Nodes {
    All,
    Named(BTreeSet<String>),
}

/// Looks at the pod once, before any node.
pub trait PreFilter: Plugin {
    /// An error rejects the pod whatever the node.
    fn pre_filter(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
    ) -> Result<(Relevance, Nodes), Rejection>;
}

/// Says of one node whether it can take the pod. Must judge by that node alone or by what its
/// PreFilter left in the state, and must not write. With nothing in the state it says yes.
pub trait Filter: Plugin {
    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection>;

    /// As `filter`, of a node as it would be with other pods on it: `changed` stands for the
    /// cluster's node of that name. A plug-in whose PreFilter counted pods has to allow for the
    /// difference.
    fn filter_changed(
        &self,
        state: &CycleState,
        pod: &PodInfo,
        _cluster: &Cluster,
        changed: &NodeInfo,
    ) -> Result<(), Rejection> {
        self.filter(state, pod, changed)
    }
}

/// What can be done for a pod that fits nowhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostFilterResult {
    /// For the user, after the counted reasons.
    pub message: String,
    /// Evict these (by uid), because the pod then fits this node.
    pub preempt: Option<(NodeId, Vec<std::sync::Arc<str>>)>,
}

/// Runs when no node passed. The first plug-in that found a remedy ends the round.
pub trait PostFilter: Plugin {
    fn post_filter(
        &self,
        state: &CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
        diagnosis: &Diagnosis,
        fits: &dyn Fn(&NodeInfo) -> Result<(), Rejection>,
    ) -> PostFilterResult;
}

/// Looks at the pod once, before the nodes that passed are scored.
pub trait PreScore: Plugin {
    fn pre_score(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
        feasible: &[NodeId],
    ) -> Relevance;
}

/// Ranks one node.
pub trait Score: Plugin {
    /// Any number if `normalize` brings it into 0..=100, else one of those.
    fn score(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> i64;

    /// Brings the scores of all nodes into 0..=100.
    fn normalize(&self, _scores: &mut [i64]) {}
}

/// Keeps a plug-in's own books of what is given to the pod.
pub trait Reserve: Plugin {
    fn reserve(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection>;

    /// Undoes it. Must be idempotent: it is called too when `reserve` was not, or failed.
    fn unreserve(&self, pod: &PodInfo, node_name: &str);
}

#[derive(Clone, Debug, PartialEq)]
pub enum Permission {
    Granted,
    Denied(Rejection),
    /// Hold the pod before binding until somebody allows it, at most so long.
    Wait(Duration),
}

/// Lets a pod proceed to binding, stops it or holds it.
pub trait Permit: Plugin {
    fn permit(&self, pod: &PodInfo, node: &NodeInfo) -> Permission;
}

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("binding rejected: {0}")]
    Api(#[from] kube::Error),
    #[error("{plugin} denied the pod: {reason}")]
    Denied { plugin: &'static str, reason: String },
    #[error("no plug-in bound the pod")]
    Unhandled,
}

/// Prepares the node for the pod.
pub trait PreBind: Plugin {
    fn pre_bind<'a>(
        &'a self,
        pod: &'a PodInfo,
        node: &'a str,
    ) -> BoxFuture<'a, Result<(), BindError>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Bound,
    /// Not this plug-in's pod: the next one is asked.
    Skipped,
}

/// Writes the decision down.
pub trait Bind: Plugin {
    fn bind<'a>(
        &'a self,
        pod: &'a PodInfo,
        node: &'a str,
    ) -> BoxFuture<'a, Result<Bound, BindError>>;
}

/// Is told of a bound pod.
pub trait PostBind: Plugin {
    fn post_bind(&self, pod: &PodInfo, node: &str);
}
