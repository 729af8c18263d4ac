//! What all workers of one kubelet have in common.

use client::{EventRecorder, EventType};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Resource};

use super::references::References;
use super::service_cache::ServiceCache;
use super::types::Pod;
use crate::config::KubeletConfig;
use crate::layout::Layout;

pub struct Shared {
    pub config: KubeletConfig,
    pub client: Client,
    pub events: EventRecorder,
    pub layout: Layout,
    pub references: References,
    pub services: ServiceCache,
    /// `coracle://`, before container ids.
    pub id_prefix: String,
    pub node_ip: String,
    /// Node's allocatable, for `resourceFieldRef`.
    pub allocatable: std::collections::BTreeMap<String, String>,
}

impl Shared {
    pub fn now(&self) -> i64 {
        (self.config.clock)()
    }

    pub fn event(&self, pod: &Pod, kind: EventType, reason: &str, message: impl Into<String>) {
        self.events.event(pod, kind, reason, message);
    }

    /// An event about one container of a pod, which is named by its place in the spec.
    pub fn container_event(
        &self,
        pod: &Pod,
        container: &str,
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        let is_init = pod.spec.init_containers.iter().any(|init| init.name == container);
        let list = if is_init { "initContainers" } else { "containers" };
        let regarding = ObjectReference {
            resource_version: pod.metadata.resource_version.clone(),
            field_path: Some(format!("spec.{list}{{{container}}}")),
            ..pod.object_ref(&())
        };
        self.events.event_about(regarding, kind, reason, message);
    }
}
