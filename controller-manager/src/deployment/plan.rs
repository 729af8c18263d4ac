//! What is to be done about one Deployment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::DeploymentStatus;
use serde_json::{Value, json};

use super::annotations::{self, REVISION};
use super::bounds::max_surge;
use super::conditions::{CREATE_FAILED, CREATED, Conditions, FOUND, PROGRESSING};
use super::draft::Draft;
use super::sets::Sets;
use super::template::{HASH_LABEL, hash};
use super::{history, recreate, rolling, scaling, status};
use crate::objects::{Deployment, Light, ReplicaSet};
use crate::owner;

/// Room for `-` and a hash in the longest name.
const NAME_LENGTH: usize = 242;

#[derive(Debug)]
pub struct Plan {
    /// A ReplicaSet for the current template. Nothing else is done in the same reconcile.
    pub create: Option<NewSet>,
    /// ReplicaSets to patch where they differ from what they were.
    pub drafts: Vec<Draft>,
    pub delete: Vec<Arc<ReplicaSet>>,
    pub status: DeploymentStatus,
    /// The current revision, for the Deployment's annotation.
    pub revision: Option<String>,
    /// When to look again without any change.
    pub again_in: Option<SignedDuration>,
}

#[derive(Debug)]
pub struct NewSet {
    pub name: String,
    pub replicas: i32,
    pub revision: String,
    pub object: Value,
}

/// Decides, from the ReplicaSets that the Deployment controls. `has_pods` tells whether a ReplicaSet
/// has any Pod that is not finished; it is asked for Recreate only.
pub fn plan(
    deployment: &Deployment,
    owned: &[Arc<ReplicaSet>],
    has_pods: impl Fn(&ReplicaSet) -> bool,
    now: Timestamp,
) -> Plan {
    let mut sets = Sets::of(deployment, owned);
    let mut conditions = Conditions::new(deployment.status.conditions.as_ref(), now);
    if deployment.is_terminating() {
        // From here on the garbage collector owns the ReplicaSets.
        let sets = Sets { new: None, old: owned.iter().map(Draft::of).collect() };
        let (status, conditions) = status::calculate(deployment, &sets, conditions);
        return Plan::only(DeploymentStatus { conditions: conditions.into_vec(), ..status });
    }
    status::note_pause(deployment, &mut conditions);
    note_found(deployment, &sets, &mut conditions);
    if deployment.spec.paused || scaling::is_due(deployment, &sets) {
        return rescale(deployment, sets, conditions);
    }
    let create = if deployment.is_rolling() {
        rolling::step(deployment, &mut sets);
        sets.new.is_none()
    } else {
        let old_pods = sets.old.iter().any(|draft| has_pods(&draft.set));
        recreate::step(deployment, &mut sets, old_pods) == recreate::Step::Create
    };
    if create {
        return begin(deployment, sets, conditions);
    }
    let delete = if status::is_complete(deployment, &deployment.status) {
        history::excess(deployment, &sets.old)
    } else {
        Vec::new()
    };
    let status = status::of_rollout(deployment, &sets, conditions, now);
    Plan {
        create: None,
        delete,
        revision: current_revision(&sets),
        again_in: status::until_deadline(deployment, &status, now),
        status,
        drafts: sets.into_all().collect(),
    }
}

impl Plan {
    fn only(status: DeploymentStatus) -> Self {
        Self {
            create: None,
            drafts: Vec::new(),
            delete: Vec::new(),
            status,
            revision: None,
            again_in: None,
        }
    }
}

/// A paused or resized Deployment: no new revision.
fn rescale(deployment: &Deployment, mut sets: Sets, conditions: Conditions) -> Plan {
    scaling::scale(deployment, &mut sets);
    let delete =
        if deployment.spec.paused { history::excess(deployment, &sets.old) } else { Vec::new() };
    let (status, conditions) = status::calculate(deployment, &sets, conditions);
    Plan {
        create: None,
        delete,
        revision: current_revision(&sets),
        again_in: None,
        status: DeploymentStatus { conditions: conditions.into_vec(), ..status },
        drafts: sets.into_all().collect(),
    }
}

/// A new revision: its ReplicaSet, as large as the bounds allow now.
fn begin(deployment: &Deployment, sets: Sets, mut conditions: Conditions) -> Plan {
    let new = new_set(deployment, &sets);
    if deployment.progress_deadline_seconds().is_some() {
        let message = format!("Created new replica set {:?}", new.name);
        conditions.set(PROGRESSING, "True", CREATED, message);
    }
    let (status, conditions) = status::calculate(deployment, &sets, conditions);
    Plan {
        revision: Some(new.revision.clone()),
        create: Some(new),
        ..Plan::only(DeploymentStatus { conditions: conditions.into_vec(), ..status })
    }
}

/// A current ReplicaSet that is there although no rollout was noted: adopted, or left by a crash.
fn note_found(deployment: &Deployment, sets: &Sets, conditions: &mut Conditions) {
    if let Some(new) = &sets.new
        && deployment.progress_deadline_seconds().is_some()
        && conditions.get(PROGRESSING).is_none()
    {
        let message = format!("Found new replica set {:?}", new.set.name());
        conditions.set(PROGRESSING, "True", FOUND, message);
    }
}

fn current_revision(sets: &Sets) -> Option<String> {
    sets.new.as_ref()?.annotations.get(REVISION).cloned()
}

/// The status that says why the ReplicaSet of the current template could not be created.
pub fn creation_failed(
    deployment: &Deployment,
    name: &str,
    message: &str,
    now: Timestamp,
) -> DeploymentStatus {
    let mut status = deployment.status.clone();
    if deployment.progress_deadline_seconds().is_some() {
        let mut conditions = Conditions::new(status.conditions.as_ref(), now);
        let message = format!("Failed to create new replica set {name:?}: {message}");
        conditions.set(PROGRESSING, "False", CREATE_FAILED, message);
        status.conditions = conditions.into_vec();
    }
    status
}

/// The status after the hash turned out to be taken by another template.
pub fn collided(deployment: &Deployment) -> DeploymentStatus {
    let collisions = deployment.status.collision_count.unwrap_or(0);
    DeploymentStatus {
        collision_count: Some(collisions.saturating_add(1)),
        ..deployment.status.clone()
    }
}

fn new_set(deployment: &Deployment, sets: &Sets) -> NewSet {
    let mut template = deployment.spec.template.value();
    let hash = hash(&template, deployment.status.collision_count);
    template["metadata"]["labels"][HASH_LABEL] = json!(hash);
    let mut selector = deployment.spec.selector.clone();
    let labels = selector.match_labels.get_or_insert_default();
    labels.insert(HASH_LABEL.to_owned(), hash.clone());
    let name: String = deployment.name().chars().take(NAME_LENGTH).collect();
    let name = format!("{name}-{hash}");
    let replicas = sets.new_size(deployment);
    let revision = sets.next_revision().to_string();
    let mut own = std::collections::BTreeMap::new();
    own.extend(annotations::inherited(deployment).map(|(key, value)| (key.clone(), value.clone())));
    own.insert(REVISION.to_owned(), revision.clone());
    let desired = deployment.replicas();
    annotations::record_size(&mut own, desired, desired + max_surge(deployment));
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": deployment.namespace(),
            "labels": template["metadata"]["labels"],
            "annotations": own,
            "ownerReferences": [owner::reference(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": deployment.spec.min_ready_seconds,
            "selector": selector,
            "template": template,
        },
    });
    NewSet { name, replicas, revision, object }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::deployment::conditions::COMPLETE;
    use crate::fixtures::{at, meta, replica_set};
    use crate::objects::Template;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

    /// A Deployment `web` with a rolling update within `surge` and `unavailable`.
    pub fn deployment(replicas: i32, surge: i32, unavailable: i32) -> Deployment {
        let mut deployment = Deployment { metadata: meta("web"), ..Deployment::default() };
        let spec = &mut deployment.spec;
        spec.replicas = Some(replicas);
        spec.selector.match_labels = deployment.metadata.labels.clone();
        spec.strategy.rolling_update.max_surge = Some(IntOrString::Int(surge));
        spec.strategy.rolling_update.max_unavailable = Some(IntOrString::Int(unavailable));
        spec.template = template("current");
        deployment
    }

    fn template(image: &str) -> Template {
        Template::of(&json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": image}]},
        }))
    }

    /// A ReplicaSet of `deployment` with `(replicas, available)`, of the current template when it is
    /// named `new`.
    pub fn set(
        deployment: &Deployment,
        name: &str,
        created: i64,
        (replicas, available): (i32, i32),
    ) -> ReplicaSet {
        let mut set = replica_set(name, replicas);
        set.metadata.creation_timestamp = Some(crate::clock::stamp(at(created)));
        set.metadata.owner_references = Some(vec![owner::reference(deployment)]);
        set.spec.template = match name {
            "new" => deployment.spec.template.clone(),
            other => template(other),
        };
        set.status.replicas = replicas;
        set.status.ready_replicas = Some(available);
        set.status.available_replicas = Some(available);
        set
    }

    fn decide(deployment: &Deployment, sets: &[ReplicaSet]) -> Plan {
        let sets: Vec<_> = sets.iter().cloned().map(Arc::new).collect();
        plan(deployment, &sets, |set| set.status.replicas > 0, at(1_000))
    }

    fn sizes(plan: &Plan) -> Vec<(&str, i32)> {
        plan.drafts.iter().map(|draft| (draft.set.name(), draft.replicas)).collect()
    }

    #[test]
    fn a_new_deployment_gets_a_set_of_its_template() {
        let mut deployment = deployment(3, 1, 0);
        deployment.spec.progress_deadline_seconds = Some(600);
        deployment.metadata.annotations = Some([("team".into(), "a".into())].into());
        let plan = decide(&deployment, &[]);
        let new = plan.create.expect("a template without a set");
        let hash = new.name.strip_prefix("web-").expect("named after the deployment");
        assert_eq!((new.replicas, new.revision.as_str()), (3, "1"));
        assert_eq!(plan.revision.as_deref(), Some("1"));
        for path in [
            "/metadata/labels/pod-template-hash",
            "/spec/selector/matchLabels/pod-template-hash",
            "/spec/template/metadata/labels/pod-template-hash",
        ] {
            assert_eq!(new.object.pointer(path), Some(&json!(hash)), "{path}");
        }
        let annotations = &new.object["metadata"]["annotations"];
        let expected = json!({
            "team": "a",
            "deployment.kubernetes.io/revision": "1",
            "deployment.kubernetes.io/desired-replicas": "3",
            "deployment.kubernetes.io/max-replicas": "4",
        });
        assert_eq!(annotations, &expected);
        let reasons: Vec<_> =
            plan.status.conditions.iter().flatten().map(|c| c.reason.clone()).collect();
        let expected = [Some(CREATED.to_owned()), Some("MinimumReplicasUnavailable".to_owned())];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_template_of_earlier_days_reuses_its_set_under_a_new_revision() {
        let deployment = deployment(3, 1, 0);
        let mut new = set(&deployment, "new", 1, (0, 0));
        let mut old = set(&deployment, "old", 2, (3, 3));
        for (set, revision) in [(&mut new, "1"), (&mut old, "2")] {
            set.metadata.annotations = Some([(REVISION.into(), revision.into())].into());
        }
        let plan = decide(&deployment, &[new, old]);
        assert!(plan.create.is_none());
        assert_eq!(plan.revision.as_deref(), Some("3"));
        assert_eq!(sizes(&plan), [("old", 3), ("new", 1)]);
    }

    #[test]
    fn recreate_waits_for_the_last_old_pod() {
        let mut deployment = deployment(3, 0, 0);
        deployment.spec.strategy.kind = "Recreate".to_owned();
        let running = set(&deployment, "old", 1, (3, 3));
        let plan = decide(&deployment, std::slice::from_ref(&running));
        assert_eq!((plan.create.is_none(), sizes(&plan)), (true, vec![("old", 0)]));
        // Scaled down, Pods still terminating.
        let mut stopping = running.clone();
        stopping.spec.replicas = Some(0);
        assert!(decide(&deployment, std::slice::from_ref(&stopping)).create.is_none());
        let mut stopped = stopping;
        stopped.status = Default::default();
        let plan = decide(&deployment, &[stopped]);
        assert_eq!(plan.create.map(|new| new.replicas), Some(3));
    }

    #[test]
    fn a_paused_deployment_scales_but_does_not_roll() {
        let mut deployment = deployment(5, 1, 0);
        deployment.spec.paused = true;
        let old = set(&deployment, "old", 1, (3, 3));
        let plan = decide(&deployment, &[old]);
        assert!(plan.create.is_none());
        assert_eq!(sizes(&plan), [("old", 5)]);
    }

    #[test]
    fn planning_a_settled_deployment_changes_nothing() {
        let mut deployment = deployment(3, 1, 0);
        deployment.spec.progress_deadline_seconds = Some(600);
        let mut new = set(&deployment, "new", 2, (3, 3));
        let old = set(&deployment, "old", 1, (0, 0));
        for _ in 0..2 {
            let plan = decide(&deployment, &[new.clone(), old.clone()]);
            deployment.status = plan.status;
            for draft in plan.drafts {
                if draft.set.name() == "new" {
                    new.metadata.annotations = Some(draft.annotations);
                }
            }
        }
        let plan = decide(&deployment, &[new, old]);
        assert!(plan.drafts.iter().all(|draft| draft.patch().is_none()));
        assert_eq!(plan.status, deployment.status);
        assert_eq!(plan.again_in, None);
        let reasons = plan.status.conditions.iter().flatten().map(|c| c.reason.as_deref());
        assert!(reasons.into_iter().any(|reason| reason == Some(COMPLETE)));
    }

    #[test]
    fn a_collision_takes_another_name() {
        let mut deployment = deployment(1, 1, 0);
        let first = decide(&deployment, &[]).create.expect("no set yet").name;
        deployment.status = collided(&deployment);
        assert_eq!(deployment.status.collision_count, Some(1));
        assert_ne!(decide(&deployment, &[]).create.expect("no set yet").name, first);
    }
}
