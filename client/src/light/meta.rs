//! Metadata without what no component reads.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer};

/// kubectl's copy of the whole object, the one annotation that is as large as the object itself.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Light {
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    generate_name: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    name: Option<String>,
    namespace: Option<String>,
    owner_references: Option<Vec<OwnerReference>>,
    resource_version: Option<String>,
    uid: Option<String>,
}

/// Reads ObjectMeta without managedFields and without kubectl's last-applied copy.
pub(super) fn light<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let light = Light::deserialize(deserializer)?;
    let annotations = light.annotations.and_then(|mut annotations| {
        annotations.remove(LAST_APPLIED);
        (!annotations.is_empty()).then_some(annotations)
    });
    let shrunk = |mut owners: Vec<OwnerReference>| {
        owners.shrink_to_fit();
        owners
    };
    Ok(ObjectMeta {
        annotations,
        creation_timestamp: light.creation_timestamp,
        deletion_grace_period_seconds: light.deletion_grace_period_seconds,
        deletion_timestamp: light.deletion_timestamp,
        finalizers: light.finalizers,
        generate_name: light.generate_name,
        generation: light.generation,
        labels: light.labels,
        name: light.name,
        namespace: light.namespace,
        owner_references: light.owner_references.map(shrunk),
        resource_version: light.resource_version,
        uid: light.uid,
        ..ObjectMeta::default()
    })
}

/// Reads `null` as the default. Go writes an empty slice as `null`, and a stored object holds what
/// the client sent.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list without the slack it grew with: a list of one would keep room for four.
pub(super) fn compact<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let mut list: Vec<T> = Option::deserialize(deserializer)?.unwrap_or_default();
    list.shrink_to_fit();
    Ok(list)
}
