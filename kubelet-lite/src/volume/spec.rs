//! Volumes as a pod names them. A source that this kubelet cannot mount is kept by name, so that
//! it is refused and not ignored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::pod::types::{FieldRef, ResourceFieldRef};

/// Mode of files in configMap, secret, downwardAPI and projected volumes unless they say.
pub const DEFAULT_FILE_MODE: u32 = 0o644;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Volume {
    pub name: String,
    pub empty_dir: Option<EmptyDir>,
    pub host_path: Option<HostPath>,
    pub config_map: Option<Box<ConfigMapSource>>,
    pub secret: Option<Box<SecretSource>>,
    #[serde(rename = "downwardAPI")]
    pub downward_api: Option<Box<DownwardApiSource>>,
    pub projected: Option<Box<ProjectedSource>>,
    /// Any other source, by name.
    #[serde(flatten)]
    pub other: BTreeMap<String, IgnoredAny>,
}

impl Volume {
    /// Upstream's plug-in name, which is the directory that its volumes lie in.
    pub fn plugin(&self) -> &'static str {
        if self.config_map.is_some() {
            "kubernetes.io~configmap"
        } else if self.secret.is_some() {
            "kubernetes.io~secret"
        } else if self.downward_api.is_some() {
            "kubernetes.io~downward-api"
        } else if self.projected.is_some() {
            "kubernetes.io~projected"
        } else {
            "kubernetes.io~empty-dir"
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EmptyDir {
    pub medium: String,
    pub size_limit: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HostPath {
    pub path: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyToPath {
    pub key: String,
    pub path: String,
    pub mode: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigMapSource {
    pub name: String,
    pub items: Vec<KeyToPath>,
    pub default_mode: Option<u32>,
    pub optional: Option<bool>,
}

/// A secret volume says `secretName`, a projected source says `name`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretSource {
    #[serde(alias = "name")]
    pub secret_name: String,
    pub items: Vec<KeyToPath>,
    pub default_mode: Option<u32>,
    pub optional: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DownwardApiSource {
    pub items: Vec<DownwardApiFile>,
    pub default_mode: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DownwardApiFile {
    pub path: String,
    pub field_ref: Option<FieldRef>,
    pub resource_field_ref: Option<ResourceFieldRef>,
    pub mode: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ProjectedSource {
    pub sources: Vec<Projection>,
    pub default_mode: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Projection {
    pub config_map: Option<ConfigMapSource>,
    pub secret: Option<SecretSource>,
    #[serde(rename = "downwardAPI")]
    pub downward_api: Option<DownwardApiSource>,
    /// `serviceAccountToken`, `clusterTrustBundle`, `podCertificate`: refused by name.
    #[serde(flatten)]
    pub other: BTreeMap<String, IgnoredAny>,
}
