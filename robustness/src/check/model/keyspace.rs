//! The keys at one revision, and what changes them.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::range::bounds;
use crate::history::{Delete, KeyValue, Put};

/// States of older revisions, as far as someone reads them.
pub type Past = OrdMap<i64, KeySpace>;

/// The keys at one revision. Cloning shares everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeySpace {
    pub revision: i64,
    pub(super) keys: OrdMap<Arc<str>, Arc<KeyValue>>,
    /// Which keys are attached to each lease that has any.
    attached: OrdMap<i64, OrdSet<Arc<str>>>,
}

/// What happened to one key in one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub delete: bool,
    /// As an event shows it: of a deletion the key and `mod_revision` alone.
    pub kv: Arc<KeyValue>,
    /// What stood there before.
    pub prev: Option<Arc<KeyValue>>,
}

impl Default for KeySpace {
    /// An empty store, which is at revision 1.
    fn default() -> Self {
        Self { revision: 1, keys: OrdMap::new(), attached: OrdMap::new() }
    }
}

impl KeySpace {
    pub fn get(&self, key: &str) -> Option<&Arc<KeyValue>> {
        self.keys.get(key)
    }

    pub fn keys_of(&self, lease: i64) -> impl Iterator<Item = &Arc<str>> {
        self.attached.get(&lease).into_iter().flatten()
    }

    /// Leases that have keys, in order of their ids.
    pub fn leases_with_keys(&self) -> impl Iterator<Item = i64> {
        self.attached.keys().copied()
    }

    /// The state after deleting what is attached to `lease`, in one revision if there is any.
    pub fn without_lease(&self, lease: i64) -> (Self, Vec<Change>) {
        let mut draft = Draft::of(self);
        let keys: Vec<Arc<str>> = self.keys_of(lease).cloned().collect();
        keys.iter().for_each(|key| drop(draft.remove(key)));
        draft.finish()
    }

    /// The state at `revision` after puts and deletions as they were seen, whether they follow from
    /// this state or not.
    pub fn forced(
        &self,
        revision: i64,
        puts: impl Iterator<Item = Arc<KeyValue>>,
        deletes: impl Iterator<Item = Arc<str>>,
    ) -> (Self, Vec<Change>) {
        let mut draft = Draft::of(self);
        draft.next = revision;
        deletes.for_each(|key| drop(draft.remove(&key)));
        for kv in puts {
            let key = Arc::from(kv.key.as_str());
            let prev = draft.space.keys.insert(Arc::clone(&key), Arc::clone(&kv));
            draft.space.attach(&key, prev.as_ref().map_or(0, |kv| kv.lease), kv.lease);
            draft.changes.push(Change { delete: false, kv, prev });
        }
        draft.finish()
    }

    fn attach(&mut self, key: &Arc<str>, from: i64, to: i64) {
        if from == to {
            return;
        }
        if let Some(mut keys) = self.attached.remove(&from) {
            keys.remove(key);
            if !keys.is_empty() {
                self.attached.insert(from, keys);
            }
        }
        if to != 0 {
            self.attached.entry(to).or_default().insert(Arc::clone(key));
        }
    }
}

/// A revision in the making: its writes see each other.
pub(super) struct Draft {
    pub(super) space: KeySpace,
    /// The revision that the changes get.
    next: i64,
    changes: Vec<Change>,
}

impl Draft {
    pub(super) fn of(space: &KeySpace) -> Self {
        Self { space: space.clone(), next: space.revision + 1, changes: Vec::new() }
    }

    /// Nothing changed is no revision.
    pub(super) fn finish(mut self) -> (KeySpace, Vec<Change>) {
        if !self.changes.is_empty() {
            self.space.revision = self.next;
        }
        (self.space, self.changes)
    }

    /// Puts a key, and returns what stood there. A put without a lease detaches the key from its.
    pub(super) fn put(&mut self, put: &Put) -> Option<Arc<KeyValue>> {
        let before = self.space.keys.get_key_value(put.key.as_str());
        let (key, prev) = match before {
            Some((key, kv)) => (Arc::clone(key), Some(Arc::clone(kv))),
            None => (Arc::from(put.key.as_str()), None),
        };
        let kv = Arc::new(KeyValue {
            key: put.key.clone(),
            value: put.value.clone(),
            create_revision: prev.as_ref().map_or(self.next, |kv| kv.create_revision),
            mod_revision: self.next,
            version: prev.as_ref().map_or(1, |kv| kv.version + 1),
            lease: put.lease,
        });
        self.space.attach(&key, prev.as_ref().map_or(0, |kv| kv.lease), put.lease);
        self.space.keys.insert(key, Arc::clone(&kv));
        self.changes.push(Change { delete: false, kv, prev: prev.clone() });
        prev
    }

    /// Deletes a range, and returns what stood there.
    pub(super) fn delete(&mut self, delete: &Delete) -> Vec<Arc<KeyValue>> {
        let Some(bounds) = bounds(&delete.key, delete.end.as_deref()) else { return Vec::new() };
        let found = self.space.keys.range::<_, str>(bounds);
        let keys: Vec<Arc<str>> = found.map(|(key, _)| Arc::clone(key)).collect();
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    fn remove(&mut self, key: &Arc<str>) -> Option<Arc<KeyValue>> {
        let prev = self.space.keys.remove(key)?;
        self.space.attach(key, prev.lease, 0);
        let tombstone =
            KeyValue { key: prev.key.clone(), mod_revision: self.next, ..KeyValue::default() };
        let (kv, before) = (Arc::new(tombstone), Some(Arc::clone(&prev)));
        self.changes.push(Change { delete: true, kv, prev: before });
        Some(prev)
    }
}
