//! What the two kinds have in common.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::ReplicaSetStatus;
use kube::core::Selector;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::objects::{Light, ReplicaSet, ReplicationController, Template};

/// An owner of identical Pods.
pub trait Replicated: Light + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    /// The service account it acts as, and the source of its events.
    const CONTROLLER: &'static str;

    /// Whether its status has `terminatingReplicas`.
    const COUNTS_TERMINATING: bool;

    fn desired(&self) -> i32;
    fn min_ready_seconds(&self) -> i32;
    fn selector(&self) -> Result<Selector>;
    fn template(&self) -> &Template;
    fn current_status(&self) -> &ReplicaSetStatus;
}

impl Replicated for ReplicaSet {
    const CONTROLLER: &'static str = "replicaset-controller";
    const COUNTS_TERMINATING: bool = true;

    fn desired(&self) -> i32 {
        self.replicas()
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds
    }

    fn selector(&self) -> Result<Selector> {
        self.spec.selector.clone().try_into().map_err(|error| Error::Selector {
            object: format!("ReplicaSet {}", self.name()),
            reason: format!("{error}"),
        })
    }

    fn template(&self) -> &Template {
        &self.spec.template
    }

    fn current_status(&self) -> &ReplicaSetStatus {
        &self.status
    }
}

impl Replicated for ReplicationController {
    const CONTROLLER: &'static str = "replication-controller";
    const COUNTS_TERMINATING: bool = false;

    fn desired(&self) -> i32 {
        self.replicas()
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds
    }

    fn selector(&self) -> Result<Selector> {
        Ok(self.spec.selector.clone().into_iter().collect())
    }

    fn template(&self) -> &Template {
        &self.spec.template
    }

    fn current_status(&self) -> &ReplicaSetStatus {
        &self.status
    }
}
