//! Everything that decisions depend on, behind one mutex.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::time::Instant;

use crate::cluster::{Cluster, NodeId, PodInfo};
use crate::decide::{Cursor, Refusal, decide};
use crate::framework::{Events, Permission, Profile, Waiting};
use crate::queue::SchedulingQueue;

/// What one step of the loop asks to be performed.
pub(super) enum Step {
    /// Nothing to do before this time (if any) or the next change.
    Idle(Option<Instant>),
    Bind {
        pod: Arc<PodInfo>,
        node: Arc<str>,
        hold: Option<Hold>,
    },
    Refused {
        pod: Arc<PodInfo>,
        refusal: Refusal,
        evict: Vec<Arc<PodInfo>>,
        node: Option<Arc<str>>,
    },
    /// The plug-ins that keep books took no note of the pod: the next one.
    Nothing,
}

/// A plug-in holds the pod before it is bound.
pub(super) struct Hold {
    pub plugin: &'static str,
    pub waiting: Waiting,
    pub at_most: std::time::Duration,
}

pub(super) struct Core {
    pub cluster: Cluster,
    pub queue: SchedulingQueue,
    cursor: Cursor,
    rng: SmallRng,
}

impl Core {
    pub fn new(percentage: u8, seed: u64) -> Self {
        Self {
            cluster: Cluster::default(),
            queue: SchedulingQueue::default(),
            cursor: Cursor::new(percentage),
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// Schedules the next pod, if there is one, and books it.
    pub fn step(&mut self, profile: &Profile, now: Instant) -> Step {
        let Some(popped) = self.queue.pop(profile, now) else {
            return Step::Idle(self.queue.next_due());
        };
        let pod = popped.pod.clone();
        if self.cluster.placed(&pod.uid).is_some() {
            self.queue.remove(&pod.uid);
            return Step::Nothing;
        }
        match decide(profile, &self.cluster, &pod, &mut self.cursor, &mut self.rng) {
            Ok(decision) => match self.reserve(profile, &pod, decision.node) {
                Ok(step) => step,
                Err(refusal) => {
                    let waits_for = refusal.error.waits_for();
                    self.queue.unschedulable(&popped, waits_for, profile, now);
                    Step::Refused { pod, refusal, evict: Vec::new(), node: None }
                }
            },
            Err(refusal) => {
                self.queue.unschedulable(&popped, refusal.error.waits_for(), profile, now);
                let (node, evict) = self.victims(&refusal);
                Step::Refused { pod, refusal, evict, node }
            }
        }
    }

    /// Assumes the pod on the node, then asks Reserve and Permit.
    fn reserve(
        &mut self,
        profile: &Profile,
        pod: &Arc<PodInfo>,
        node: NodeId,
    ) -> Result<Step, Refusal> {
        self.cluster.assume(pod.clone(), node);
        let info = self.cluster.node(node);
        let name = info.name.clone();
        let mut denied = None;
        for plugin in &profile.reserve {
            if let Err(rejection) = plugin.reserve(pod, info) {
                denied = Some((plugin.events(), rejection));
                break;
            }
        }
        let mut hold = None;
        if denied.is_none() {
            for plugin in &profile.permit {
                match plugin.permit(pod, info) {
                    Permission::Granted => {}
                    Permission::Denied(rejection) => {
                        denied = Some((plugin.events(), rejection));
                        break;
                    }
                    Permission::Wait(at_most) if hold.is_none() => {
                        let waiting = profile.waiting.hold(pod.uid.clone());
                        hold = Some(Hold { plugin: plugin.name(), waiting, at_most });
                    }
                    Permission::Wait(_) => {}
                }
            }
        }
        let Some((waits_for, rejection)) = denied else {
            return Ok(Step::Bind { pod: pod.clone(), node: name, hold });
        };
        self.release(profile, pod, &name);
        let mut diagnosis = crate::Diagnosis { waits_for, ..crate::Diagnosis::default() };
        diagnosis.nodes.push((node, rejection));
        let error = crate::FitError::Rejected { total: 1, diagnosis };
        Err(Refusal { error, remedy: Default::default() })
    }

    /// Undoes what was booked for a pod that will not be bound; its room is free again.
    pub fn release(&mut self, profile: &Profile, pod: &PodInfo, node: &str) {
        for plugin in &profile.reserve {
            plugin.unreserve(pod, node);
        }
        profile.waiting.forget(&pod.uid);
        self.cluster.forget(&pod.uid);
        if let Some(id) = self.cluster.find(node) {
            self.room_freed(profile, id);
        }
    }

    pub fn room_freed(&mut self, profile: &Profile, node: NodeId) {
        self.on_node_event(Events::ROOM_FREED, profile, node);
    }

    /// Every filter judges one node by itself, so a change of a node can help only those pods that
    /// now fit this node.
    pub fn on_node_event(&mut self, event: Events, profile: &Profile, node: NodeId) {
        let info = self.cluster.node(node);
        self.queue.on_event(event, profile, |pod| profile.fits(pod, info));
    }

    fn victims(&self, refusal: &Refusal) -> (Option<Arc<str>>, Vec<Arc<PodInfo>>) {
        let Some((node, uids)) = &refusal.remedy.preempt else { return (None, Vec::new()) };
        let info = self.cluster.node(*node);
        let victims = info.pods().iter().filter(|pod| uids.contains(&pod.uid)).cloned().collect();
        (Some(info.name.clone()), victims)
    }
}
