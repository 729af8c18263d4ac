//! Which changes queue which owners.

use std::sync::Arc;

use client::light::Pod;
use client::{Cache, Delta, ObjectKey, WorkQueue};
use kube::Resource;

use super::Replicated;
use super::reconcile::Controller;
use crate::context::{Context, reconcile_all};
use crate::expectations::Expectations;
use crate::objects::Light;
use crate::owner::{controller_of, matches};

/// Owners reconciled at a time, as upstream's `--concurrent-replicaset-syncs`.
const WORKERS: usize = 5;

/// Runs the controller of the kind `K` until cancelled.
pub async fn run<K: Replicated>(context: Context, owners: Cache<K>) {
    let client = context.client(K::CONTROLLER);
    let controller = Arc::new(Controller {
        client,
        recorder: context.recorder(K::CONTROLLER),
        clock: context.clock.clone(),
        owners: owners.clone(),
        pods: context.caches.pods.clone(),
        orphans: context.caches.orphan_pods.clone(),
        expectations: Expectations::default(),
        queue: WorkQueue::default(),
    });
    let queue = controller.queue.clone();
    owners.on_change(move |delta| queue.add(ObjectKey::of(&**delta.object())));
    let seen = controller.clone();
    context.caches.pods.on_change(move |delta| seen.pod_changed(delta));
    owners.synced().await;
    context.caches.pods.synced().await;
    let queue = controller.queue.clone();
    reconcile_all(queue, WORKERS, context.cancel, |key| controller.reconcile(key)).await;
}

impl<K: Replicated> Controller<K> {
    fn pod_changed(&self, delta: &Delta<Pod>) {
        match delta {
            Delta::Added(pod) if pod.is_terminating() => self.pod_going(pod),
            Delta::Added(pod) => {
                if let Some(key) = self.owner_of(pod) {
                    self.expectations.created(&key);
                    self.queue.add(key);
                } else {
                    self.queue_adopters(pod);
                }
            }
            Delta::Updated { old, new } => self.pod_updated(old, new),
            Delta::Deleted(pod) => self.pod_going(pod),
        }
    }

    fn pod_updated(&self, old: &Pod, new: &Pod) {
        let old_owner = controller_of(&old.metadata);
        if old_owner != controller_of(&new.metadata)
            && let Some(key) = self.owner_of(old)
        {
            self.queue.add(key);
        }
        if new.is_terminating() {
            return self.pod_going(new);
        }
        match self.owner_of(new) {
            Some(key) => self.queue.add(key),
            None if old.metadata.labels != new.metadata.labels || old_owner.is_some() => {
                self.queue_adopters(new);
            }
            None => {}
        }
    }

    /// The Pod is gone or about to go: either way it no longer counts.
    fn pod_going(&self, pod: &Pod) {
        if let Some(key) = self.owner_of(pod) {
            self.expectations.deleted(&key, pod.uid());
            self.queue.add(key);
        }
    }

    /// The owner that controls the Pod, if it is one of ours. An owner that the cache has not seen
    /// yet is named too: its expectations must not miss the Pod.
    fn owner_of(&self, pod: &Pod) -> Option<ObjectKey> {
        let reference = controller_of(&pod.metadata)?;
        if reference.kind != K::kind(&()) || reference.api_version != K::api_version(&()) {
            return None;
        }
        let key = ObjectKey::new(pod.namespace(), &reference.name);
        match self.owners.get(&key) {
            Some(owner) if owner.uid() != reference.uid => None,
            _ => Some(key),
        }
    }

    fn queue_adopters(&self, pod: &Pod) {
        if controller_of(&pod.metadata).is_some() {
            return;
        }
        for owner in self.owners.list_namespace(pod.namespace()) {
            let selects = owner.selector();
            if selects.is_ok_and(|selector| matches(&selector, pod.meta().labels.as_ref())) {
                self.queue.add(ObjectKey::of(&*owner));
            }
        }
    }
}
