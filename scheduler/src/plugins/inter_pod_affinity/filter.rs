//! What is required.

use super::InterPodAffinity;
use crate::cluster::{Cluster, NodeInfo, PodInfo};
use crate::framework::{
    CycleState, Events, Filter, Nodes, Plugin, PreFilter, Rejection, Relevance,
};
use crate::plugins::malformed::understood;
use crate::plugins::topology_counts::TopologyCounts;

const NOT_NEAR: &str = "node(s) didn't match pod affinity rules";
const NOT_AWAY: &str = "node(s) didn't match pod anti-affinity rules";
const NOT_WANTED: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// Of the placed pods, how many at each place
#[derive(Default)]
struct Peers {
    /// match every affinity term of the pod,
    near: TopologyCounts,
    /// match some anti-affinity term of the pod,
    away: TopologyCounts,
    /// have an anti-affinity term that the pod matches.
    unwelcoming: TopologyCounts,
    /// The pod matches its own affinity terms.
    own: bool,
}

impl Peers {
    /// Counts the pods of one node for the pod's own terms.
    fn count(&mut self, pod: &PodInfo, cluster: &Cluster, node: &NodeInfo, amount: i64) {
        for other in node.pods() {
            if pod.is_near(other, cluster) {
                for term in pod.required_affinity() {
                    self.near.add(node, &term.topology_key, amount);
                }
            }
            for term in pod.required_anti_affinity() {
                if term.matches(other, cluster) {
                    self.away.add(node, &term.topology_key, amount);
                }
            }
        }
    }

    /// Counts the pods of one node for their terms.
    fn count_unwelcoming(
        &mut self,
        pod: &PodInfo,
        cluster: &Cluster,
        node: &NodeInfo,
        amount: i64,
    ) {
        for other in node.choosy() {
            for term in other.required_anti_affinity() {
                if term.matches(pod, cluster) {
                    self.unwelcoming.add(node, &term.topology_key, amount);
                }
            }
        }
    }

    /// The verdict on a node, given what is otherwise than counted.
    fn judge(&self, pod: &PodInfo, node: &NodeInfo, change: &Self) -> Result<(), Rejection> {
        let near = |key: &str| self.near.at(node, key) + change.near.at(node, key) > 0;
        let mut found = true;
        for term in pod.required_affinity() {
            if node.label(&term.topology_key).is_none() {
                return Err(Rejection::final_(NOT_NEAR));
            }
            found &= near(&term.topology_key);
        }
        // The first of pods that want to be with each other has nobody to be with.
        let first = || self.own && self.near.total() + change.near.total() == 0;
        if !found && !first() {
            return Err(Rejection::final_(NOT_NEAR));
        }
        let away = |key: &str| self.away.at(node, key) + change.away.at(node, key) > 0;
        if pod.required_anti_affinity().iter().any(|term| away(&term.topology_key)) {
            return Err(Rejection::resolvable(NOT_AWAY));
        }
        let mut keys = self.unwelcoming.keys().chain(change.unwelcoming.keys());
        let unwelcoming =
            |key: &str| self.unwelcoming.at(node, key) + change.unwelcoming.at(node, key) > 0;
        if keys.any(unwelcoming) {
            return Err(Rejection::resolvable(NOT_WANTED));
        }
        Ok(())
    }
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn events(&self) -> Events {
        Events::PODS | Events::TOPOLOGY | Events::NAMESPACES
    }
}

impl PreFilter for InterPodAffinity {
    fn pre_filter(
        &self,
        state: &mut CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
    ) -> Result<(Relevance, Nodes), Rejection> {
        understood(pod)?;
        let demanding =
            !pod.required_affinity().is_empty() || !pod.required_anti_affinity().is_empty();
        let mut peers = Peers { own: pod.is_near(pod, cluster), ..Peers::default() };
        if demanding {
            for id in cluster.nodes() {
                peers.count(pod, cluster, cluster.node(*id), 1);
            }
        }
        for node in cluster.choosy() {
            peers.count_unwelcoming(pod, cluster, node, 1);
        }
        if !demanding && peers.unwelcoming.is_empty() {
            return Ok((Relevance::Skip, Nodes::All));
        }
        state.insert(peers);
        Ok((Relevance::Relevant, Nodes::All))
    }
}

impl Filter for InterPodAffinity {
    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        let Some(peers) = state.get::<Peers>() else { return Ok(()) };
        peers.judge(pod, node, &Peers::default())
    }

    fn filter_changed(
        &self,
        state: &CycleState,
        pod: &PodInfo,
        cluster: &Cluster,
        changed: &NodeInfo,
    ) -> Result<(), Rejection> {
        let Some(peers) = state.get::<Peers>() else { return Ok(()) };
        let mut change = Peers::default();
        if let Some(id) = cluster.find(&changed.name) {
            for (node, amount) in [(cluster.node(id), -1), (changed, 1)] {
                change.count(pod, cluster, node, amount);
                change.count_unwelcoming(pod, cluster, node, amount);
            }
        }
        peers.judge(pod, changed, &change)
    }
}
