//! Performs what `plan` decides for one Deployment.

use std::sync::Arc;

use client::light::Pod;
use client::{Cache, EventRecorder, EventType, ObjectKey, WorkQueue};
use k8s_openapi::api::apps::v1::DeploymentStatus;
use kube::Client;
use kube::api::{DeleteParams, Patch};
use serde_json::{Value, json};

use super::annotations::REVISION;
use super::draft::Draft;
use super::plan::{self, NewSet, Plan, plan};
use super::template;
use crate::clock::{Clock, wait};
use crate::error::{self, Error, Result, failed};
use crate::objects::{Deployment, Light, ReplicaSet};
use crate::orphans::Orphans;
use crate::owner::{self, controller_of};
use crate::write;

pub struct Controller {
    pub client: Client,
    pub recorder: EventRecorder,
    pub clock: Arc<dyn Clock>,
    pub deployments: Cache<Deployment>,
    pub sets: Cache<ReplicaSet>,
    pub orphans: Arc<Orphans<ReplicaSet>>,
    pub pods: Cache<Pod>,
    pub queue: WorkQueue<ObjectKey>,
}

impl Controller {
    pub async fn reconcile(&self, key: ObjectKey) -> Result<()> {
        let Some(deployment) = self.deployments.get(&key) else { return Ok(()) };
        let deployment = &*deployment;
        let owned = self.claim(deployment).await?;
        let has_pods = |set: &ReplicaSet| {
            self.pods.owned_by(set.uid()).iter().any(|pod| {
                !pod.is_finished()
                    && controller_of(&pod.metadata).is_some_and(|owner| owner.uid == set.uid())
            })
        };
        let plan = plan(deployment, &owned, has_pods, self.clock.now());
        self.perform(deployment, &plan).await?;
        if let Some(delay) = plan.again_in {
            self.queue.add_after(key, wait(delay));
        }
        Ok(())
    }

    async fn claim(&self, deployment: &Deployment) -> Result<Vec<Arc<ReplicaSet>>> {
        let selector = deployment.spec.selector.clone().try_into().map_err(|reason| {
            let object = format!("Deployment {}", deployment.name());
            Error::Selector { object, reason: format!("{reason}") }
        })?;
        let owned = self.sets.owned_by(deployment.uid()).into_iter();
        let candidates = owned.chain(self.orphans.of_namespace(deployment.namespace()));
        owner::claim_all(&self.client, deployment, &selector, candidates, |_| true).await
    }

    async fn perform(&self, deployment: &Deployment, plan: &Plan) -> Result<()> {
        if let Some(new) = &plan.create {
            self.create(deployment, new).await?;
        }
        for draft in &plan.drafts {
            self.patch(deployment, draft).await?;
        }
        for set in &plan.delete {
            self.delete(set).await?;
        }
        self.write_status(deployment, &plan.status, plan.revision.as_deref()).await
    }

    async fn create(&self, deployment: &Deployment, new: &NewSet) -> Result<()> {
        let namespace = deployment.namespace();
        let created = write::create::<ReplicaSet>(&self.client, namespace, &new.object).await;
        let error = match created {
            Ok(_) => {
                if new.replicas > 0 {
                    self.record_scaling(deployment, &new.name, 0, new.replicas);
                }
                return Ok(());
            }
            Err(error) => error,
        };
        if error::is_already_exists(&error) {
            return self.resolve_collision(deployment, new).await;
        }
        if !error::is_namespace_terminating(&error) {
            let reason = error::message(&error);
            let message = format!("Failed to create new replica set {:?}: {reason}", new.name);
            let kind = EventType::Warning;
            self.recorder.event(deployment, kind, super::conditions::CREATE_FAILED, message);
            let now = self.clock.now();
            let status = plan::creation_failed(deployment, &new.name, &reason, now);
            self.write_status(deployment, &status, None).await?;
        }
        Err(failed(|| format!("create ReplicaSet {}", new.name))(error))
    }

    /// The name is taken: by the ReplicaSet we want, which the cache has not shown yet, or by one of
    /// another template or owner, after which the next attempt counts one collision more.
    async fn resolve_collision(&self, deployment: &Deployment, new: &NewSet) -> Result<()> {
        let there: Option<ReplicaSet> = write::get(&self.client, deployment.namespace(), &new.name)
            .await
            .map_err(failed(|| format!("read ReplicaSet {}", new.name)))?;
        let is_ours = there.as_ref().is_some_and(|there| {
            let owner = controller_of(&there.metadata);
            owner.is_some_and(|owner| owner.uid == deployment.uid())
                && template::same(&there.spec.template.value(), &new.object["spec"]["template"])
        });
        if is_ours {
            return Ok(());
        }
        if there.is_some() {
            self.write_status(deployment, &plan::collided(deployment), None).await?;
        }
        Err(Error::HashCollision { name: new.name.clone() })
    }

    async fn patch(&self, deployment: &Deployment, draft: &Draft) -> Result<()> {
        let Some(patch) = draft.patch() else { return Ok(()) };
        let (namespace, name) = (draft.set.namespace(), draft.set.name());
        write::patch::<ReplicaSet>(&self.client, namespace, name, &Patch::Merge(patch))
            .await
            .map_err(failed(|| format!("update ReplicaSet {name}")))?;
        if let Some((from, to)) = draft.scaled() {
            self.record_scaling(deployment, name, from, to);
        }
        Ok(())
    }

    fn record_scaling(&self, deployment: &Deployment, name: &str, from: i32, to: i32) {
        let direction = if to > from { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {name} from {from} to {to}");
        self.recorder.event(deployment, EventType::Normal, "ScalingReplicaSet", message);
    }

    async fn delete(&self, set: &ReplicaSet) -> Result<()> {
        let (namespace, name) = (set.namespace(), set.name());
        let params = DeleteParams::background();
        let uid = Some(set.uid());
        match write::delete::<ReplicaSet>(&self.client, namespace, name, uid, params).await {
            Err(error) if error::is_not_found(&error) => Ok(()),
            result => result.map_err(failed(|| format!("delete ReplicaSet {name}"))),
        }
    }

    /// Writes status and revision in one request: `/status` takes annotations along.
    async fn write_status(
        &self,
        deployment: &Deployment,
        status: &DeploymentStatus,
        revision: Option<&str>,
    ) -> Result<()> {
        let version = deployment.metadata.resource_version.as_deref();
        let patch = write::status_patch(version, &deployment.status, status);
        let revision = revision.filter(|new| deployment.annotation(REVISION) != Some(new));
        let mut patch: Value = match (patch, revision) {
            (None, None) => return Ok(()),
            (Some(Patch::Merge(patch)), _) => patch,
            _ => json!({"metadata": {"resourceVersion": version}}),
        };
        if let Some(revision) = revision {
            patch["metadata"]["annotations"] = json!({ REVISION: revision });
        }
        let (namespace, name) = (deployment.namespace(), deployment.name());
        let patch = Patch::Merge(patch);
        match write::patch_status::<Deployment>(&self.client, namespace, name, &patch).await {
            Err(error) if error::is_not_found(&error) => Ok(()),
            result => result
                .map(drop)
                .map_err(failed(|| format!("write the status of Deployment {name}"))),
        }
    }
}
