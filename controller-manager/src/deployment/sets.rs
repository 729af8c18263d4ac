//! A Deployment's ReplicaSets: the one of the current template, and the others.

use std::sync::Arc;

use super::draft::{Draft, total};
use super::{annotations, bounds, template};
use crate::objects::{Deployment, ReplicaSet};

pub struct Sets {
    pub new: Option<Draft>,
    /// Oldest first.
    pub old: Vec<Draft>,
}

impl Sets {
    /// Tells them apart by template. Of several with the current one the oldest is it, so that a
    /// choice once made stays. Where there is a current one, it gets the Deployment's annotations,
    /// revision and minReadySeconds.
    pub fn of(deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> Self {
        let mut old: Vec<Draft> = sets.iter().map(Draft::of).collect();
        old.sort_by(|one, other| one.age().cmp(&other.age()));
        let current = deployment.spec.template.value();
        let is_current = |draft: &Draft| template::same(&draft.set.spec.template.value(), &current);
        let new = old.iter().position(is_current).map(|index| old.remove(index));
        let mut sets = Self { new, old };
        let revision = sets.next_revision();
        if let Some(new) = &mut sets.new {
            annotations::refresh(&mut new.annotations, deployment, revision);
            new.min_ready_seconds = deployment.spec.min_ready_seconds;
        }
        sets
    }

    /// The revision that the current template has or shall have: after all old ones.
    pub fn next_revision(&self) -> i64 {
        self.old.iter().map(Draft::revision).max().unwrap_or(0) + 1
    }

    pub fn all(&self) -> impl Iterator<Item = &Draft> {
        self.old.iter().chain(&self.new)
    }

    pub fn into_all(self) -> impl Iterator<Item = Draft> {
        self.old.into_iter().chain(self.new)
    }

    /// How large the current ReplicaSet may be now: as desired, within the surge.
    pub fn new_size(&self, deployment: &Deployment) -> i32 {
        let desired = deployment.replicas();
        let now = self.new.as_ref().map_or(0, |new| new.replicas);
        if !deployment.is_rolling() {
            return desired;
        }
        let room = desired + bounds::max_surge(deployment) - total(self.all());
        if room <= 0 { now } else { now + room.min(desired - now) }
    }
}
