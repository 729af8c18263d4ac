//! A Deployment's conditions, with upstream's reasons: kubectl and CD tools wait for them by name.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DeploymentCondition, ReplicaSetCondition};

use crate::clock::stamp;

pub const AVAILABLE: &str = "Available";
pub const PROGRESSING: &str = "Progressing";
pub const REPLICA_FAILURE: &str = "ReplicaFailure";

pub const CREATED: &str = "NewReplicaSetCreated";
pub const FOUND: &str = "FoundNewReplicaSet";
pub const UPDATED: &str = "ReplicaSetUpdated";
pub const COMPLETE: &str = "NewReplicaSetAvailable";
pub const TIMED_OUT: &str = "ProgressDeadlineExceeded";
pub const CREATE_FAILED: &str = "ReplicaSetCreateError";
pub const PAUSED: &str = "DeploymentPaused";
pub const RESUMED: &str = "DeploymentResumed";

/// The conditions of a status that is being made.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    all: Vec<DeploymentCondition>,
    now: Timestamp,
}

impl Conditions {
    pub fn new(all: Option<&Vec<DeploymentCondition>>, now: Timestamp) -> Self {
        Self { all: all.cloned().unwrap_or_default(), now }
    }

    pub fn get(&self, kind: &str) -> Option<&DeploymentCondition> {
        self.all.iter().find(|condition| condition.type_ == kind)
    }

    pub fn reason(&self, kind: &str) -> Option<&str> {
        self.get(kind)?.reason.as_deref()
    }

    /// Sets a condition, unless it has that status for that reason already: then nothing of it
    /// changes. The transition time moves with the status only.
    pub fn set(&mut self, kind: &str, status: &str, reason: &str, message: String) {
        let old = self.get(kind);
        if old.is_some_and(|old| old.status == status && old.reason.as_deref() == Some(reason)) {
            return;
        }
        self.put(kind, status, reason, message);
    }

    /// As `set`, but renews message and update time of a condition that is there already: progress is
    /// measured from the last of them.
    pub fn renew(&mut self, kind: &str, status: &str, reason: &str, message: String) {
        self.put(kind, status, reason, message);
    }

    fn put(&mut self, kind: &str, status: &str, reason: &str, message: String) {
        let now = Some(stamp(self.now));
        let old = self.get(kind).filter(|old| old.status == status);
        let last_transition_time = match old {
            Some(old) => old.last_transition_time.clone(),
            None => now.clone(),
        };
        self.replace(DeploymentCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time,
            last_update_time: now,
        });
    }

    /// Takes over why a ReplicaSet could not make its Pods, or that none has this trouble any more.
    pub fn set_replica_failure(&mut self, failure: Option<&ReplicaSetCondition>) {
        let Some(failure) = failure else { return self.remove(REPLICA_FAILURE) };
        let same = self
            .get(REPLICA_FAILURE)
            .is_some_and(|old| old.status == failure.status && old.reason == failure.reason);
        if !same {
            self.replace(DeploymentCondition {
                type_: REPLICA_FAILURE.to_owned(),
                status: failure.status.clone(),
                reason: failure.reason.clone(),
                message: failure.message.clone(),
                last_transition_time: failure.last_transition_time.clone(),
                last_update_time: failure.last_transition_time.clone(),
            });
        }
    }

    pub fn remove(&mut self, kind: &str) {
        self.all.retain(|condition| condition.type_ != kind);
    }

    pub fn into_vec(self) -> Option<Vec<DeploymentCondition>> {
        (!self.all.is_empty()).then_some(self.all)
    }

    fn replace(&mut self, condition: DeploymentCondition) {
        self.remove(&condition.type_.clone());
        self.all.push(condition);
    }
}
