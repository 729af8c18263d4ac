//! One row of the resource table.

use std::borrow::Cow;
use std::sync::Arc;

use super::Strategy;

type Str = Cow<'static, str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Delete,
    DeleteCollection,
    Get,
    List,
    Patch,
    Update,
    Watch,
}

/// A subresource as discovery lists it. What serves it is decided by its name in the apiserver.
#[derive(Clone, Debug)]
pub struct Subresource {
    /// `status`, `scale`, `binding`, `eviction`, `log`, `finalize`, …
    pub name: Str,
    /// Group, version and kind of what it exchanges, when not the parent's
    /// (`("autoscaling", "v1", "Scale")`, `("policy", "v1", "Eviction")`).
    pub response_kind: Option<(Str, Str, Str)>,
    pub verbs: Vec<Verb>,
}

/// A column of the Table that kubectl prints.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: Str,
    /// `string`, `integer`, `number`, `boolean`, `date`.
    pub kind: Str,
    /// `name` for the first column, else usually empty.
    pub format: Str,
    pub description: Str,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: i32,
}

#[derive(Clone)]
pub struct Resource {
    /// Empty for the core group.
    pub group: Str,
    pub version: Str,
    pub kind: Str,
    pub plural: Str,
    pub singular: Str,
    pub short_names: Vec<Str>,
    pub categories: Vec<Str>,
    pub namespaced: bool,
    pub verbs: Vec<Verb>,
    pub subresources: Vec<Subresource>,
    pub columns: Vec<Column>,
    /// Field selectors beyond `metadata.name` and `metadata.namespace`.
    pub selectable_fields: Vec<Str>,
    /// Told in a `Warning` header with every answer, as upstream does for deprecated kinds.
    pub deprecation: Option<Str>,
    /// Prefix of its keys: `/registry/pods`, `/registry/services/specs`, `/registry/minions`, … as
    /// upstream lays them out; an object's key is `<prefix>[/<namespace>]/<name>`.
    pub storage_prefix: Str,
    pub strategy: Arc<dyn Strategy>,
}

impl Resource {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods` or `deployments.apps`, as error messages name a resource.
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }
}
