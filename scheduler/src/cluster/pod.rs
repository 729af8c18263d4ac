//! A pod as the scheduler sees it: compiled once, shared by queue and cluster.

use std::sync::Arc;

use client::ObjectKey;
use client::light::Pod;
use k8s_openapi::api::core::v1::Toleration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::affinity::NodeAffinity;
use super::labels::Labels;
use super::peer_rules::PeerRules;
use super::ports::HostPort;
use super::requests;
use super::resources::Resources;

/// Everything that decides where a pod may run. Two equal ones are scheduled alike, so a change of
/// a pod that leaves this equal (its status, say) does not wake it.
#[derive(Clone, Debug, PartialEq)]
pub struct PodInfo {
    pub key: ObjectKey,
    pub uid: Arc<str>,
    pub labels: Labels,
    pub priority: i32,
    /// `preemptionPolicy: Never`.
    pub never_preempts: bool,
    pub requests: Resources,
    pub scoring_requests: Resources,
    pub ports: Vec<HostPort>,
    pub tolerations: Vec<Toleration>,
    pub affinity: NodeAffinity,
    /// In regard to other pods.
    pub rules: Option<Box<PeerRules>>,
    pub gates: Vec<String>,
    /// The node that the pod names itself, if any.
    pub node_name: Option<Box<str>>,
    pub start_time: Option<Time>,
    pub deleting: bool,
}

impl PodInfo {
    pub fn of(pod: &Pod) -> Self {
        let spec = &pod.spec;
        let labels = Labels::of(pod.metadata.labels.as_ref());
        Self {
            key: ObjectKey::of(pod),
            uid: pod.metadata.uid.as_deref().unwrap_or_default().into(),
            priority: spec.priority.unwrap_or(0),
            never_preempts: spec.preemption_policy.as_deref() == Some("Never"),
            requests: requests::requested(spec),
            scoring_requests: requests::requested_for_scoring(spec),
            ports: HostPort::of(spec),
            tolerations: spec.tolerations.clone(),
            affinity: NodeAffinity::of(spec),
            rules: PeerRules::of(pod, &labels),
            labels,
            gates: spec.scheduling_gates.iter().map(|gate| gate.name.clone()).collect(),
            node_name: spec.node_name.clone().filter(|name| !name.is_empty()),
            start_time: pod.status.start_time.clone(),
            deleting: pod.metadata.deletion_timestamp.is_some(),
        }
    }

    /// Of a pod that has its node: without what only matters for finding one. There are many of
    /// these, and each of the lists would be kept for nothing.
    pub fn of_assigned(pod: &Pod) -> Self {
        let pod = Self::of(pod);
        Self {
            tolerations: Vec::new(),
            affinity: NodeAffinity::default(),
            rules: pod.rules.and_then(PeerRules::of_assigned),
            gates: Vec::new(),
            ..pod
        }
    }

    /// Whether it has terms about other pods, required or preferred.
    pub fn has_terms(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.has_terms())
    }

    /// Asks for nothing that is counted.
    pub fn is_best_effort(&self) -> bool {
        self.requests.is_zero()
    }
}
