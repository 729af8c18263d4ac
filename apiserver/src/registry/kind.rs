//! One served resource: its row, its schema, its cache.

use std::sync::Arc;

use api::resource::Resource;
use api::schema::Schema;
use api::status::Target;
use bytes::Bytes;

use crate::cache::ResourceCache;

pub struct Kind {
    pub row: Arc<Resource>,
    /// Absent only for kinds whose schema is not in the table; they are stored as they come.
    pub schema: Option<&'static Schema>,
    pub cache: Arc<ResourceCache>,
}

impl Kind {
    pub fn new(row: Arc<Resource>, cache: Arc<ResourceCache>) -> Self {
        let schema = api::schema::lookup(&row.group, &row.version, &row.kind);
        Self { row, schema, cache }
    }

    /// The object's key in the store.
    pub fn key(&self, namespace: &str, name: &str) -> Bytes {
        let mut key =
            Vec::with_capacity(self.cache.prefix().len() + namespace.len() + name.len() + 1);
        key.extend_from_slice(self.cache.prefix());
        key.extend_from_slice(&self.suffix(namespace, name));
        key.into()
    }

    /// The key behind the resource's prefix, as the cache has it.
    pub fn suffix(&self, namespace: &str, name: &str) -> Vec<u8> {
        if self.row.namespaced {
            format!("{namespace}/{name}").into_bytes()
        } else {
            name.as_bytes().to_vec()
        }
    }

    pub fn target<'a>(&'a self, name: &'a str) -> Target<'a> {
        Target::new(&*self.row, name)
    }

    pub fn is(&self, group: &str, plural: &str) -> bool {
        self.row.group == group && self.row.plural == plural
    }
}
