//! From the caches' changes to cluster, queue and events.

use std::sync::Arc;

use client::Delta;
use client::light::{Node, Pod};
use tokio::time::Instant;

use super::core::Core;
use crate::cluster::PodInfo;
use crate::framework::{Events, Profile};

impl Core {
    pub fn node_changed(&mut self, delta: &Delta<Node>, profile: &Profile) {
        match delta {
            Delta::Added(node) => {
                let id = self.cluster.set_node(node.clone());
                self.on_node_event(Events::NODE_ADDED, profile, id);
            }
            Delta::Updated { old, new } => {
                let event = node_event(old, new);
                let id = self.cluster.set_node(new.clone());
                if !event.is_none() {
                    self.on_node_event(event, profile, id);
                }
            }
            Delta::Deleted(node) => {
                self.cluster.remove_node(node.metadata.name.as_deref().unwrap_or_default());
            }
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
        if let Some(node) = self.cluster.remove_pod(uid) {
            self.room_freed(profile, node);
        }
    }

    fn pod_assigned(&mut self, pod: Arc<PodInfo>, node: &str, profile: &Profile) {
        self.queue.remove(&pod.uid);
        let before = self.cluster.placed(&pod.uid).cloned();
        if let Some(placed) = &before {
            let info = self.cluster.node(placed.node);
            let known = info.pods().iter().find(|other| other.uid == pod.uid);
            if !placed.assumed && *info.name == *node && known == Some(&pod) {
                return;
            }
        }
        let id = self.cluster.set_pod(pod, node);
        // A pod that was resized, or turned up elsewhere than assumed, may have left room.
        if let Some(placed) = before
            && self.cluster.find_alive(placed.node).is_some()
            && (!placed.assumed || placed.node != id)
        {
            self.room_freed(profile, placed.node);
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
