//! Everything that decisions depend on, behind one mutex.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::time::Instant;

use crate::cluster::{Cluster, NodeId, NodeInfo, PodInfo};
use crate::decide::{Cursor, Refusal, decide};
use crate::diagnosis::{Diagnosis, FitError};
use crate::framework::{Events, Permission, PostFilterResult, Profile, Rejection, Waiting};
use crate::queue::SchedulingQueue;

/// What one step of the loop asks to be performed.
pub(super) enum Step {
    /// Nothing to do before this time (if any) or the next change.
    Idle(Option<Instant>),
    Bind {
        pod: Arc<PodInfo>,
        node: Arc<str>,
        holds: Vec<Hold>,
    },
    Refused {
        pod: Arc<PodInfo>,
        refusal: Box<Refusal>,
        evict: Vec<Arc<PodInfo>>,
        node: Option<Arc<str>>,
    },
    /// The pod has its node already, by somebody else's hand.
    Placed,
}

/// A plug-in holds the pod before it is bound.
pub(super) struct Hold {
    pub plugin: &'static str,
    pub waiting: Waiting,
    pub until: Instant,
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
            return Step::Placed;
        }
        match decide(profile, &self.cluster, &pod, &mut self.cursor, &mut self.rng) {
            Ok(decision) => match self.reserve(profile, &pod, decision.node, now) {
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

    /// Assumes the pod on the node, then asks Reserve and Permit. What was booked is undone if one
    /// of them refuses.
    fn reserve(
        &mut self,
        profile: &Profile,
        pod: &Arc<PodInfo>,
        node: NodeId,
        now: Instant,
    ) -> Result<Step, Box<Refusal>> {
        self.cluster.assume(pod.clone(), node);
        let info = self.cluster.node(node);
        let name = info.name.clone();
        match permissions(profile, pod, info, now) {
            Ok(holds) => Ok(Step::Bind { pod: pod.clone(), node: name, holds }),
            Err((waits_for, rejection)) => {
                self.release(profile, pod, &name);
                let nodes = vec![(node, rejection)];
                let diagnosis = Diagnosis { nodes, waits_for, ..Diagnosis::default() };
                let error = FitError::Rejected { total: 1, diagnosis };
                Err(Box::new(Refusal { error, remedy: PostFilterResult::default() }))
            }
        }
    }

    /// Undoes what was booked for a pod that will not be bound; its room is free again.
    pub fn release(&mut self, profile: &Profile, pod: &PodInfo, node: &str) {
        for plugin in &profile.reserve {
            plugin.unreserve(pod, node);
        }
        profile.waiting.forget(&pod.uid);
        if let Some(removed) = self.cluster.forget(&pod.uid) {
            self.pods_changed(profile, &removed.pod);
        }
        if let Some(id) = self.cluster.find(node) {
            self.room_freed(profile, id);
        }
    }

    pub fn room_freed(&mut self, profile: &Profile, node: NodeId) {
        self.on_node_event(Events::ROOM_FREED, profile, node);
    }

    /// What changed of a node can help those pods that now fit this node. What it means for other
    /// nodes, because pods are counted by place, is another event.
    pub fn on_node_event(&mut self, event: Events, profile: &Profile, node: NodeId) {
        let info = self.cluster.node(node);
        self.queue.on_event(event, profile, |pod| profile.fits(pod, info));
    }

    /// A pod came, went, or looks otherwise to pods with rules about other pods.
    pub fn pods_changed(&mut self, profile: &Profile, changed: &PodInfo) {
        let cluster = &self.cluster;
        self.queue.on_event(Events::PODS, profile, |pod| pod.minds(changed, cluster));
    }

    /// Something that pods with such rules may go by changed, and it is not known which of them.
    pub fn surroundings_changed(&mut self, event: Events, profile: &Profile) {
        self.queue.on_event(event, profile, |_| true);
    }

    fn victims(&self, refusal: &Refusal) -> (Option<Arc<str>>, Vec<Arc<PodInfo>>) {
        let Some((node, uids)) = &refusal.remedy.preempt else { return (None, Vec::new()) };
        let info = self.cluster.node(*node);
        let victims = info.pods().iter().filter(|pod| uids.contains(&pod.uid)).cloned().collect();
        (Some(info.name.clone()), victims)
    }
}

/// Asks every Reserve and Permit plug-in; returns those that hold the pod.
fn permissions(
    profile: &Profile,
    pod: &PodInfo,
    node: &NodeInfo,
    now: Instant,
) -> Result<Vec<Hold>, (Events, Rejection)> {
    for plugin in &profile.reserve {
        plugin.reserve(pod, node).map_err(|rejection| (plugin.events(), rejection))?;
    }
    let mut holds = Vec::new();
    for plugin in &profile.permit {
        match plugin.permit(pod, node) {
            Permission::Granted => {}
            Permission::Denied(rejection) => return Err((plugin.events(), rejection)),
            Permission::Wait(at_most) => {
                let waiting = profile.waiting.hold(pod.uid.clone(), plugin.name());
                holds.push(Hold { plugin: plugin.name(), waiting, until: now + at_most });
            }
        }
    }
    Ok(holds)
}
