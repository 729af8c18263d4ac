//! A node and what is placed on it.

use std::sync::Arc;

use api::quantity::Quantity;
use client::light::Node;

use super::affinity::label;
use super::pod::PodInfo;
use super::ports::HostPort;
use super::resources::Resources;

/// Dense: an index into the cluster's nodes. Given to another node once its node is gone and no
/// pod is placed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Debug)]
pub struct NodeInfo {
    pub name: Arc<str>,
    /// `None` for a node that is not (or no longer) there while pods are assigned to it: nothing
    /// new is placed on it.
    pub node: Option<Arc<Node>>,
    pub allocatable: Resources,
    pub allowed_pods: i64,
    pub requested: Resources,
    pub scoring_requested: Resources,
    ports: Vec<HostPort>,
    pods: Vec<Arc<PodInfo>>,
    /// Those of them with terms about other pods.
    choosy: Vec<Arc<PodInfo>>,
}

impl NodeInfo {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            node: None,
            allocatable: Resources::default(),
            allowed_pods: 0,
            requested: Resources::default(),
            scoring_requested: Resources::default(),
            ports: Vec::new(),
            pods: Vec::new(),
            choosy: Vec::new(),
        }
    }

    pub fn set_node(&mut self, node: Arc<Node>) {
        let allocatable = &node.status.allocatable;
        self.allocatable = Resources::of(allocatable);
        let pods = allocatable.get("pods").and_then(|text| Quantity::parse(text).ok());
        self.allowed_pods = pods.map_or(0, |quantity| quantity.value());
        self.node = Some(node);
    }

    pub fn pods(&self) -> &[Arc<PodInfo>] {
        &self.pods
    }

    /// The pods with terms about other pods.
    pub fn choosy(&self) -> &[Arc<PodInfo>] {
        &self.choosy
    }

    /// A label of the node.
    pub fn label(&self, key: &str) -> Option<&str> {
        label(self.node.as_ref()?, key)
    }

    pub fn add_pod(&mut self, pod: Arc<PodInfo>) {
        self.requested.add(&pod.requests);
        self.scoring_requested.add(&pod.scoring_requests);
        self.ports.extend(pod.ports.iter().cloned());
        if pod.has_terms() {
            self.choosy.push(pod.clone());
        }
        self.pods.push(pod);
    }

    /// Takes the pod back out, with exactly what was added for it.
    pub fn remove_pod(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        let index = self.pods.iter().position(|pod| *pod.uid == *uid)?;
        let pod = self.pods.swap_remove(index);
        self.requested.subtract(&pod.requests);
        self.scoring_requested.subtract(&pod.scoring_requests);
        for port in &pod.ports {
            if let Some(index) = self.ports.iter().position(|used| used == port) {
                self.ports.swap_remove(index);
            }
        }
        if let Some(index) = self.choosy.iter().position(|pod| *pod.uid == *uid) {
            self.choosy.swap_remove(index);
        }
        Some(pod)
    }

    pub fn has_port_conflict(&self, wanted: &[HostPort]) -> bool {
        wanted.iter().any(|port| self.ports.iter().any(|used| used.conflicts(port)))
    }
}
