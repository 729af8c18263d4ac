//! Deleting: the optimistic loop around the decision of `deletion`.

use api::Status;
use api::object::encode;
use api::status::Details;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::Value;

use super::admission::{self, Operation};
use super::core::Registry;
use super::deletion::{DeleteOptions, DeletePlan, plan};
use super::metadata::metadata_mut;
use super::pipeline::parse;
use super::scope::{Scope, Written};
use super::services::InUse;
use super::storage::{Action, Commit, Committed};
use super::write::MAX_ATTEMPTS;
use crate::cache::Entry;

/// Deletes of a collection that run at once: enough to fill a group commit, few enough to leave
/// the store to others.
const COLLECTION_WORKERS: usize = 16;

/// What became of a delete request.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// The object is gone; this was its last state, with the deletion's revision.
    Gone { last: Written, uid: String },
    /// It is marked and waits for its grace period or its finalizers.
    Waiting(Written),
}

impl Deleted {
    pub fn object(&self) -> &Written {
        match self {
            Self::Gone { last, .. } | Self::Waiting(last) => last,
        }
    }
}

impl Registry {
    pub async fn delete(
        &self,
        scope: &Scope<'_>,
        options: &DeleteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Deleted, Status> {
        let key = scope.key();
        let mut current = self.storage.get(&key).await?;
        for _ in 0..MAX_ATTEMPTS {
            let Some(kv) = current.take() else { return Err(scope.not_found()) };
            let old = parse((&*scope.kind.row).into(), &kv.value)?;
            options.preconditions.check(scope.target(), &old, &kv.mod_revision.to_string())?;
            admission::admit(self, scope, Operation::Delete, None, Some(&old), warnings)?;
            let now = self.sources.now();
            let (action, value) = match plan(&scope.kind.row, &old, options, now) {
                DeletePlan::Wait => {
                    return Ok(Deleted::Waiting(Written {
                        value: kv.value,
                        revision: kv.mod_revision,
                        created: false,
                    }));
                }
                DeletePlan::Mark(mut object) => {
                    metadata_mut(&mut object).remove("resourceVersion");
                    let value = Bytes::from(encode(&object));
                    (Action::Put { value: value.clone(), lease: kv.lease }, value)
                }
                DeletePlan::Remove => (Action::Delete, kv.value.clone()),
            };
            let gone = action == Action::Delete;
            let answer = |revision: i64| {
                let last = Written { value: value.clone(), revision, created: false };
                if gone { Deleted::Gone { last, uid: uid(&old) } } else { Deleted::Waiting(last) }
            };
            if options.dry_run {
                return Ok(answer(kv.mod_revision));
            }
            let releases = if gone {
                self.allocate(scope, &InUse::default(), Some(&old), None)?.releases
            } else {
                Vec::new()
            };
            let commit = Commit {
                key: key.clone(),
                expected: kv.mod_revision,
                action,
                claims: Vec::new(),
                releases,
            };
            match self.commit(commit).await? {
                Committed::At(revision) => return Ok(answer(revision)),
                Committed::Moved(newer) => current = newer,
                Committed::Taken(_) => {
                    return Err(Status::internal("a delete claims nothing, yet a claim was taken"));
                }
            }
        }
        Err(self.too_contended(scope))
    }

    /// Deletes each of `entries`; one that is gone meanwhile is no failure. Stops at the first
    /// refusal, as upstream.
    pub async fn delete_all(
        &self,
        scope: &Scope<'_>,
        options: &DeleteOptions,
        entries: Vec<std::sync::Arc<Entry>>,
    ) -> Result<Vec<Written>, Status> {
        let mut deletions = futures::stream::iter(entries)
            .map(|entry| async move {
                let scope =
                    Scope { namespace: &entry.light.namespace, name: &entry.light.name, ..*scope };
                let mut warnings = Vec::new();
                self.delete(&scope, options, &mut warnings).await
            })
            .buffered(COLLECTION_WORKERS);
        let mut deleted = Vec::new();
        while let Some(outcome) = deletions.next().await {
            match outcome {
                Ok(done) => deleted.push(done.object().clone()),
                Err(status) if status.code == 404 => {}
                Err(status) => return Err(status),
            }
        }
        Ok(deleted)
    }
}

fn uid(object: &Value) -> String {
    api::resource::fields::text(object, "metadata.uid").to_owned()
}

/// The details of the Success that answers a finished delete.
pub fn details(scope: &Scope<'_>, uid: &str) -> Details {
    Details {
        name: scope.name.to_owned(),
        group: scope.kind.row.group.to_string(),
        kind: scope.kind.row.plural.to_string(),
        uid: uid.to_owned(),
        ..Details::default()
    }
}
