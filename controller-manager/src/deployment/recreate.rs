//! Recreate: no Pod of the new template before the last of the old ones is gone.

use super::sets::Sets;
use crate::objects::Deployment;

#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Old Pods are still there: wait.
    Wait,
    /// The current ReplicaSet is due, and does not exist.
    Create,
    Settled,
}

/// Scales the old ReplicaSets down; once their Pods are gone, the current one up. `old_pods` tells
/// whether any unfinished Pod of an old ReplicaSet exists, terminating ones included.
pub fn step(deployment: &Deployment, sets: &mut Sets, old_pods: bool) -> Step {
    let mut scaled = false;
    for draft in sets.old.iter_mut().filter(|draft| draft.is_active()) {
        scaled |= draft.scale(0, deployment);
    }
    if scaled || old_pods || sets.old.iter().any(|draft| draft.actual() > 0) {
        return Step::Wait;
    }
    match &mut sets.new {
        None => Step::Create,
        Some(new) => {
            if new.replicas != deployment.replicas() {
                new.scale(deployment.replicas(), deployment);
            }
            Step::Settled
        }
    }
}
