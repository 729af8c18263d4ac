//! What the status of an owner of Pods says.

use std::sync::Arc;

use client::light::Pod;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{ReplicaSetCondition, ReplicaSetStatus};

use super::Replicated;
use crate::clock::stamp;
use crate::objects::PodExt;

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Why the last attempt to reach the desired number failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `FailedCreate` or `FailedDelete`.
    pub reason: &'static str,
    pub message: String,
}

/// Computes the status from the owner's `active` Pods and the number of its `terminating` ones.
pub fn status<K: Replicated>(
    owner: &K,
    active: &[Arc<Pod>],
    terminating: usize,
    failure: Option<&Failure>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let labels = owner.template().labels();
    let fully_labeled = active.iter().filter(|pod| {
        let own = pod.metadata.labels.as_ref();
        labels.iter().all(|(key, value)| own.and_then(|own| own.get(key)) == Some(value))
    });
    let ready = active.iter().filter(|pod| pod.is_ready());
    let available = active.iter().filter(|pod| pod.is_available(owner.min_ready_seconds(), now));
    ReplicaSetStatus {
        replicas: count(active.len()),
        fully_labeled_replicas: nonzero(fully_labeled.count()),
        ready_replicas: nonzero(ready.count()),
        available_replicas: nonzero(available.count()),
        terminating_replicas: K::COUNTS_TERMINATING.then(|| count(terminating)),
        observed_generation: owner.meta().generation,
        conditions: conditions(owner.current_status(), failure, now),
    }
}

/// When the next of the `active` Pods becomes available by the passing of time alone.
pub fn next_availability(
    active: &[Arc<Pod>],
    min_ready_seconds: i32,
    now: Timestamp,
) -> Option<SignedDuration> {
    let waits = active.iter().filter_map(|pod| pod.until_available(min_ready_seconds, now));
    waits.filter(|wait| !wait.is_zero()).min()
}

fn conditions(
    old: &ReplicaSetStatus,
    failure: Option<&Failure>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let is_failure = |condition: &ReplicaSetCondition| condition.type_ == REPLICA_FAILURE;
    let mut all = old.conditions.clone().unwrap_or_default();
    match failure {
        None => all.retain(|condition| !is_failure(condition)),
        // As upstream: the first failure stays until it is over, whatever follows it.
        Some(_) if all.iter().any(is_failure) => {}
        Some(failure) => all.push(ReplicaSetCondition {
            type_: REPLICA_FAILURE.to_owned(),
            status: "True".to_owned(),
            reason: Some(failure.reason.to_owned()),
            message: Some(failure.message.clone()),
            last_transition_time: Some(stamp(now)),
        }),
    }
    (!all.is_empty()).then_some(all)
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Upstream leaves out counts that are zero.
fn nonzero(number: usize) -> Option<i32> {
    (number > 0).then(|| count(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, pod, ready_at, replica_set, with_phase};

    fn ready(name: &str, second: i64) -> Arc<Pod> {
        Arc::new(ready_at(with_phase(pod(name), "Running"), second))
    }

    #[test]
    fn counts_ready_available_and_labelled() {
        let mut owner = replica_set("web", 3);
        owner.spec.min_ready_seconds = 10;
        owner.metadata.generation = Some(7);
        let mut unlabelled = pod("c");
        unlabelled.metadata.labels = None;
        let active = [ready("a", 85), ready("b", 95), Arc::new(unlabelled)];
        let status = status(&owner, &active, 1, None, at(100));
        let expected = ReplicaSetStatus {
            replicas: 3,
            fully_labeled_replicas: Some(2),
            ready_replicas: Some(2),
            available_replicas: Some(1),
            terminating_replicas: Some(1),
            observed_generation: Some(7),
            conditions: None,
        };
        assert_eq!(status, expected);
        let wait = next_availability(&active, 10, at(100));
        assert_eq!(wait, Some(SignedDuration::from_secs(5)));
        assert_eq!(next_availability(&active, 0, at(100)), None);
    }

    #[test]
    fn a_failure_is_a_condition_until_it_is_over() {
        let mut owner = replica_set("web", 3);
        let failure = Failure { reason: "FailedCreate", message: "quota".into() };
        owner.status = status(&owner, &[], 0, Some(&failure), at(100));
        let condition = owner.status.conditions.as_ref().map(|all| all[0].clone());
        assert_eq!(condition.as_ref().and_then(|c| c.reason.as_deref()), Some("FailedCreate"));
        let later = Failure { reason: "FailedCreate", message: "again".into() };
        let same = status(&owner, &[], 0, Some(&later), at(200));
        assert_eq!(same, owner.status);
        assert_eq!(status(&owner, &[], 0, None, at(300)).conditions, None);
    }
}
