//! A ReplicaSet while its Deployment decides about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::annotations::{self, record_size};
use super::bounds::max_surge;
use crate::objects::{Deployment, Light, ReplicaSet};
use crate::write::merge_difference;

#[derive(Clone, Debug)]
pub struct Draft {
    pub set: Arc<ReplicaSet>,
    pub replicas: i32,
    pub min_ready_seconds: i32,
    pub annotations: BTreeMap<String, String>,
}

impl Draft {
    pub fn of(set: &Arc<ReplicaSet>) -> Self {
        Self {
            replicas: set.replicas(),
            min_ready_seconds: set.spec.min_ready_seconds,
            annotations: set.metadata.annotations.clone().unwrap_or_default(),
            set: set.clone(),
        }
    }

    /// Pods that are there, by its status.
    pub fn actual(&self) -> i32 {
        self.set.status.replicas
    }

    pub fn available(&self) -> i32 {
        self.set.status.available_replicas.unwrap_or(0)
    }

    pub fn ready(&self) -> i32 {
        self.set.status.ready_replicas.unwrap_or(0)
    }

    pub fn is_active(&self) -> bool {
        self.replicas > 0
    }

    pub fn revision(&self) -> i64 {
        annotations::revision_of(&self.set)
    }

    /// Oldest first, by name among equals.
    pub fn age(&self) -> (Option<jiff::Timestamp>, &str) {
        let created = self.set.metadata.creation_timestamp.as_ref();
        (created.map(|time| time.0), self.set.name())
    }

    /// Scales it, and records the size that the Deployment then had. Whether anything changed.
    pub fn scale(&mut self, to: i32, deployment: &Deployment) -> bool {
        let changed = self.replicas != to;
        self.replicas = to;
        let desired = deployment.replicas();
        record_size(&mut self.annotations, desired, desired + max_surge(deployment));
        changed
    }

    /// `(from, to)` when the number of replicas changed.
    pub fn scaled(&self) -> Option<(i32, i32)> {
        let before = self.set.replicas();
        (before != self.replicas).then_some((before, self.replicas))
    }

    /// The patch that makes the ReplicaSet what the draft says, if there is a difference.
    pub fn patch(&self) -> Option<Value> {
        let before = Self::of(&self.set);
        let mut patch = merge_difference(&before.content(), &self.content())?;
        patch["metadata"]["resourceVersion"] = json!(self.set.metadata.resource_version);
        Some(patch)
    }

    fn content(&self) -> Value {
        json!({
            "metadata": {"annotations": self.annotations},
            "spec": {"replicas": self.replicas, "minReadySeconds": self.min_ready_seconds},
        })
    }
}

/// Sum of what is asked for.
pub fn total<'a>(drafts: impl IntoIterator<Item = &'a Draft>) -> i32 {
    drafts.into_iter().map(|draft| draft.replicas).sum()
}

/// Sum of what is available.
pub fn available<'a>(drafts: impl IntoIterator<Item = &'a Draft>) -> i32 {
    drafts.into_iter().map(Draft::available).sum()
}
