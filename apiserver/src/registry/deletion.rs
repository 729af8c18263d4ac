//! How a delete request proceeds: one pure decision.
//!
//! ```text
//! delete ─► preconditions ─► already waiting? ──────────────► Wait   (answer the object as it is)
//!                 │ finalizers by propagation policy
//!                 ├─ grace left, or something holds it ─────► Mark   (write deletionTimestamp)
//!                 └─ nothing holds it ──────────────────────► Remove
//! ```

use api::resource::fields::{number, text};
use api::resource::{Deletion, Resource};
use api::status::{Status, Target};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::metadata::{self, finalizers, is_deleting, mark_deleting, metadata_mut};
use crate::clock::{parse_time, time_text};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What must hold of the object for a write to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

impl Preconditions {
    pub fn check(
        &self,
        target: Target<'_>,
        object: &Value,
        resource_version: &str,
    ) -> Result<(), Status> {
        let uid = text(object, "metadata.uid");
        if let Some(wanted) = self.uid.as_deref().filter(|wanted| *wanted != uid) {
            let cause = format!(
                "Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
            );
            return Err(Status::conflict(target, &cause));
        }
        match self.resource_version.as_deref() {
            Some(wanted) if wanted != resource_version => {
                let cause = format!(
                    "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {resource_version}"
                );
                Err(Status::conflict(target, &cause))
            }
            _ => Ok(()),
        }
    }
}

/// `metav1.DeleteOptions` as far as they steer the decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    pub grace_period_seconds: Option<i64>,
    pub preconditions: Preconditions,
    pub propagation: Option<Propagation>,
    pub dry_run: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DeletePlan {
    /// A deletion is under way and this request adds nothing to it.
    Wait,
    /// Store this state; the object goes later.
    Mark(Box<Value>),
    Remove,
}

/// Decides. `object` is the stored object; preconditions have been checked.
pub fn plan(row: &Resource, object: &Value, options: &DeleteOptions, now: Timestamp) -> DeletePlan {
    let mut next = object.clone();
    set_collector_finalizers(row, &mut next, options.propagation);
    let deletion = row.strategy.deletion(object, options.grace_period_seconds);
    if let Deletion::Graceful { seconds } = deletion {
        if is_deleting(object) {
            return shorten(object, next, options.grace_period_seconds);
        }
        if seconds > 0 {
            mark_deleting(&mut next, now, seconds);
            return DeletePlan::Mark(Box::new(next));
        }
    }
    if is_held(&next) {
        if metadata::holds_namespace(&next) {
            next["status"]["phase"] = json!("Terminating");
        }
        if !is_deleting(&next) || number(&next, "metadata.deletionGracePeriodSeconds") > 0 {
            mark_deleting(&mut next, now, 0);
            if metadata::holds_namespace(&next) {
                // Upstream gives a namespace no grace period, not even one of zero.
                metadata_mut(&mut next).remove("deletionGracePeriodSeconds");
            }
        }
        return if next == *object { DeletePlan::Wait } else { DeletePlan::Mark(Box::new(next)) };
    }
    DeletePlan::Remove
}

fn is_held(object: &Value) -> bool {
    !finalizers(object).is_empty() || metadata::holds_namespace(object)
}

/// A grace period that runs may only become shorter; at zero the object goes.
fn shorten(object: &Value, mut next: Value, grace: Option<i64>) -> DeletePlan {
    let running = number(object, "metadata.deletionGracePeriodSeconds");
    let Some(grace) = grace.map(|seconds| seconds.max(0)).filter(|grace| *grace < running) else {
        let nothing_left = running == 0 && !is_held(object);
        return if nothing_left { DeletePlan::Remove } else { DeletePlan::Wait };
    };
    if grace == 0 && !is_held(&next) {
        return DeletePlan::Remove;
    }
    let end = parse_time(text(object, "metadata.deletionTimestamp"))
        .and_then(|end| end.checked_sub(SignedDuration::from_secs(running - grace)).ok());
    let metadata = metadata_mut(&mut next);
    if let Some(end) = end {
        metadata.insert("deletionTimestamp".into(), json!(time_text(end)));
    }
    metadata.insert("deletionGracePeriodSeconds".into(), json!(grace));
    DeletePlan::Mark(Box::new(next))
}

/// Sets or clears the two finalizers by which the garbage collector learns what becomes of the
/// dependents. Without an explicit policy the object's own finalizers, then the resource's default
/// decide.
fn set_collector_finalizers(row: &Resource, object: &mut Value, policy: Option<Propagation>) {
    let present = finalizers(object);
    let wanted = policy.unwrap_or_else(|| {
        if present.contains(&ORPHAN) {
            Propagation::Orphan
        } else if present.contains(&FOREGROUND) {
            Propagation::Foreground
        } else {
            default_propagation(row)
        }
    });
    let mut next: Vec<String> = present
        .iter()
        .filter(|name| **name != ORPHAN && **name != FOREGROUND)
        .map(|name| (*name).to_owned())
        .collect();
    match wanted {
        Propagation::Background => {}
        Propagation::Foreground => next.push(FOREGROUND.to_owned()),
        Propagation::Orphan => next.push(ORPHAN.to_owned()),
    }
    let unchanged =
        next.len() == present.len() && next.iter().all(|name| present.contains(&name.as_str()));
    if unchanged {
        return;
    }
    let metadata = metadata_mut(object);
    if next.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".into(), json!(next));
    }
}

/// Upstream keeps the oldest kind's old default: a ReplicationController leaves its pods.
fn default_propagation(row: &Resource) -> Propagation {
    if row.group.is_empty() && row.plural == "replicationcontrollers" {
        Propagation::Orphan
    } else {
        Propagation::Background
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::Arc;

    use api::resource::Strategy;

    use super::*;

    struct Plain;
    impl Strategy for Plain {
        fn cells(&self, _: &Value, _: i64) -> Vec<Value> {
            Vec::new()
        }
    }

    struct Graceful;
    impl Strategy for Graceful {
        fn deletion(&self, _: &Value, grace: Option<i64>) -> Deletion {
            Deletion::Graceful { seconds: grace.unwrap_or(30) }
        }
        fn cells(&self, _: &Value, _: i64) -> Vec<Value> {
            Vec::new()
        }
    }

    fn row(strategy: Arc<dyn Strategy>) -> Resource {
        Resource {
            group: Cow::Borrowed(""),
            version: "v1".into(),
            kind: "Thing".into(),
            plural: "things".into(),
            singular: "thing".into(),
            short_names: vec![],
            categories: vec![],
            namespaced: true,
            verbs: vec![],
            subresources: vec![],
            columns: vec![],
            selectable_fields: vec![],
            deprecation: None,
            storage_prefix: "/registry/things".into(),
            strategy,
        }
    }

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    fn with(propagation: Option<Propagation>, grace: Option<i64>) -> DeleteOptions {
        DeleteOptions { propagation, grace_period_seconds: grace, ..Default::default() }
    }

    fn marked(plan: DeletePlan) -> Value {
        match plan {
            DeletePlan::Mark(object) => object["metadata"].clone(),
            other => panic!("expected a mark, got {other:?}"),
        }
    }

    #[test]
    fn without_grace_and_finalizers_an_object_goes_at_once() {
        let row = row(Arc::new(Plain));
        let object = json!({"metadata": {"name": "a"}});
        assert_eq!(plan(&row, &object, &with(None, None), now()), DeletePlan::Remove);
        let background = with(Some(Propagation::Background), None);
        assert_eq!(plan(&row, &object, &background, now()), DeletePlan::Remove);
    }

    #[test]
    fn propagation_adds_the_collectors_finalizers() {
        let row = row(Arc::new(Plain));
        let object = json!({"metadata": {"name": "a", "generation": 1}});
        for (policy, name) in [(Propagation::Foreground, FOREGROUND), (Propagation::Orphan, ORPHAN)]
        {
            let first = plan(&row, &object, &with(Some(policy), None), now());
            let metadata = marked(first.clone());
            assert_eq!(metadata["finalizers"], json!([name]));
            assert_eq!(metadata["deletionTimestamp"], "2026-01-02T03:04:05Z");
            assert_eq!(metadata["generation"], 2);
            let DeletePlan::Mark(stored) = first else { unreachable!() };
            assert_eq!(plan(&row, &stored, &with(None, None), now()), DeletePlan::Wait);
            let background = with(Some(Propagation::Background), None);
            assert_eq!(plan(&row, &stored, &background, now()), DeletePlan::Remove);
        }
    }

    #[test]
    fn grace_runs_once_and_only_gets_shorter() {
        let row = row(Arc::new(Graceful));
        let object = json!({"metadata": {"name": "a", "generation": 1}});
        let DeletePlan::Mark(stored) = plan(&row, &object, &with(None, None), now()) else {
            panic!("a graceful delete marks");
        };
        assert_eq!(stored["metadata"]["deletionTimestamp"], "2026-01-02T03:04:35Z");
        assert_eq!(stored["metadata"]["deletionGracePeriodSeconds"], 30);
        for grace in [None, Some(30), Some(60)] {
            assert_eq!(plan(&row, &stored, &with(None, grace), now()), DeletePlan::Wait);
        }
        let shorter = marked(plan(&row, &stored, &with(None, Some(10)), now()));
        assert_eq!(shorter["deletionTimestamp"], "2026-01-02T03:04:15Z");
        assert_eq!(shorter["generation"], 2);
        assert_eq!(plan(&row, &stored, &with(None, Some(0)), now()), DeletePlan::Remove);
        assert_eq!(plan(&row, &object, &with(None, Some(0)), now()), DeletePlan::Remove);
    }

    #[test]
    fn a_finalizer_outlasts_the_grace_period() {
        let row = row(Arc::new(Graceful));
        let object = json!({"metadata": {"name": "a", "finalizers": ["x/y"]}});
        let DeletePlan::Mark(stored) = plan(&row, &object, &with(None, None), now()) else {
            panic!("a graceful delete marks");
        };
        let ended = marked(plan(&row, &stored, &with(None, Some(0)), now()));
        assert_eq!(ended["deletionGracePeriodSeconds"], 0);
        assert_eq!(ended["finalizers"], json!(["x/y"]));
        let at_once = marked(plan(&row, &object, &with(None, Some(0)), now()));
        assert_eq!(at_once["deletionGracePeriodSeconds"], 0);
    }

    #[test]
    fn a_namespace_waits_for_its_own_finalizers() {
        let row = row(Arc::new(Plain));
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        let DeletePlan::Mark(stored) = plan(&row, &object, &with(None, None), now()) else {
            panic!("a namespace is marked first");
        };
        assert_eq!(stored["status"]["phase"], "Terminating");
        assert_eq!(plan(&row, &stored, &with(None, None), now()), DeletePlan::Wait);
        let mut finalized = *stored;
        finalized["spec"]["finalizers"] = json!([]);
        assert_eq!(plan(&row, &finalized, &with(None, None), now()), DeletePlan::Remove);
    }

    #[test]
    fn preconditions_compare_uid_and_version() {
        let resource = api::status::ResourceName { group: "", plural: "pods" };
        let target = Target { resource, name: "a" };
        let object = json!({"metadata": {"uid": "u"}});
        let check = |uid: Option<&str>, version: Option<&str>| {
            Preconditions {
                uid: uid.map(str::to_owned),
                resource_version: version.map(str::to_owned),
            }
            .check(target, &object, "7")
            .map_err(|status| status.message)
        };
        assert_eq!(check(None, None), Ok(()));
        assert_eq!(check(Some("u"), Some("7")), Ok(()));
        assert_eq!(
            check(Some("v"), None).unwrap_err(),
            "Operation cannot be fulfilled on pods \"a\": Precondition failed: UID in precondition: v, UID in object meta: u"
        );
        assert!(check(None, Some("8")).unwrap_err().contains("ResourceVersion in precondition: 8"));
    }
}
