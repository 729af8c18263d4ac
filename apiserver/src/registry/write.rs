//! Creating and updating: the optimistic loop around the pure pipeline.

use api::Status;
use api::object::encode;
use api::resource::fields::text;
use bytes::Bytes;
use serde_json::Value;
use store::KeyValue;

use super::core::Registry;
use super::generate_name::{ATTEMPTS, generate};
use super::metadata::metadata_mut;
use super::pipeline::{Endpoint, Settled, check_uid, check_version, parse, place};
use super::scope::{Scope, Written};
use super::services::{Allocation, InUse, plan};
use super::storage::{Action, Commit, Committed, refused};

/// Races lost before a write gives up. Each loss means that another writer won, so this many in a
/// row is a hot object whose writers should back off.
pub const MAX_ATTEMPTS: usize = 64;

/// Computes the wanted object from the stored one (which carries its resourceVersion). It runs
/// again on every newer state, so it must not keep anything between calls.
pub type Change<'c> = dyn FnMut(&Value, &mut Vec<String>) -> Result<Value, Status> + Send + 'c;

impl Registry {
    /// Creates an object that has the schema's form.
    pub async fn create(
        &self,
        scope: &Scope<'_>,
        mut object: Value,
        warnings: &mut Vec<String>,
    ) -> Result<Written, Status> {
        place(scope, &mut object)?;
        self.catch_up().await?;
        if !text(&object, "metadata.resourceVersion").is_empty() {
            return Err(Status::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        let base = text(&object, "metadata.generateName").to_owned();
        let generated = text(&object, "metadata.name").is_empty() && !base.is_empty();
        let attempts = if generated { ATTEMPTS } else { 1 };
        let mut last = String::new();
        for _ in 0..attempts {
            let mut candidate = object.clone();
            if generated {
                last = generate(&base, &*self.sources);
                metadata_mut(&mut candidate).insert("name".into(), last.clone().into());
            }
            let mut notes = Vec::new();
            let settled = self.settle_new(scope, candidate, &mut notes)?;
            if let Some(written) = self.store_new(scope, settled).await? {
                warnings.append(&mut notes);
                return Ok(written);
            }
        }
        Err(if generated {
            Status::generate_name_exhausted(scope.kind.target(&last))
        } else {
            Status::already_exists(scope.kind.target(text(&object, "metadata.name")))
        })
    }

    /// Stores a new object; `None` if its name is taken.
    async fn store_new(&self, scope: &Scope<'_>, object: Value) -> Result<Option<Written>, Status> {
        let mut in_use = self.services_in_use(scope);
        let key = scope.kind.key(scope.namespace, text(&object, "metadata.name"));
        for _ in 0..MAX_ATTEMPTS {
            let mut object = object.clone();
            let allocation = self.allocate(scope, &in_use, None, Some(&mut object))?;
            let value = Bytes::from(encode(&object));
            if scope.options.dry_run {
                let exists = self.storage.get(&key).await?.is_some();
                return Ok((!exists).then_some(Written { value, revision: 0, created: true }));
            }
            let commit = self.commit_of(scope, &key, 0, Some(&value), allocation).await?;
            match self.commit(commit).await? {
                Committed::At(revision) => {
                    return Ok(Some(Written { value, revision, created: true }));
                }
                Committed::Moved(_) => return Ok(None),
                Committed::Taken(claims) => claims.iter().for_each(|claim| in_use.note(claim)),
            }
        }
        Err(self.too_contended(scope))
    }

    /// Changes an existing object: `change` computes the wanted state from the current one, and the
    /// loop repeats it until the write hits the state it was computed from.
    pub async fn modify(
        &self,
        scope: &Scope<'_>,
        endpoint: Endpoint,
        warnings: &mut Vec<String>,
        change: &mut Change<'_>,
    ) -> Result<Written, Status> {
        let key = scope.key();
        let mut current = self.storage.get(&key).await?;
        let mut in_use = self.services_in_use(scope);
        for _ in 0..MAX_ATTEMPTS {
            let Some(kv) = current.take() else { return Err(scope.not_found()) };
            let mut notes = Vec::new();
            let old = parse((&*scope.kind.row).into(), &kv.value)?;
            let mut shown = old.clone();
            metadata_mut(&mut shown)
                .insert("resourceVersion".into(), kv.mod_revision.to_string().into());
            let wanted = change(&shown, &mut notes)?;
            check_version(scope, &wanted, kv.mod_revision)?;
            check_uid(scope, &wanted, &old)?;
            let settled = self.settle_update(scope, endpoint, &old, wanted, &mut notes)?;
            match self.store_update(scope, &key, &kv, &old, settled, &in_use).await? {
                Outcome::Done(written) => {
                    warnings.append(&mut notes);
                    return Ok(written);
                }
                Outcome::Moved(newer) => current = newer,
                Outcome::Taken(claims) => {
                    claims.iter().for_each(|claim| in_use.note(claim));
                    current = Some(kv);
                }
            }
        }
        Err(self.too_contended(scope))
    }

    async fn store_update(
        &self,
        scope: &Scope<'_>,
        key: &Bytes,
        kv: &KeyValue,
        old: &Value,
        settled: Settled,
        in_use: &InUse,
    ) -> Result<Outcome, Status> {
        let Settled { mut object, remove } = settled;
        let allocation = if remove {
            self.allocate(scope, in_use, Some(old), None)?
        } else {
            self.allocate(scope, in_use, Some(old), Some(&mut object))?
        };
        let value = Bytes::from(encode(&object));
        let unchanged = value == kv.value && !remove;
        if unchanged || scope.options.dry_run {
            let written = Written { value, revision: kv.mod_revision, created: false };
            return Ok(Outcome::Done(written));
        }
        let stored = (!remove).then_some(&value);
        let commit = self.commit_of(scope, key, kv.mod_revision, stored, allocation).await?;
        Ok(match self.commit(commit).await? {
            Committed::At(revision) => Outcome::Done(Written { value, revision, created: false }),
            Committed::Moved(newer) => Outcome::Moved(newer),
            Committed::Taken(claims) => Outcome::Taken(claims),
        })
    }

    /// Replaces an object by what a PUT sent, creating it where the resource allows that.
    pub async fn replace(
        &self,
        scope: &Scope<'_>,
        endpoint: Endpoint,
        mut object: Value,
        warnings: &mut Vec<String>,
    ) -> Result<Written, Status> {
        place(scope, &mut object)?;
        let replaced = self.modify(scope, endpoint, warnings, &mut |_, _| Ok(object.clone())).await;
        let missing = matches!(&replaced, Err(status) if status.code == 404);
        let creates = endpoint == Endpoint::Main
            && scope.kind.row.strategy.allows_create_on_update()
            && text(&object, "metadata.resourceVersion").is_empty();
        if missing && creates { self.create(scope, object, warnings).await } else { replaced }
    }

    /// Commits; an Event whose shared lease has ended meanwhile gets another one.
    pub(super) async fn commit(&self, mut commit: Commit) -> Result<Committed, Status> {
        let first = self.storage.commit(commit.clone()).await;
        let Err(store::Error::LeaseNotFound) = first else { return first.map_err(refused) };
        self.event_leases.forget().await;
        if let Action::Put { lease, .. } = &mut commit.action {
            *lease = self.event_leases.current().await?;
        }
        self.storage.commit(commit).await.map_err(refused)
    }

    /// Builds the commit: lease, claims and all.
    pub(super) async fn commit_of(
        &self,
        scope: &Scope<'_>,
        key: &Bytes,
        expected: i64,
        value: Option<&Bytes>,
        allocation: Allocation,
    ) -> Result<Commit, Status> {
        let action = match value {
            None => Action::Delete,
            Some(value) => {
                let expires =
                    scope.kind.is("", "events") || scope.kind.is("events.k8s.io", "events");
                let lease = if expires { self.event_leases.current().await? } else { 0 };
                Action::Put { value: value.clone(), lease }
            }
        };
        let holder = Bytes::from(format!("{}/{}", scope.namespace, scope.name));
        let claims = allocation.claims.into_iter().map(|key| (key, holder.clone())).collect();
        let releases = allocation.releases;
        Ok(Commit { key: key.clone(), expected, action, claims, releases })
    }

    /// What a write of a Service takes and gives up; nothing for other resources.
    pub(super) fn allocate(
        &self,
        scope: &Scope<'_>,
        in_use: &InUse,
        old: Option<&Value>,
        new: Option<&mut Value>,
    ) -> Result<Allocation, Status> {
        if !scope.kind.is("", "services") {
            return Ok(Allocation::default());
        }
        plan(&self.network, &*self.sources, in_use, old, new)
    }

    /// What other Services hold, as far as the cache knows. The transaction decides; this only
    /// keeps it from guessing among what is surely taken.
    fn services_in_use(&self, scope: &Scope<'_>) -> InUse {
        let mut in_use = InUse::default();
        if scope.kind.is("", "services") {
            for entry in scope.kind.cache.snapshot(0).objects.values() {
                // Only Services with node ports need to be parsed; for the others the index knows.
                let has_ports = !matches!(
                    entry.field(&scope.kind.row, "spec.type"),
                    Some("ClusterIP" | "ExternalName")
                );
                match entry.field(&scope.kind.row, "spec.clusterIP") {
                    Some(address) if !has_ports => in_use.note_address(address),
                    _ => in_use
                        .note_service(&serde_json::from_slice(&entry.value).unwrap_or(Value::Null)),
                }
            }
        }
        in_use
    }

    pub(super) fn too_contended(&self, scope: &Scope<'_>) -> Status {
        Status::server_timeout(scope.target(), "update", 1)
    }
}

enum Outcome {
    Done(Written),
    Moved(Option<KeyValue>),
    Taken(Vec<Bytes>),
}
