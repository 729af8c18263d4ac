//! Performs what `plan` decides for one owner.

use std::sync::Arc;

use client::light::Pod;
use client::{Cache, EventRecorder, EventType, ObjectKey, WorkQueue};
use futures::future::join_all;
use kube::Client;
use kube::api::DeleteParams;
use kube::core::Selector;
use serde_json::{Value, json};

use super::Replicated;
use super::plan::{Plan, batches, plan};
use super::status::{Failure, next_availability, status};
use crate::clock::{Clock, wait};
use crate::error::{self, Error, Result, failed};
use crate::expectations::Expectations;
use crate::objects::Light;
use crate::orphans::Orphans;
use crate::owner::{self, controller_of};
use crate::write;

pub struct Controller<K> {
    pub client: Client,
    pub recorder: EventRecorder,
    pub clock: Arc<dyn Clock>,
    pub owners: Cache<K>,
    pub pods: Cache<Pod>,
    pub orphans: Arc<Orphans<Pod>>,
    pub expectations: Expectations<ObjectKey>,
    pub queue: WorkQueue<ObjectKey>,
}

/// How far the desired number was approached.
#[derive(Default)]
struct Outcome {
    failure: Option<Failure>,
    error: Option<Error>,
}

impl<K: Replicated> Controller<K> {
    pub async fn reconcile(&self, key: ObjectKey) -> Result<()> {
        let Some(owner) = self.owners.get(&key) else {
            self.expectations.forget(&key);
            return Ok(());
        };
        let pending = self.expectations.pending(&key, self.clock.monotonic());
        let pods = self.claim(&*owner, &owner.selector()?).await?;
        let (active, inactive): (Vec<_>, Vec<_>) =
            pods.into_iter().partition(|pod| pod.is_active());
        let terminating = inactive.iter().filter(|pod| !pod.is_finished()).count();
        let outcome = match pending {
            Some(left) => {
                self.queue.add_after(key.clone(), left);
                None
            }
            None if owner.is_terminating() => None,
            None => Some(self.manage(&key, &owner, &active).await),
        };
        self.write_status(&owner, &active, terminating, outcome.as_ref()).await?;
        if let Some(left) = next_availability(&active, owner.min_ready_seconds(), self.clock.now())
        {
            self.queue.add_after(key, wait(left));
        }
        outcome.and_then(|outcome| outcome.error).map_or(Ok(()), Err)
    }

    /// The owner's Pods. A finished Pod counts for nothing, so it is not adopted.
    async fn claim(&self, owner: &K, selector: &Selector) -> Result<Vec<Arc<Pod>>> {
        let owned = self.pods.owned_by(owner.uid()).into_iter();
        let candidates = owned.chain(self.orphans.of_namespace(owner.namespace()));
        let adoptable = |pod: &Pod| !pod.is_finished();
        owner::claim_all(&self.client, owner, selector, candidates, adoptable).await
    }

    async fn manage(&self, key: &ObjectKey, owner: &K, active: &[Arc<Pod>]) -> Outcome {
        let desired = usize::try_from(owner.desired()).unwrap_or(0);
        let related = if active.len() > desired { self.related(owner) } else { Vec::new() };
        let now = self.clock.monotonic();
        match plan(owner.desired(), active.to_vec(), &related, self.clock.now()) {
            Plan::Nothing => Outcome::default(),
            Plan::Create(count) => {
                self.expectations.expect(key.clone(), count, [], now);
                self.create(key, owner, count).await
            }
            Plan::Delete(pods) => {
                let uids = pods.iter().map(|pod| pod.uid().to_owned());
                self.expectations.expect(key.clone(), 0, uids, now);
                self.delete(key, owner, &pods).await
            }
        }
    }

    /// The Pods of all owners that have the same controller as this one.
    fn related(&self, owner: &K) -> Vec<Arc<Pod>> {
        let Some(controller) = controller_of(owner.meta()) else {
            return self.pods.owned_by(owner.uid());
        };
        let siblings = self.owners.owned_by(&controller.uid);
        siblings.iter().flat_map(|sibling| self.pods.owned_by(sibling.uid())).collect()
    }

    async fn create(&self, key: &ObjectKey, owner: &K, count: usize) -> Outcome {
        let pod = pod_of(owner);
        let mut tried = 0;
        for batch in batches(count) {
            let creations = join_all((0..batch).map(|_| self.create_one(key, owner, &pod))).await;
            tried += batch;
            let mut errors: Vec<kube::Error> =
                creations.into_iter().filter_map(Result::err).collect();
            if errors.is_empty() {
                continue;
            }
            for _ in tried..count {
                self.expectations.created(key);
            }
            let failed = errors.len();
            return outcome("FailedCreate", failed, tried, errors.swap_remove(0));
        }
        Outcome::default()
    }

    async fn create_one(&self, key: &ObjectKey, owner: &K, pod: &Value) -> Result<(), kube::Error> {
        match write::create::<Pod>(&self.client, owner.namespace(), pod).await {
            Ok(created) => {
                let message = format!("Created pod: {}", created.name());
                self.recorder.event(owner, EventType::Normal, "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) => {
                self.expectations.created(key);
                if !error::is_namespace_terminating(&error) {
                    let message = format!("Error creating: {}", error::message(&error));
                    self.recorder.event(owner, EventType::Warning, "FailedCreate", message);
                }
                Err(error)
            }
        }
    }

    async fn delete(&self, key: &ObjectKey, owner: &K, pods: &[Arc<Pod>]) -> Outcome {
        let deletions = join_all(pods.iter().map(|pod| self.delete_one(key, owner, pod))).await;
        let mut errors: Vec<kube::Error> = deletions.into_iter().filter_map(Result::err).collect();
        if errors.is_empty() {
            return Outcome::default();
        }
        let failed = errors.len();
        outcome("FailedDelete", failed, pods.len(), errors.swap_remove(0))
    }

    async fn delete_one(&self, key: &ObjectKey, owner: &K, pod: &Pod) -> Result<(), kube::Error> {
        let (namespace, name, uid) = (pod.namespace(), pod.name(), pod.uid());
        let params = DeleteParams::default();
        match write::delete::<Pod>(&self.client, namespace, name, Some(uid), params).await {
            Ok(()) => {
                let message = format!("Deleted pod: {name}");
                self.recorder.event(owner, EventType::Normal, "SuccessfulDelete", message);
                Ok(())
            }
            Err(error) => {
                self.expectations.deleted(key, uid);
                // Gone, or another Pod under the same name: what was to be deleted is no more.
                if error::is_not_found(&error) || error::is_conflict(&error) {
                    return Ok(());
                }
                let message = format!("Error deleting: {}", error::message(&error));
                self.recorder.event(owner, EventType::Warning, "FailedDelete", message);
                Err(error)
            }
        }
    }

    /// Writes the status if it differs. Without an `outcome` (nothing was attempted) the failure
    /// that the status tells of stays.
    async fn write_status(
        &self,
        owner: &K,
        active: &[Arc<Pod>],
        terminating: usize,
        outcome: Option<&Outcome>,
    ) -> Result<()> {
        let old = owner.current_status();
        let failure = outcome.and_then(|outcome| outcome.failure.as_ref());
        let mut new = status(owner, active, terminating, failure, self.clock.now());
        if outcome.is_none() {
            new.conditions = old.conditions.clone();
        }
        let version = owner.meta().resource_version.as_deref();
        let Some(patch) = write::status_patch(version, old, &new) else {
            return Ok(());
        };
        let (namespace, name) = (owner.namespace(), owner.name());
        match write::patch_status::<K>(&self.client, namespace, name, &patch).await {
            Err(error) if error::is_not_found(&error) => Ok(()),
            result => result.map(drop).map_err(failed(|| format!("write the status of {name}"))),
        }
    }
}

fn outcome(reason: &'static str, failed: usize, tried: usize, source: kube::Error) -> Outcome {
    // Nothing will ever be created here again: neither a failure to report nor one to retry.
    if error::is_namespace_terminating(&source) {
        return Outcome::default();
    }
    let failure = Failure { reason, message: error::message(&source) };
    Outcome { failure: Some(failure), error: Some(Error::Batch { failed, tried, source }) }
}

/// The Pod that the owner's template describes.
fn pod_of<K: Replicated>(owner: &K) -> Value {
    let mut template = owner.template().value();
    let mut metadata = template["metadata"].take();
    if !metadata.is_object() {
        metadata = json!({});
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", owner.name()),
            "namespace": owner.namespace(),
            "labels": metadata["labels"].take(),
            "annotations": metadata["annotations"].take(),
            "finalizers": metadata["finalizers"].take(),
            "ownerReferences": [owner::reference(owner)],
        },
        "spec": template["spec"].take(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::replica_set;
    use crate::objects::Template;

    #[test]
    fn a_pod_is_the_template_with_an_owner() {
        let mut owner = replica_set("web-6f", 1);
        owner.spec.template = Template::of(&json!({
            "metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}, "name": "ignored"},
            "spec": {"containers": [{"name": "c", "new-field": {"kept": true}}]},
        }));
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": "web-6f-",
                "namespace": "default",
                "labels": {"app": "web"},
                "annotations": {"a": "b"},
                "finalizers": null,
                "ownerReferences": [{
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "web-6f",
                    "uid": "uid-web-6f",
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": {"containers": [{"name": "c", "new-field": {"kept": true}}]},
        });
        assert_eq!(pod_of(&owner), expected);
    }
}
