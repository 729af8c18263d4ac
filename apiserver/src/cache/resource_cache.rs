//! Objects and recent changes of one resource.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use api::resource::Resource;
use bytes::Bytes;
use imbl::OrdMap;
use store::KeyValue;
use tokio::sync::watch;

use super::feed::KeyChange;
use super::ring::Ring;
use super::{Change, Cursor, Entry, Lagged};

/// Key behind the prefix → object. Persistent: a clone is a snapshot and costs one reference.
pub type Objects = OrdMap<Bytes, Arc<Entry>>;

/// A resource's state at one revision.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub objects: Objects,
    pub revision: i64,
}

struct State {
    objects: Objects,
    /// Revision of the newest change in here.
    revision: i64,
    ring: Ring,
}

pub struct ResourceCache {
    pub row: Arc<Resource>,
    /// `/registry/pods/`
    prefix: Bytes,
    state: RwLock<State>,
    /// Revision of the newest change, to wake watchers.
    changed: watch::Sender<i64>,
}

impl ResourceCache {
    pub fn new(row: Arc<Resource>) -> Self {
        let prefix = Bytes::from(format!("{}/", row.storage_prefix));
        let state = State { objects: Objects::new(), revision: 0, ring: Ring::starting_at(0) };
        Self { row, prefix, state: RwLock::new(state), changed: watch::Sender::new(0) }
    }

    pub fn prefix(&self) -> &Bytes {
        &self.prefix
    }

    // A poisoned lock means that a panic struck between two assignments of plain data; both sides
    // of every such pair are valid, so readers go on.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Replaces everything by the objects of `kvs`, read at `revision`. Running watches end.
    pub(super) fn reset(&self, kvs: &[KeyValue], revision: i64) {
        let objects = kvs.iter().filter_map(|kv| self.entry(kv)).collect();
        {
            let mut state = self.write();
            state.objects = objects;
            state.revision = revision;
            state.ring.reset(revision);
        }
        self.changed.send_replace(revision);
    }

    /// Applies one revision's changes of this resource: an absent value is a deletion.
    pub(super) fn apply(&self, revision: i64, changes: &[KeyChange]) {
        let read: Vec<_> = changes
            .iter()
            .map(|(key, kv)| (self.suffix(key), kv.as_ref().and_then(|kv| self.entry(kv))))
            .collect();
        {
            let mut state = self.write();
            for (key, entry) in read {
                let current = entry.map(|(_, entry)| entry);
                let previous = match &current {
                    Some(entry) => state.objects.insert(key.clone(), entry.clone()),
                    None => state.objects.remove(key.as_ref()),
                };
                if current.is_some() || previous.is_some() {
                    state.ring.push(Arc::new(Change::new(revision, key, current, previous)));
                }
            }
            state.revision = revision;
        }
        self.changed.send_replace(revision);
    }

    fn suffix(&self, key: &Bytes) -> Bytes {
        key.slice(self.prefix.len()..)
    }

    /// Reads a stored value. One that cannot be read is left out and told of: neither a value that
    /// someone else put there nor a fault in one kind's code may stop the feed, and with it every
    /// read of every resource.
    fn entry(&self, kv: &KeyValue) -> Option<(Bytes, Arc<Entry>)> {
        let read = std::panic::catch_unwind(AssertUnwindSafe(|| Entry::read(&self.row, kv)));
        let fault = match read {
            Ok(Ok(entry)) => return Some((self.suffix(&kv.key), Arc::new(entry))),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "reading it panicked".to_owned(),
        };
        let key = String::from_utf8_lossy(&kv.key);
        tracing::error!(%key, fault, "a stored value is not served");
        None
    }

    /// The newest state. `at_least` is a revision that the feed has announced: the state is then
    /// exact for it, because nothing of this resource changed between its newest change and that.
    pub fn snapshot(&self, at_least: i64) -> Snapshot {
        let state = self.read();
        Snapshot { objects: state.objects.clone(), revision: state.revision.max(at_least) }
    }

    /// The newest state, and the cursor right behind it.
    pub fn snapshot_and_cursor(&self, at_least: i64) -> (Snapshot, Cursor) {
        let state = self.read();
        let snapshot =
            Snapshot { objects: state.objects.clone(), revision: state.revision.max(at_least) };
        (snapshot, state.ring.end())
    }

    /// The state at exactly `revision`, by taking newer changes back; `None` if the window does not
    /// reach that far.
    pub fn snapshot_at(&self, revision: i64) -> Option<Snapshot> {
        let state = self.read();
        let mut objects = state.objects.clone();
        for change in state.ring.newer_than(revision)? {
            match &change.previous {
                Some(entry) => objects.insert(change.key.clone(), entry.clone()),
                None => objects.remove(change.key.as_ref()),
            };
        }
        Some(Snapshot { objects, revision })
    }

    /// One object as the cache has it, by its key behind the prefix.
    pub fn get(&self, key: &[u8]) -> Option<Arc<Entry>> {
        self.read().objects.get(key).cloned()
    }

    pub fn len(&self) -> usize {
        self.read().objects.len()
    }

    pub fn cursor_after(&self, revision: i64) -> Result<Cursor, Lagged> {
        self.read().ring.after(revision)
    }

    pub fn changes(
        &self,
        cursor: Cursor,
        limit: usize,
    ) -> Result<(Vec<Arc<Change>>, Cursor), Lagged> {
        self.read().ring.read(cursor, limit)
    }

    /// Wakes whenever a change was applied.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.changed.subscribe()
    }
}
