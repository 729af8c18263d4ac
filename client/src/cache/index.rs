//! The objects of one kind by namespace, name and owner. Plain state, no IO.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use kube::Resource;

use crate::ObjectKey;

/// One change of a cache. Consumers reconcile from the cache's state; a delta only tells them
/// where to look.
#[derive(Clone, Debug)]
pub enum Delta<K> {
    Added(Arc<K>),
    Updated { old: Arc<K>, new: Arc<K> },
    Deleted(Arc<K>),
}

impl<K> Delta<K> {
    /// The object after the change, or the last one seen when it is gone.
    pub fn object(&self) -> &Arc<K> {
        match self {
            Delta::Added(object) | Delta::Deleted(object) => object,
            Delta::Updated { new, .. } => new,
        }
    }
}

pub(super) struct Index<K> {
    namespaces: HashMap<Arc<str>, BTreeMap<Arc<str>, Arc<K>>>,
    by_owner: HashMap<Box<str>, HashSet<ObjectKey>>,
    len: usize,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { namespaces: HashMap::new(), by_owner: HashMap::new(), len: 0 }
    }
}

impl<K: Resource> Index<K> {
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Arc<K>> {
        self.namespaces.get(namespace)?.get(name)
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<K>> {
        self.namespaces.values().flat_map(BTreeMap::values)
    }

    pub fn namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<K>> {
        self.namespaces.get(namespace).into_iter().flat_map(BTreeMap::values)
    }

    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &Arc<K>> {
        let keys = self.by_owner.get(uid).into_iter().flatten();
        keys.filter_map(|key| self.get(&key.namespace, &key.name))
    }

    /// Stores the object. One with another uid took the place of a deleted one, whose deletion the
    /// watch did not show: both changes are told.
    pub fn upsert(&mut self, new: Arc<K>) -> Vec<Delta<K>> {
        let meta = new.meta();
        let (namespace, name) = (
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        );
        let old = self.get(namespace, name).cloned();
        if let Some(old) = &old
            && meta.resource_version.is_some()
            && old.meta().resource_version == meta.resource_version
            && old.meta().uid == meta.uid
        {
            return Vec::new();
        }
        self.insert(new.clone());
        match old {
            None => vec![Delta::Added(new)],
            Some(old) if old.meta().uid == new.meta().uid => vec![Delta::Updated { old, new }],
            Some(old) => vec![Delta::Deleted(old), Delta::Added(new)],
        }
    }

    /// Removes the object and tells its last state as the server gave it. `None` when it was not
    /// there.
    pub fn remove(&mut self, last: Arc<K>) -> Option<Delta<K>> {
        let key = ObjectKey::of(&*last);
        self.take(&key)?;
        Some(Delta::Deleted(last))
    }

    /// Makes the content equal to `all`, the result of a complete list.
    pub fn replace(&mut self, all: Vec<Arc<K>>) -> Vec<Delta<K>> {
        let listed: HashSet<ObjectKey> =
            all.iter().map(|object| ObjectKey::of(&**object)).collect();
        let gone: Vec<ObjectKey> = self
            .iter()
            .map(|object| ObjectKey::of(&**object))
            .filter(|key| !listed.contains(key))
            .collect();
        let mut deltas: Vec<Delta<K>> =
            gone.iter().filter_map(|key| self.take(key)).map(Delta::Deleted).collect();
        deltas.extend(all.into_iter().flat_map(|object| self.upsert(object)));
        deltas
    }

    fn insert(&mut self, object: Arc<K>) {
        let mut key = ObjectKey::of(&*object);
        self.take(&key);
        if let Some((shared, _)) = self.namespaces.get_key_value(&key.namespace) {
            key.namespace = shared.clone();
        }
        for owner in object.meta().owner_references.iter().flatten() {
            self.by_owner.entry(owner.uid.as_str().into()).or_default().insert(key.clone());
        }
        self.namespaces.entry(key.namespace).or_default().insert(key.name, object);
        self.len += 1;
    }

    fn take(&mut self, key: &ObjectKey) -> Option<Arc<K>> {
        let names = self.namespaces.get_mut(&key.namespace)?;
        let object = names.remove(&key.name)?;
        if names.is_empty() {
            self.namespaces.remove(&key.namespace);
        }
        for owner in object.meta().owner_references.iter().flatten() {
            if let Some(keys) = self.by_owner.get_mut(owner.uid.as_str()) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_owner.remove(owner.uid.as_str());
                }
            }
        }
        self.len -= 1;
        Some(object)
    }
}
