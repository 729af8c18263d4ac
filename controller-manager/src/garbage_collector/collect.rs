//! Performs: reads live, asks `decide`, deletes and patches.

use std::sync::Arc;

use client::WorkQueue;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Client;
use kube::api::{DeleteParams, Preconditions, PropagationPolicy};
use serde_json::{Value, json};

use super::decide::{OwnerState, Verdict, verdict};
use super::graph::{Place, Snapshot, Uid, Work};
use super::start::Shared;
use super::{FOREGROUND, ORPHAN};
use crate::dynamic::{Item, Kind};
use crate::error::{Error, Result, failed};

pub struct Collector {
    pub client: Client,
    pub shared: Arc<Shared>,
    pub queue: WorkQueue<Work>,
}

impl Collector {
    pub async fn perform(&self, work: Work) -> Result<()> {
        match work {
            Work::Judge(uid) => self.judge(&uid).await,
            Work::SetFree(uid) => self.set_free(&uid).await,
        }
    }

    fn snapshot(&self, uid: &Uid) -> Option<Snapshot> {
        self.shared.graph().snapshot(uid)
    }

    fn kind_of(&self, api_version: &str, kind: &str) -> Result<Arc<Kind>> {
        let kinds = self.shared.kinds();
        kinds.find(api_version, kind).cloned().ok_or_else(|| Error::UnknownKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        })
    }

    /// The object as it is now: only if it is the same one.
    async fn live(&self, uid: &str, place: &Place) -> Result<Option<(Arc<Kind>, Item)>> {
        let kind = self.kind_of(&place.api_version, &place.kind)?;
        let item = kind.get(&self.client, &place.namespace, &place.name).await;
        let item = item.map_err(failed(|| format!("read {} {}", place.kind, place.name)))?;
        let same = item.filter(|item| item.metadata.uid.as_deref() == Some(uid));
        Ok(same.map(|item| (kind, item)))
    }

    async fn judge(&self, uid: &Uid) -> Result<()> {
        let Some(snapshot) = self.snapshot(uid) else { return Ok(()) };
        if snapshot.state.deleting && !snapshot.state.foreground {
            return Ok(());
        }
        let Some((kind, item)) = self.live(uid, &snapshot.place).await? else {
            let work = self.shared.graph().forget(uid);
            work.into_iter().for_each(|work| self.queue.add(work));
            return Ok(());
        };
        if snapshot.state.foreground {
            return self.continue_foreground(&snapshot, &kind, &item).await;
        }
        let mut owners = Vec::new();
        for reference in item.metadata.owner_references.iter().flatten() {
            let state = self.owner_state(reference, &kind, &item).await?;
            owners.push((reference.uid.clone(), state));
        }
        match verdict(&item, &snapshot, &owners) {
            Verdict::Keep => Ok(()),
            Verdict::DropOwners(lost) => self.drop_owners(&kind, &item, &lost).await,
            Verdict::Delete { policy, unblock } => {
                let item = if unblock { self.unblock(&kind, &item).await? } else { Some(item) };
                match item {
                    Some(item) => self.delete(&kind, &item, policy).await,
                    None => Ok(()),
                }
            }
        }
    }

    async fn owner_state(
        &self,
        reference: &OwnerReference,
        dependent: &Kind,
        item: &Item,
    ) -> Result<OwnerState> {
        let kind = self.kind_of(&reference.api_version, &reference.kind)?;
        if kind.namespaced && !dependent.namespaced {
            // In which namespace? It can never be found, so it is never known to be absent.
            return Ok(OwnerState::Solid);
        }
        let namespace = item.metadata.namespace.as_deref().unwrap_or_default();
        let owner = kind.get(&self.client, namespace, &reference.name).await;
        let owner =
            owner.map_err(failed(|| format!("read {} {}", reference.kind, reference.name)))?;
        Ok(match owner.filter(|owner| owner.metadata.uid.as_ref() == Some(&reference.uid)) {
            None => OwnerState::Absent,
            Some(owner) if owner.metadata.deletion_timestamp.is_none() => OwnerState::Solid,
            Some(owner) if owner.has_finalizer(FOREGROUND) => OwnerState::Waiting,
            Some(_) => OwnerState::Solid,
        })
    }

    /// Lets the object go once nothing that blocks it is left; else looks at what does.
    async fn continue_foreground(
        &self,
        snapshot: &Snapshot,
        kind: &Kind,
        item: &Item,
    ) -> Result<()> {
        let mut blocked = false;
        for dependent in snapshot.dependents.iter().filter(|dependent| dependent.blocks) {
            blocked = true;
            if !dependent.foreground {
                self.queue.add(Work::Judge(dependent.uid.clone()));
            }
        }
        if blocked { Ok(()) } else { self.remove_finalizer(kind, item, FOREGROUND).await }
    }

    /// Takes the dependents' references to the object off, then the finalizer that waits for it.
    async fn set_free(&self, uid: &Uid) -> Result<()> {
        let Some(snapshot) = self.snapshot(uid).filter(|owner| owner.state.orphaning) else {
            return Ok(());
        };
        for dependent in &snapshot.dependents {
            if let Some((kind, item)) = self.live(&dependent.uid, &dependent.place).await? {
                self.drop_owners(&kind, &item, &[uid.to_string()]).await?;
            }
        }
        match self.live(uid, &snapshot.place).await? {
            Some((kind, owner)) => self.remove_finalizer(&kind, &owner, ORPHAN).await,
            None => Ok(()),
        }
    }

    async fn drop_owners(&self, kind: &Kind, item: &Item, lost: &[String]) -> Result<()> {
        let all = item.metadata.owner_references.iter().flatten();
        let kept: Vec<_> = all.filter(|owner| !lost.contains(&owner.uid)).collect();
        if kept.len() == item.metadata.owner_references.as_ref().map_or(0, Vec::len) {
            return Ok(());
        }
        self.merge(kind, item, json!({"ownerReferences": kept})).await.map(drop)
    }

    /// Makes the object's references block no owner. Gives it as it then is, if it is still there.
    async fn unblock(&self, kind: &Kind, item: &Item) -> Result<Option<Item>> {
        let mut owners = item.metadata.owner_references.clone().unwrap_or_default();
        owners.iter_mut().for_each(|owner| owner.block_owner_deletion = Some(false));
        if !self.merge(kind, item, json!({"ownerReferences": owners})).await? {
            return Ok(None);
        }
        let (namespace, name) = identity(item);
        let again = kind.get(&self.client, namespace, name).await;
        let again = again.map_err(failed(|| format!("read {} {name}", kind.resource.kind)))?;
        Ok(again.filter(|again| again.metadata.uid == item.metadata.uid))
    }

    async fn remove_finalizer(&self, kind: &Kind, item: &Item, name: &str) -> Result<()> {
        if !item.has_finalizer(name) {
            return Ok(());
        }
        let all = item.metadata.finalizers.iter().flatten();
        let kept: Vec<_> = all.filter(|finalizer| *finalizer != name).collect();
        self.merge(kind, item, json!({"finalizers": kept})).await.map(drop)
    }

    /// Patches the metadata of exactly the state that was read.
    async fn merge(&self, kind: &Kind, item: &Item, mut metadata: Value) -> Result<bool> {
        metadata["resourceVersion"] = json!(item.metadata.resource_version);
        metadata["uid"] = json!(item.metadata.uid);
        let (namespace, name) = identity(item);
        kind.merge(&self.client, namespace, name, json!({"metadata": metadata}))
            .await
            .map_err(failed(|| format!("patch {} {name}", kind.resource.kind)))
    }

    /// Deletes exactly the state that was judged: an adoption in between makes a conflict.
    async fn delete(&self, kind: &Kind, item: &Item, policy: PropagationPolicy) -> Result<()> {
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions {
                uid: item.metadata.uid.clone(),
                resource_version: item.metadata.resource_version.clone(),
            }),
            ..DeleteParams::default()
        };
        let (namespace, name) = identity(item);
        kind.delete(&self.client, namespace, name, &params)
            .await
            .map(drop)
            .map_err(failed(|| format!("delete {} {name}", kind.resource.kind)))
    }
}

fn identity(item: &Item) -> (&str, &str) {
    let meta = &item.metadata;
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}
