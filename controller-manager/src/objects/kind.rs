//! What light types have in common.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};

/// kubectl's copy of the manifest it applied: often the largest part of an object, and of no use to
/// a controller (the Deployment controller must not even copy it).
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A kind known at compile time, with shorthands for metadata.
pub trait Light: Resource<DynamicType = ()> {
    fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// Empty for cluster-scoped objects.
    fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    fn is_terminating(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.meta().labels.as_ref()?.get(key).map(String::as_str)
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.meta().annotations.as_ref()?.get(key).map(String::as_str)
    }
}

impl<K: Resource<DynamicType = ()>> Light for K {}

/// Deserializes metadata without what no controller reads.
pub(super) fn slim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let mut meta = ObjectMeta::deserialize(deserializer)?;
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
    Ok(meta)
}

/// Reads `null` as the default: Go writes an empty slice or map as `null`.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn borrowed(text: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(text)
}

/// Implements `kube::Resource` for a struct with a `metadata` field.
macro_rules! resource {
    ($type:ty, $group:literal, $version:literal, $kind:literal, $plural:literal, $scope:ty) => {
        impl kube::Resource for $type {
            type DynamicType = ();
            type Scope = $scope;

            fn kind(_: &()) -> std::borrow::Cow<'_, str> {
                $crate::objects::kind::borrowed($kind)
            }
            fn group(_: &()) -> std::borrow::Cow<'_, str> {
                $crate::objects::kind::borrowed($group)
            }
            fn version(_: &()) -> std::borrow::Cow<'_, str> {
                $crate::objects::kind::borrowed($version)
            }
            fn plural(_: &()) -> std::borrow::Cow<'_, str> {
                $crate::objects::kind::borrowed($plural)
            }
            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(
                &mut self,
            ) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}
pub(super) use resource;
