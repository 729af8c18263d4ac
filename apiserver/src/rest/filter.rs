//! Which objects of a resource a LIST, WATCH or deletecollection is about.

use std::ops::Bound;
use std::sync::Arc;

use api::Status;
use api::resource::Resource;
use api::selector::{FieldSelector, LabelSelector};

use crate::cache::Entry;
use crate::registry::Query;

#[derive(Clone)]
pub struct Filter {
    row: Arc<Resource>,
    /// Empty for all namespaces.
    namespace: String,
    labels: LabelSelector,
    fields: FieldSelector,
    /// The one object that the path names, in a watch of it.
    name: Option<String>,
}

impl Filter {
    pub fn parse(row: &Arc<Resource>, namespace: &str, query: &Query) -> Result<Self, Status> {
        let labels = LabelSelector::parse(query.get("labelSelector").unwrap_or_default())
            .map_err(|error| Status::bad_request(error.to_string()))?;
        let fields = FieldSelector::parse(query.get("fieldSelector").unwrap_or_default())
            .map_err(|error| Status::bad_request(error.to_string()))?;
        fields
            .check(&row.selectable_fields)
            .map_err(|error| Status::bad_request(error.to_string()))?;
        let namespace = if row.namespaced { namespace.to_owned() } else { String::new() };
        Ok(Self { row: row.clone(), namespace, labels, fields, name: None })
    }

    /// Only the object of this name; an empty name changes nothing.
    pub fn narrowed(mut self, name: &str) -> Self {
        if !name.is_empty() {
            self.name = Some(name.to_owned());
        }
        self
    }

    /// Whether every object of the namespace (or of all) is meant.
    pub fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything() && self.name.is_none()
    }

    pub fn matches(&self, entry: &Entry) -> bool {
        (self.namespace.is_empty() || *self.namespace == *entry.light.namespace)
            && self.name.as_deref().is_none_or(|name| name == &*entry.light.name)
            && self.labels.matches(|key| entry.light.label(key))
            && self.fields.matches(|field| entry.field(&self.row, field))
    }

    /// Keys (behind the resource's prefix) among which the objects are: all, a namespace's, or the
    /// one that `metadata.name` names.
    pub fn range(&self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let within = match self.namespace.as_str() {
            "" => String::new(),
            namespace => format!("{namespace}/"),
        };
        let cluster_wide = self.row.namespaced && self.namespace.is_empty();
        if let (Some(name), false) = (self.fields.exact("metadata.name"), cluster_wide) {
            let key = format!("{within}{name}").into_bytes();
            return (Bound::Included(key.clone()), Bound::Included(key));
        }
        if within.is_empty() {
            return (Bound::Unbounded, Bound::Unbounded);
        }
        let end = format!("{}0", &within[..within.len() - 1]); // '0' follows '/'.
        (Bound::Included(within.into_bytes()), Bound::Excluded(end.into_bytes()))
    }

    /// What continue tokens leave out of their keys.
    pub fn key_prefix(&self) -> String {
        if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) }
    }
}
