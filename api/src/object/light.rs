//! The few facts the cache indexes by, read from stored bytes without building a tree.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Why stored bytes have no light metadata.
#[derive(Debug, thiserror::Error)]
pub enum LightError {
    #[error("stored object is no valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("stored object has no metadata.name")]
    NoName,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerReference {
    pub uid: Box<str>,
    pub controller: bool,
}

/// What the index keeps of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Light {
    /// Empty for cluster-scoped objects.
    pub namespace: Box<str>,
    pub name: Box<str>,
    pub uid: Box<str>,
    /// Sorted by key.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    pub owners: Box<[OwnerReference]>,
    /// Where `{…}` of the metadata stands in the bytes: a PartialObjectMetadata is a copy of it.
    pub metadata: Range<u32>,
}

impl Light {
    pub fn read(value: &[u8]) -> Result<Self, LightError> {
        let top: Top<'_> = serde_json::from_slice(value)?;
        let raw = top.metadata.get();
        // The borrowed text points into `value`, so its place is the difference of addresses.
        let start = raw.as_ptr() as usize - value.as_ptr() as usize;
        let metadata: Metadata<'_> = serde_json::from_str(raw)?;
        if metadata.name.is_empty() {
            return Err(LightError::NoName);
        }
        Ok(Self {
            namespace: metadata.namespace.as_ref().into(),
            name: metadata.name.as_ref().into(),
            uid: metadata.uid.as_ref().into(),
            labels: metadata
                .labels
                .iter()
                .map(|(key, value)| (key.as_ref().into(), value.as_ref().into()))
                .collect(),
            owners: metadata
                .owner_references
                .iter()
                .map(|owner| OwnerReference {
                    uid: owner.uid.as_ref().into(),
                    controller: owner.controller,
                })
                .collect(),
            metadata: start as u32..(start + raw.len()) as u32,
        })
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        let at = self.labels.binary_search_by(|(candidate, _)| candidate.as_ref().cmp(key)).ok()?;
        Some(&self.labels[at].1)
    }
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    labels: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow, default)]
    owner_references: Vec<Owner<'a>>,
}

#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(default)]
    controller: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::encode;
    use super::*;

    #[test]
    fn reads_what_the_index_needs() {
        let stored = encode(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "web", "namespace": "default", "uid": "u-1",
                "labels": {"b": "2", "a": "say \"hi\""},
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "o-1", "controller": true},
                ],
            },
            "spec": {"metadata": {"name": "not this one"}},
        }));
        let light = Light::read(&stored).unwrap();
        assert_eq!((&*light.namespace, &*light.name, &*light.uid), ("default", "web", "u-1"));
        assert_eq!(light.label("a"), Some("say \"hi\""));
        assert_eq!(light.label("c"), None);
        assert_eq!(&*light.owners, [OwnerReference { uid: "o-1".into(), controller: true }]);
        let range = light.metadata.start as usize..light.metadata.end as usize;
        assert!(stored[range.clone()].starts_with(b"{\"labels\""));
        assert!(stored[range].ends_with(b"\"uid\":\"u-1\"}"));
    }

    #[test]
    fn refuses_what_is_no_object() {
        assert!(matches!(Light::read(b"k8s\0"), Err(LightError::Json(_))));
        assert!(matches!(Light::read(b"{\"metadata\":{}}"), Err(LightError::NoName)));
    }
}
