//! From the caches' changes to cluster, queue and events.

use std::sync::Arc;

use client::Delta;
use client::light::{Node, Pod};
use k8s_openapi::api::core::v1::Namespace;
use tokio::time::Instant;

use super::core::Core;
use crate::cluster::{Labels, PodInfo};
use crate::framework::{Events, Profile};

impl Core {
    pub fn node_changed(&mut self, delta: &Delta<Node>, profile: &Profile) {
        match delta {
            Delta::Added(node) => {
                let id = self.cluster.set_node(node.clone());
                self.on_node_event(Events::NODE_ADDED, profile, id);
                self.surroundings_changed(Events::TOPOLOGY, profile);
            }
            Delta::Updated { old, new } => {
                let event = node_event(old, new);
                let id = self.cluster.set_node(new.clone());
                if !event.is_none() {
                    self.on_node_event(event, profile, id);
                }
                if event.intersects(Events::NODE_LABELS | Events::NODE_TAINTS) {
                    self.surroundings_changed(Events::TOPOLOGY, profile);
                }
            }
            Delta::Deleted(node) => {
                self.cluster.remove_node(node.metadata.name.as_deref().unwrap_or_default());
                self.surroundings_changed(Events::TOPOLOGY, profile);
            }
        }
    }

    pub fn namespace_changed(&mut self, delta: &Delta<Namespace>, profile: &Profile) {
        let meta = &delta.object().metadata;
        let name = meta.name.as_deref().unwrap_or_default();
        if matches!(delta, Delta::Deleted(_)) {
            self.cluster.remove_namespace(name);
        } else if self.cluster.set_namespace(name, Labels::of(meta.labels.as_ref())) {
            self.surroundings_changed(Events::NAMESPACES, profile);
        }
    }

    /// `scheduler` is the name of ours.
    pub fn pod_changed(
        &mut self,
        delta: &Delta<Pod>,
        profile: &Profile,
        scheduler: &str,
        now: Instant,
    ) {
        let pod = delta.object();
        if matches!(delta, Delta::Deleted(_)) || pod.is_finished() {
            return self.pod_gone(pod.metadata.uid.as_deref().unwrap_or_default(), profile);
        }
        match pod.spec.node_name.as_deref().filter(|name| !name.is_empty()) {
            Some(node) => self.pod_assigned(Arc::new(PodInfo::of_assigned(pod)), node, profile),
            None => self.pod_pending(pod, profile, scheduler, now),
        }
    }

    fn pod_gone(&mut self, uid: &str, profile: &Profile) {
        self.queue.remove(uid);
        profile.waiting.forget(uid);
        let Some(removed) = self.cluster.remove_pod(uid) else { return };
        if let Some(node) = removed.node {
            self.room_freed(profile, node);
        }
        self.pods_changed(profile, &removed.pod);
    }

    fn pod_assigned(&mut self, pod: Arc<PodInfo>, node: &str, profile: &Profile) {
        self.queue.remove(&pod.uid);
        let before = self.cluster.placed(&pod.uid).cloned();
        let mut known = None;
        if let Some(placed) = &before {
            let info = self.cluster.node(placed.node);
            known = info.pods().iter().find(|other| other.uid == pod.uid).cloned();
            if !placed.assumed && *info.name == *node && known.as_ref() == Some(&pod) {
                return;
            }
        }
        let id = self.cluster.set_pod(pod.clone(), node);
        let elsewhere = before.as_ref().is_some_and(|placed| placed.node != id);
        let assumed = before.as_ref().is_some_and(|placed| placed.assumed);
        // A pod that was resized, or turned up elsewhere than assumed, may have left room.
        if let Some(placed) = before
            && self.cluster.find_alive(placed.node).is_some()
            && (!assumed || elsewhere)
        {
            self.room_freed(profile, placed.node);
        }
        // An assumed pod is told of only now, when it is sure to stay.
        let same = |old: &Arc<PodInfo>| {
            old.labels == pod.labels && old.rules == pod.rules && old.deleting == pod.deleting
        };
        if assumed || elsewhere || !known.as_ref().is_some_and(same) {
            self.pods_changed(profile, &pod);
            if let Some(old) = known {
                self.pods_changed(profile, &old);
            }
        }
    }

    fn pod_pending(&mut self, pod: &Pod, profile: &Profile, scheduler: &str, now: Instant) {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let ours = pod.spec.scheduler_name.as_deref().unwrap_or("default-scheduler") == scheduler;
        // One that is being deleted only waits for its finalizers.
        if !ours || pod.metadata.deletion_timestamp.is_some() {
            self.queue.remove(uid);
        } else if self.cluster.placed(uid).is_none() {
            self.queue.set(Arc::new(PodInfo::of(pod)), profile, now);
        }
    }
}

/// What of the change may help a pod. Heartbeats and conditions do not.
fn node_event(old: &Node, new: &Node) -> Events {
    let mut event = Events::NONE;
    if old.status.allocatable != new.status.allocatable {
        event = event | Events::NODE_ALLOCATABLE;
    }
    if old.metadata.labels != new.metadata.labels {
        event = event | Events::NODE_LABELS;
    }
    if old.spec.taints != new.spec.taints || old.spec.unschedulable != new.spec.unschedulable {
        event = event | Events::NODE_TAINTS;
    }
    event
}
