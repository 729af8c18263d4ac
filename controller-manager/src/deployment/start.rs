//! Which changes queue which Deployments.

use std::sync::Arc;

use client::light::Pod;
use client::{Delta, ObjectKey, WorkQueue};
use kube::Resource;
use kube::core::Selector;

use super::reconcile::Controller;
use crate::context::{Context, reconcile_all};
use crate::objects::{Deployment, Light, ReplicaSet};
use crate::owner::{controller_of, matches};

const CONTROLLER: &str = "deployment-controller";

/// Deployments reconciled at a time, as upstream's `--concurrent-deployment-syncs`.
const WORKERS: usize = 5;

/// Runs until cancelled.
pub async fn run(context: Context) {
    let caches = context.caches.clone();
    let controller = Arc::new(Controller {
        client: context.client(CONTROLLER),
        recorder: context.recorder(CONTROLLER),
        clock: context.clock.clone(),
        deployments: caches.deployments.clone(),
        sets: caches.replica_sets.clone(),
        orphans: caches.orphan_replica_sets,
        pods: caches.pods.clone(),
        queue: WorkQueue::default(),
    });
    let queue = controller.queue.clone();
    caches.deployments.on_change(move |delta| queue.add(ObjectKey::of(&**delta.object())));
    let seen = controller.clone();
    caches.replica_sets.on_change(move |delta| seen.set_changed(delta));
    let seen = controller.clone();
    caches.pods.on_change(move |delta| seen.pod_changed(delta));
    caches.deployments.synced().await;
    caches.replica_sets.synced().await;
    caches.pods.synced().await;
    let queue = controller.queue.clone();
    reconcile_all(queue, WORKERS, context.cancel, |key| controller.reconcile(key)).await;
}

impl Controller {
    fn set_changed(&self, delta: &Delta<ReplicaSet>) {
        let set = delta.object();
        let mut owners = vec![owner_of(set)];
        let mut relabelled = matches!(delta, Delta::Added(_));
        if let Delta::Updated { old, new } = delta {
            owners.push(owner_of(old));
            relabelled =
                old.metadata.labels != new.metadata.labels || owner_of(old) != owner_of(new);
        }
        for owner in owners.iter().flatten() {
            self.queue.add(owner.clone());
        }
        if relabelled && controller_of(set.meta()).is_none() {
            self.queue_adopters(set);
        }
    }

    fn queue_adopters(&self, set: &ReplicaSet) {
        for deployment in self.deployments.list_namespace(set.namespace()) {
            let selector: Result<Selector, _> = deployment.spec.selector.clone().try_into();
            if selector.is_ok_and(|selector| matches(&selector, set.meta().labels.as_ref())) {
                self.queue.add(ObjectKey::of(&*deployment));
            }
        }
    }

    /// Only Recreate waits for Pods: for the last of them to finish or go. Everything else shows in
    /// the ReplicaSets' statuses.
    fn pod_changed(&self, delta: &Delta<Pod>) {
        let over = match delta {
            Delta::Added(_) => false,
            Delta::Updated { old, new } => !old.is_finished() && new.is_finished(),
            Delta::Deleted(_) => true,
        };
        let pod = delta.object();
        let Some(owner) = controller_of(&pod.metadata).filter(|_| over) else { return };
        let set = self.sets.find(pod.namespace(), &owner.name);
        let Some(key) = set.as_deref().and_then(owner_of) else { return };
        if self.deployments.get(&key).is_some_and(|deployment| !deployment.is_rolling()) {
            self.queue.add(key);
        }
    }
}

fn owner_of(set: &ReplicaSet) -> Option<ObjectKey> {
    let owner = controller_of(&set.metadata)?;
    (owner.kind == Deployment::kind(&())).then(|| ObjectKey::new(set.namespace(), &owner.name))
}
