//! Nodes and pods from JSON, and a cluster to decide in.

use std::sync::Arc;

use client::light::{Node, Pod};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use scheduler::cluster::{Cluster, Labels, NodeInfo, PodInfo};
use scheduler::decide::{Cursor, Decision, Refusal, decide};
use scheduler::framework::{CycleState, Profile};
use serde_json::{Value, json};

/// 4 cpus, 8 Gi, 110 pods, labelled with its name.
pub fn node(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}
    })
}

pub fn pod(name: &str, spec: Value) -> Value {
    let mut spec = spec;
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{"name": "c"}]);
    }
    json!({"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec})
}

/// A pod of one container with these requests.
pub fn requesting(name: &str, requests: Value) -> Value {
    pod(name, json!({"containers": [{"name": "c", "resources": {"requests": requests}}]}))
}

/// In a zone.
pub fn zoned(name: &str, zone: &str) -> Value {
    let mut node = node(name);
    node["metadata"]["labels"]["zone"] = zone.into();
    node
}

pub fn labelled(mut pod: Value, labels: Value) -> Value {
    pod["metadata"]["labels"] = labels;
    pod
}

pub fn info(pod: Value) -> Arc<PodInfo> {
    let pod: Pod = serde_json::from_value(pod).expect("a pod");
    Arc::new(PodInfo::of(&pod))
}

pub fn light_node(node: Value) -> Arc<Node> {
    Arc::new(serde_json::from_value(node).expect("a node"))
}

pub struct World {
    pub cluster: Cluster,
    pub profile: Profile,
    pub cursor: Cursor,
    pub rng: SmallRng,
}

impl World {
    pub fn new(nodes: impl IntoIterator<Item = Value>) -> Self {
        let mut cluster = Cluster::default();
        for node in nodes {
            cluster.set_node(light_node(node));
        }
        Self {
            cluster,
            profile: Profile::default_plugins(),
            cursor: Cursor::default(),
            rng: SmallRng::seed_from_u64(7),
        }
    }

    pub fn with_namespace(mut self, name: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        self.cluster.set_namespace(name, Labels::of(Some(&labels)));
        self
    }

    /// A pod that is bound already.
    pub fn with(mut self, pod: Value, node: &str) -> Self {
        self.cluster.set_pod(info(pod), node);
        self
    }

    pub fn decide(&mut self, pod: &PodInfo) -> Result<Decision, Box<Refusal>> {
        decide(&self.profile, &self.cluster, pod, &mut self.cursor, &mut self.rng)
    }

    /// The chosen node's name, or the message of the refusal.
    pub fn place(&mut self, pod: Value) -> Result<String, String> {
        let pod = info(pod);
        match self.decide(&pod) {
            Ok(decision) => {
                let name = self.cluster.node(decision.node).name.to_string();
                self.cluster.assume(pod, decision.node);
                Ok(name)
            }
            Err(refusal) => Err(refusal.error.to_string()),
        }
    }

    /// The names of the nodes that pass every filter, in order; or why the pod is rejected
    /// whatever the node.
    pub fn allowed(&self, pod: Value) -> String {
        let pod = info(pod);
        let mut state = CycleState::default();
        for plugin in &self.profile.pre_filter {
            if let Err(rejection) = plugin.pre_filter(&mut state, &pod, &self.cluster) {
                return rejection.reasons.join(", ");
            }
        }
        let nodes = self.cluster.nodes().iter().map(|id| self.cluster.node(*id));
        let passes = |node: &&NodeInfo| {
            self.profile.filter.iter().all(|plugin| plugin.filter(&state, &pod, node).is_ok())
        };
        nodes.filter(passes).map(|node| &*node.name).collect::<Vec<_>>().join(" ")
    }

    /// The reasons of a refusal, without what surrounds them.
    pub fn reasons(&mut self, pod: Value) -> String {
        let message = self.place(pod).expect_err("no node should take it");
        let (_, reasons) = message.split_once("available: ").expect("counted reasons");
        reasons.split(". preemption").next().unwrap_or_default().to_owned()
    }
}
