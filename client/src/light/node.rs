//! A light Node: without images, volumes and system details.

use std::borrow::Cow;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::api::core::v1::{NodeAddress, NodeCondition, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::meta;
use super::resources::ResourceList;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Node {
    #[serde(deserialize_with = "meta::light")]
    pub metadata: ObjectMeta,
    #[serde(default, deserialize_with = "meta::nullable")]
    pub spec: NodeSpec,
    #[serde(default, deserialize_with = "meta::nullable")]
    pub status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    #[serde(rename = "podCIDR", skip_serializing_if = "Option::is_none")]
    pub pod_cidr: Option<Box<str>>,
    #[serde(
        rename = "podCIDRs",
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "meta::compact"
    )]
    pub pod_cidrs: Vec<Box<str>>,
    #[serde(deserialize_with = "meta::nullable")]
    pub unschedulable: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub taints: Vec<Taint>,
    #[serde(rename = "providerID", skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    #[serde(skip_serializing_if = "ResourceList::is_empty", deserialize_with = "meta::nullable")]
    pub capacity: ResourceList,
    #[serde(skip_serializing_if = "ResourceList::is_empty", deserialize_with = "meta::nullable")]
    pub allocatable: ResourceList,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub conditions: Vec<NodeCondition>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "meta::compact")]
    pub addresses: Vec<NodeAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon_endpoints: Option<DaemonEndpoints>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DaemonEndpoints {
    #[serde(deserialize_with = "meta::nullable")]
    pub kubelet_endpoint: DaemonEndpoint,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct DaemonEndpoint {
    /// Upstream capitalises this one field.
    #[serde(rename = "Port", default)]
    pub port: i32,
}

impl Node {
    pub fn condition(&self, kind: &str) -> Option<&NodeCondition> {
        self.status.conditions.iter().find(|condition| condition.type_ == kind)
    }

    /// Whether condition Ready is True.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|condition| condition.status == "True")
    }
}

impl kube::Resource for Node {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "Node".into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        "".into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        "nodes".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
