//! A Deployment's status: what its ReplicaSets' statuses add up to, and whether it gets on.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::DeploymentStatus;

use super::bounds::max_unavailable;
use super::conditions::{
    AVAILABLE, COMPLETE, Conditions, PAUSED, PROGRESSING, RESUMED, TIMED_OUT, UPDATED,
};
use super::draft::{Draft, available, total};
use super::sets::Sets;
use crate::objects::{Deployment, Light, ReplicaSet};

/// Margin past the deadline, so that the check finds it passed.
const PAST_DEADLINE: SignedDuration = SignedDuration::from_secs(1);

/// The counts and the condition Available; the other conditions come as they are.
pub fn calculate(
    deployment: &Deployment,
    sets: &Sets,
    mut conditions: Conditions,
) -> (DeploymentStatus, Conditions) {
    let available = available(sets.all());
    if available >= deployment.replicas() - max_unavailable(deployment) {
        let message = "Deployment has minimum availability.".to_owned();
        conditions.set(AVAILABLE, "True", "MinimumReplicasAvailable", message);
    } else {
        let message = "Deployment does not have minimum availability.".to_owned();
        conditions.set(AVAILABLE, "False", "MinimumReplicasUnavailable", message);
    }
    let sum = |count: fn(&Draft) -> i32| sets.all().map(count).sum::<i32>();
    let status = DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: nonzero(sum(Draft::actual)),
        updated_replicas: nonzero(sets.new.as_ref().map_or(0, Draft::actual)),
        ready_replicas: nonzero(sum(Draft::ready)),
        available_replicas: nonzero(available),
        unavailable_replicas: nonzero((total(sets.all()) - available).max(0)),
        terminating_replicas: terminating(sets),
        collision_count: deployment.status.collision_count,
        conditions: None,
    };
    (status, conditions)
}

/// The status with the condition Progressing of a rollout under way or done.
pub fn of_rollout(
    deployment: &Deployment,
    sets: &Sets,
    conditions: Conditions,
    now: Timestamp,
) -> DeploymentStatus {
    let (status, mut conditions) = calculate(deployment, sets, conditions);
    if deployment.progress_deadline_seconds().is_none() {
        conditions.remove(PROGRESSING);
    } else if status.replicas != status.updated_replicas
        || conditions.reason(PROGRESSING) != Some(COMPLETE)
    {
        judge_progress(deployment, sets, &status, &mut conditions, now);
    }
    conditions.set_replica_failure(sets.new.iter().chain(&sets.old).find_map(|draft| {
        let all = draft.set.status.conditions.iter().flatten();
        all.into_iter().find(|condition| condition.type_ == "ReplicaFailure")
    }));
    DeploymentStatus { conditions: conditions.into_vec(), ..status }
}

fn judge_progress(
    deployment: &Deployment,
    sets: &Sets,
    status: &DeploymentStatus,
    conditions: &mut Conditions,
    now: Timestamp,
) {
    let subject = match &sets.new {
        Some(new) => format!("ReplicaSet {:?}", new.set.name()),
        None => format!("Deployment {:?}", deployment.name()),
    };
    if is_complete(deployment, status) {
        let message = format!("{subject} has successfully progressed.");
        conditions.set(PROGRESSING, "True", COMPLETE, message);
    } else if is_progressing(&deployment.status, status) {
        conditions.renew(PROGRESSING, "True", UPDATED, format!("{subject} is progressing."));
    } else if is_timed_out(deployment, conditions, now) {
        let message = format!("{subject} has timed out progressing.");
        conditions.set(PROGRESSING, "False", TIMED_OUT, message);
    }
}

/// Every replica is of the current template and available, and nothing else is left.
pub fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let desired = nonzero(deployment.replicas());
    status.updated_replicas == desired
        && status.replicas == desired
        && status.available_replicas == desired
        && status.observed_generation >= deployment.metadata.generation
}

/// More of the new, fewer of the old, or more that are ready or available.
fn is_progressing(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    let count = |number: Option<i32>| number.unwrap_or(0);
    let outdated =
        |status: &DeploymentStatus| count(status.replicas) - count(status.updated_replicas);
    count(new.updated_replicas) > count(old.updated_replicas)
        || outdated(new) < outdated(old)
        || count(new.ready_replicas) > count(old.ready_replicas)
        || count(new.available_replicas) > count(old.available_replicas)
}

fn is_timed_out(deployment: &Deployment, conditions: &Conditions, now: Timestamp) -> bool {
    match conditions.reason(PROGRESSING) {
        None | Some(COMPLETE) => false,
        Some(TIMED_OUT) => true,
        Some(_) => deadline(deployment, conditions).is_some_and(|deadline| deadline < now),
    }
}

fn deadline(deployment: &Deployment, conditions: &Conditions) -> Option<Timestamp> {
    let seconds = deployment.progress_deadline_seconds()?;
    let progressed = conditions.get(PROGRESSING)?.last_update_time.as_ref()?;
    Some(progressed.0 + SignedDuration::from_secs(seconds.into()))
}

/// How long until the deadline has passed, if `status` leaves that open.
pub fn until_deadline(
    deployment: &Deployment,
    status: &DeploymentStatus,
    now: Timestamp,
) -> Option<SignedDuration> {
    let conditions = Conditions::new(status.conditions.as_ref(), now);
    let settled = matches!(conditions.reason(PROGRESSING), None | Some(TIMED_OUT | PAUSED));
    if settled || is_complete(deployment, status) {
        return None;
    }
    let left = deadline(deployment, &conditions)?.duration_since(now) + PAST_DEADLINE;
    Some(left.max(PAST_DEADLINE))
}

/// Stops the deadline of a paused Deployment, and starts it again. One that timed out stays so.
pub fn note_pause(deployment: &Deployment, conditions: &mut Conditions) {
    if deployment.progress_deadline_seconds().is_none() {
        return;
    }
    let reason = conditions.reason(PROGRESSING);
    match (deployment.spec.paused, reason) {
        (_, Some(TIMED_OUT)) | (true, Some(PAUSED)) => {}
        (true, _) => {
            conditions.set(PROGRESSING, "Unknown", PAUSED, "Deployment is paused".to_owned());
        }
        (false, Some(PAUSED)) => {
            conditions.set(PROGRESSING, "Unknown", RESUMED, "Deployment is resumed".to_owned());
        }
        (false, _) => {}
    }
}

fn terminating(sets: &Sets) -> Option<i32> {
    let known = |set: &ReplicaSet| set.status.terminating_replicas;
    // Unknown for one is unknown for all.
    sets.all().map(|draft| known(&draft.set)).sum()
}

/// Upstream leaves out counts that are zero.
fn nonzero(number: i32) -> Option<i32> {
    (number != 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::conditions::CREATED;
    use crate::deployment::plan::tests::{deployment, set};
    use crate::fixtures::at;
    use std::sync::Arc;

    fn sets(deployment: &Deployment, new: (i32, i32), old: (i32, i32)) -> Sets {
        let old = Arc::new(set(deployment, "old", 1, old));
        let new = Arc::new(set(deployment, "new", 2, new));
        Sets::of(deployment, &[old, new])
    }

    fn progressing(status: &DeploymentStatus) -> (String, String, String) {
        let all = status.conditions.iter().flatten();
        let condition = all.into_iter().find(|condition| condition.type_ == PROGRESSING);
        let condition = condition.cloned().unwrap_or_default();
        let text = |text: Option<String>| text.unwrap_or_default();
        (condition.status, text(condition.reason), text(condition.message))
    }

    #[test]
    fn counts_add_up() {
        let mut deployment = deployment(4, 1, 1);
        deployment.metadata.generation = Some(3);
        let sets = sets(&deployment, (3, 1), (2, 2));
        let (status, conditions) = calculate(&deployment, &sets, Conditions::new(None, at(0)));
        let expected = DeploymentStatus {
            observed_generation: Some(3),
            replicas: Some(5),
            updated_replicas: Some(3),
            ready_replicas: Some(3),
            available_replicas: Some(3),
            unavailable_replicas: Some(2),
            ..DeploymentStatus::default()
        };
        assert_eq!(status, expected);
        assert_eq!(conditions.reason(AVAILABLE), Some("MinimumReplicasAvailable"));
    }

    #[test]
    fn a_rollout_progresses_stalls_and_completes() {
        let mut deployment = deployment(2, 1, 0);
        deployment.spec.progress_deadline_seconds = Some(10);
        let mut conditions = Conditions::new(None, at(100));
        conditions.set(PROGRESSING, "True", CREATED, "created".to_owned());

        // A first Pod: progress.
        let status =
            of_rollout(&deployment, &sets(&deployment, (1, 0), (0, 0)), conditions, at(105));
        let message = "ReplicaSet \"new\" is progressing.".to_owned();
        assert_eq!(progressing(&status), ("True".into(), UPDATED.into(), message));
        let left = until_deadline(&deployment, &status, at(106));
        // The progress came with the clock of the conditions.
        assert_eq!(left, Some(SignedDuration::from_secs(5)));

        // Nothing more until after the deadline.
        deployment.status = status;
        let step = |deployment: &Deployment, new, now| {
            let conditions = Conditions::new(deployment.status.conditions.as_ref(), at(now));
            of_rollout(deployment, &sets(deployment, new, (0, 0)), conditions, at(now))
        };
        assert_eq!(step(&deployment, (1, 0), 109), deployment.status);
        let stalled = step(&deployment, (1, 0), 111);
        let message = "ReplicaSet \"new\" has timed out progressing.".to_owned();
        assert_eq!(progressing(&stalled), ("False".into(), TIMED_OUT.into(), message));
        assert_eq!(until_deadline(&deployment, &stalled, at(111)), None);

        // It recovers, completes, and stays complete.
        deployment.status = stalled;
        deployment.status = step(&deployment, (2, 2), 120);
        let message = "ReplicaSet \"new\" has successfully progressed.".to_owned();
        assert_eq!(progressing(&deployment.status), ("True".into(), COMPLETE.into(), message));
        assert_eq!(step(&deployment, (2, 2), 500), deployment.status);
        // A Pod that is lost later does not begin a new rollout.
        assert_eq!(progressing(&step(&deployment, (2, 1), 600)).1, COMPLETE);
    }

    #[test]
    fn a_pause_stops_the_deadline() {
        let mut deployment = deployment(2, 1, 0);
        deployment.spec.progress_deadline_seconds = Some(10);
        let mut conditions = Conditions::new(None, at(100));
        note_pause(&deployment, &mut conditions);
        assert_eq!(conditions.reason(PROGRESSING), None);
        deployment.spec.paused = true;
        note_pause(&deployment, &mut conditions);
        assert_eq!(conditions.reason(PROGRESSING), Some(PAUSED));
        deployment.spec.paused = false;
        note_pause(&deployment, &mut conditions);
        assert_eq!(conditions.reason(PROGRESSING), Some(RESUMED));
    }
}
