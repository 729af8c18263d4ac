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
        let info = Arc::new(PodInfo::of(pod));
        match delta {
            Delta::Deleted(_) => self.pod_gone(&info, profile),
            Delta::Added(_) | Delta::Updated { .. } if pod.is_finished() => {
                self.pod_gone(&info, profile);
            }
            Delta::Added(_) | Delta::Updated { .. } => match info.node_name.clone() {
                Some(node) => self.pod_assigned(info, &node, profile),
                None => self.pod_pending(pod, info, profile, scheduler, now),
            },
        }
    }

    fn pod_gone(&mut self, pod: &PodInfo, profile: &Profile) {
        self.queue.remove(&pod.uid);
        profile.waiting.forget(&pod.uid);
        if let Some(node) = self.cluster.remove_pod(&pod.uid) {
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

    fn pod_pending(
        &mut self,
        pod: &Pod,
        info: Arc<PodInfo>,
        profile: &Profile,
        scheduler: &str,
        now: Instant,
    ) {
        let ours = pod.spec.scheduler_name.as_deref().unwrap_or("default-scheduler") == scheduler;
        // One that is being deleted only waits for its finalizers.
        if !ours || info.deleting {
            self.queue.remove(&info.uid);
        } else if self.cluster.placed(&info.uid).is_none() {
            self.queue.set(info, profile, now);
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
