//! A light Pod.

use std::borrow::Cow;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{
    Affinity, PodCondition, PodReadinessGate, PodSchedulingGate, Toleration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{Deserialize, Serialize};

use super::meta;
use super::resources::{Requirements, ResourceList};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Pod {
    #[serde(deserialize_with = "meta::light")]
    pub metadata: ObjectMeta,
    #[serde(default, deserialize_with = "meta::nullable")]
    pub spec: PodSpec,
    #[serde(default, deserialize_with = "meta::nullable")]
    pub status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<Box<str>>,
    #[serde(deserialize_with = "meta::compact")]
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub init_containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub tolerations: Vec<Toleration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Box<Affinity>>,
    /// Label by value, as in the map it is in JSON.
    #[serde(skip_serializing_if = "ResourceList::is_empty", deserialize_with = "meta::nullable")]
    pub node_selector: ResourceList,
    /// Raw: only some components read it.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub topology_spread_constraints: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub scheduling_gates: Vec<PodSchedulingGate>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub readiness_gates: Vec<PodReadinessGate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemption_policy: Option<Box<str>>,
    #[serde(skip_serializing_if = "ResourceList::is_empty", deserialize_with = "meta::nullable")]
    pub overhead: ResourceList,
    /// Resources of the pod as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Box<Requirements>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<Box<str>>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "meta::nullable")]
    pub host_network: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    pub name: Box<str>,
    #[serde(deserialize_with = "meta::nullable")]
    pub resources: Requirements,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub ports: Vec<ContainerPort>,
    /// `Always` makes an init container a sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    pub container_port: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<i32>,
    #[serde(rename = "hostIP", skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<Box<str>>,
    /// Absent means TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub conditions: Vec<PodCondition>,
    #[serde(rename = "podIP", skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<Box<str>>,
    #[serde(
        rename = "podIPs",
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "meta::compact"
    )]
    pub pod_ips: Vec<PodIp>,
    #[serde(rename = "hostIP", skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub container_statuses: Vec<ContainerStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nominated_node_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PodIp {
    pub ip: Box<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    pub name: Box<str>,
    #[serde(deserialize_with = "meta::nullable")]
    pub ready: bool,
    pub restart_count: i32,
}

impl Pod {
    /// Neither Succeeded nor Failed, and not being deleted: counts towards a replica count.
    pub fn is_active(&self) -> bool {
        !self.is_finished() && self.metadata.deletion_timestamp.is_none()
    }

    /// Succeeded or Failed: no container of it runs again.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    pub fn condition(&self, kind: &str) -> Option<&PodCondition> {
        self.status.conditions.iter().find(|condition| condition.type_ == kind)
    }

    /// Whether condition Ready is True.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }
}

impl kube::Resource for Pod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "Pod".into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        "".into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        "pods".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
