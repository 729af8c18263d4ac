//! Takes a state apart into values written once each, and puts it together again.
//!
//! Snapshots and the write-behind home store a state as its *base* (every key as it was at the
//! compact revision) followed by the changes since. Replaying those gives back live keys,
//! tombstones, history and each change's previous value, exactly as applying the commands did.

use std::sync::{Arc, LazyLock};

use super::state::{Change, Changes, Lease, Side, State, value_before};
use crate::types::*;

impl State {
    /// The revision whose key space is the base: all changes after it are in history.
    fn base_revision(&self) -> i64 {
        self.compacted.max(1)
    }

    /// Every key as it was at the compact revision.
    pub fn base(&self) -> impl Iterator<Item = KeyValue> {
        // At revision 1 there is nothing, however much there is to look at.
        let base = self.base_revision();
        (base > 1).then(|| self.at(&EVERYTHING, base)).into_iter().flatten()
    }
}

/// The range of all keys, which outlives any state.
static EVERYTHING: LazyLock<KeyRange> = LazyLock::new(|| KeyRange::prefix(""));

/// Builds a state from its parts: leases and base first, then the changes, oldest first.
#[derive(Debug, Default)]
pub struct Rebuild {
    state: State,
}

impl Rebuild {
    pub fn new(revision: i64, compacted: i64, side: Side) -> Self {
        let side = Arc::new(side);
        Self { state: State { revision, compacted, side, ..State::default() } }
    }

    /// A lease of which `remaining_ttl` seconds were left at its last checkpoint.
    pub fn lease_with_remaining(&mut self, id: i64, ttl: i64, remaining_ttl: i64) {
        let lease = Lease { ttl, remaining_ttl, ..Lease::default() };
        self.state.leases.insert(id, Arc::new(lease));
    }

    /// A key as it was at the compact revision. A later call for the same key counts.
    pub fn base(&mut self, kv: KeyValue) {
        self.state.replace_live(Arc::new(kv));
    }

    /// A key that was gone at the compact revision, whatever was said of it before.
    pub fn base_without(&mut self, key: &[u8]) {
        self.state.remove_live(key);
    }

    /// The changes of one revision, in their order. A put carries the whole new value, a delete the
    /// key and revision.
    pub fn changes(&mut self, revision: i64, events: Vec<(EventType, KeyValue)>) {
        let in_base = revision <= self.state.compacted;
        let mut changes = Vec::with_capacity(events.len());
        for (event_type, kv) in events {
            let kv = Arc::new(kv);
            let change = match in_base {
                true => {
                    let event = Event { event_type, kv, prev_kv: None };
                    Change { event, previous_revision: 0 }
                }
                false => self.replay(revision, event_type, kv, &changes),
            };
            changes.push(change);
        }
        self.state.remember(revision, Arc::new(Changes::new(changes)));
    }

    fn replay(
        &mut self,
        revision: i64,
        event_type: EventType,
        kv: Arc<KeyValue>,
        changes: &[Change],
    ) -> Change {
        let state = &mut self.state;
        let previous = state.get(&kv.key).cloned();
        let tombstone = state.dead.remove(&kv.key);
        match event_type {
            EventType::Put => state.replace_live(Arc::clone(&kv)),
            EventType::Delete => {
                state.remove_live(&kv.key);
                state.dead.insert(kv.key.clone(), revision);
            }
        }
        let previous_revision = match &previous {
            Some(kv) => kv.mod_revision,
            None => tombstone.unwrap_or(0),
        };
        let prev_kv = value_before(revision, previous, changes);
        Change { event: Event { event_type, kv, prev_kv }, previous_revision }
    }

    /// The finished state. Keys are attached to their leases here.
    pub fn finish(mut self) -> State {
        let attached: Vec<_> = self
            .state
            .live
            .values()
            .filter(|kv| kv.lease != 0)
            .map(|kv| (kv.key.clone(), kv.lease))
            .collect();
        for (key, lease) in attached {
            self.state.attach(&key, lease);
        }
        self.state
    }
}
