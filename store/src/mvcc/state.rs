//! One version of the whole key space, and lookups in it.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::alarm::Alarms;
use crate::auth::Auth;
use crate::error::Error;
use crate::types::*;

/// Above this many changes in one revision, lookups by key go through a sorted index.
const LINEAR_SEARCH_LIMIT: usize = 16;

/// The bytes a live key costs beyond its key and value, for [`State::size`].
const KEY_OVERHEAD: u64 = 160;

/// The bytes a revision in history costs beyond the values it replaced, for [`State::size`].
const REVISION_OVERHEAD: u64 = 160;

/// A granted lease and the keys attached to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Seconds granted.
    pub ttl: i64,
    /// Seconds left at the last checkpoint; 0: all of them.
    pub remaining_ttl: i64,
    pub keys: OrdSet<Bytes>,
}

/// One change, with the revision of the change of the same key before it.
#[derive(Clone, Debug)]
pub struct Change {
    pub event: Event,
    /// 0 if nothing is known before it: the key is new, or compaction forgot.
    pub previous_revision: i64,
}

/// What stood before `revision` and before this change of a key, which found `current`: that, unless
/// the key changed in this revision before.
pub(super) fn value_before(
    revision: i64,
    current: Option<Arc<KeyValue>>,
    changes: &[Change],
) -> Option<Arc<KeyValue>> {
    let current = current?;
    if current.mod_revision < revision {
        return Some(current);
    }
    let first = changes.iter().find(|change| change.event.kv.key == current.key)?;
    first.event.prev_kv.clone()
}

/// All changes of one revision. Few transactions change a key more than once; its first change then
/// leads back to what stood before.
///
/// There is one of these for every revision since the last compaction, nearly always of one change,
/// so that case is kept small: values are shared with the live keys, and nothing else is allocated.
#[derive(Debug)]
pub struct Changes {
    pub events: Arc<[Event]>,
    /// Of the first change.
    previous: i64,
    rest: Option<Box<Rest>>,
}

/// What more than one change need.
#[derive(Debug)]
struct Rest {
    /// Of every change, the first included.
    previous: Box<[i64]>,
    /// Positions in `events` sorted by key; empty when a linear search is as good.
    by_key: Box<[u32]>,
}

impl Rest {
    fn new(changes: &[Change]) -> Self {
        let previous = changes.iter().map(|change| change.previous_revision).collect();
        let mut by_key = Vec::new();
        if changes.len() > LINEAR_SEARCH_LIMIT {
            by_key.extend(0..changes.len() as u32);
            let key = |at: &u32| &changes[*at as usize].event.kv.key;
            // Stable: the first of a key's changes stays first.
            by_key.sort_by(|a, b| key(a).cmp(key(b)));
        }
        Self { previous, by_key: by_key.into() }
    }
}

impl Changes {
    pub fn new(changes: Vec<Change>) -> Self {
        let previous = changes.first().map_or(0, |change| change.previous_revision);
        let rest = (changes.len() > 1).then(|| Box::new(Rest::new(&changes)));
        let events = changes.into_iter().map(|change| change.event).collect();
        Self { events, previous, rest }
    }

    /// The first change of `key`, and the revision of the one before it.
    pub fn of(&self, key: &[u8]) -> Option<(&Event, i64)> {
        let Some(rest) = &self.rest else {
            let event = self.events.first().filter(|event| event.kv.key == key)?;
            return Some((event, self.previous));
        };
        let position = if rest.by_key.is_empty() {
            self.events.iter().position(|event| event.kv.key == key)?
        } else {
            let key_at = |at: &u32| self.events[*at as usize].kv.key.as_ref();
            let found = rest.by_key.partition_point(|at| key_at(at) < key);
            let at = rest.by_key.get(found).filter(|at| key_at(at) == key)?;
            *at as usize
        };
        Some((&self.events[position], rest.previous[position]))
    }

    /// Bytes of the keys and values that these changes replaced, which nothing else keeps.
    pub(super) fn superseded_bytes(&self) -> u64 {
        let replaced = self.events.iter().filter_map(|event| event.prev_kv.as_ref());
        replaced.map(|kv| (kv.key.len() + kv.value.len()) as u64).sum()
    }

    /// The same changes without the values they replaced, as a watch from the compact revision
    /// shows them.
    pub fn without_previous(&self) -> Self {
        let strip = |event: &Event| Change {
            event: Event { prev_kv: None, ..event.clone() },
            previous_revision: 0,
        };
        Self::new(self.events.iter().map(strip).collect())
    }
}

/// One version of the key space. Cloning is cheap and shares everything.
#[derive(Clone, Debug)]
pub struct State {
    /// Revision of the last change; 1 in an empty store.
    pub revision: i64,
    /// Reads below this revision are refused; -1 before the first compaction.
    pub compacted: i64,
    pub(super) live: OrdMap<Bytes, Arc<KeyValue>>,
    pub(super) dead: OrdMap<Bytes, i64>,
    pub(super) history: OrdMap<i64, Arc<Changes>>,
    pub(super) leases: OrdMap<i64, Arc<Lease>>,
    /// Bytes of live keys and values.
    pub(super) live_bytes: u64,
    /// Bytes of keys and values that history alone keeps.
    pub(super) superseded_bytes: u64,
    /// What is replicated beside the keys. Changes of it consume no revision.
    pub side: Arc<Side>,
}

/// The replicated facts that are no keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    pub alarms: Alarms,
    pub auth: Auth,
    /// The version that a downgrade under way aims at.
    #[serde(default)]
    pub downgrade: Option<Box<str>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            revision: 1,
            compacted: -1,
            live: OrdMap::new(),
            dead: OrdMap::new(),
            history: OrdMap::new(),
            leases: OrdMap::new(),
            live_bytes: 0,
            superseded_bytes: 0,
            side: Arc::default(),
        }
    }
}

/// Where to go on looking for a key at `revision`, which has `kv` later: at its latest change, or,
/// when all of this generation is later, at its creation.
fn back_to(kv: &KeyValue, revision: i64) -> i64 {
    if kv.create_revision > revision { kv.create_revision } else { kv.mod_revision }
}

/// Bounds of an ordered map's range.
type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// `range` as bounds for the ordered maps, `None` when it is empty.
pub(super) fn bounds(range: &KeyRange) -> Option<Bounds<'_>> {
    let key: &[u8] = &range.key;
    if range.end.is_empty() {
        return Some((Bound::Included(key), Bound::Included(key)));
    }
    if range.end.as_ref() == b"\0" {
        return Some((Bound::Included(key), Bound::Unbounded));
    }
    (key < range.end.as_ref()).then_some((Bound::Included(key), Bound::Excluded(&range.end)))
}

impl State {
    /// Refuses a revision that compaction forgot or that is not there yet. 0 or less is "latest".
    pub fn check_revision(&self, revision: i64) -> Result<(), Error> {
        if revision > self.revision {
            return Err(Error::FutureRevision { current_revision: self.revision });
        }
        if revision > 0 && revision < self.compacted {
            return Err(Error::Compacted { compact_revision: self.compacted });
        }
        Ok(())
    }

    /// The latest value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&Arc<KeyValue>> {
        self.live.get(key)
    }

    /// Live keys of `range` in key order.
    pub fn live(&self, range: &KeyRange) -> impl Iterator<Item = &Arc<KeyValue>> {
        bounds(range)
            .into_iter()
            .flat_map(|bounds| self.live.range::<_, [u8]>(bounds))
            .map(|(_, kv)| kv)
    }

    /// The keys of `range` as they were at `revision`, in key order. The caller has checked the
    /// revision.
    pub fn at(&self, range: &KeyRange, revision: i64) -> impl Iterator<Item = KeyValue> {
        let mut live = self.live(range).peekable();
        let mut dead = bounds(range)
            .into_iter()
            .flat_map(|bounds| self.dead.range::<_, [u8]>(bounds))
            .peekable();
        std::iter::from_fn(move || {
            loop {
                let take_live = match (live.peek(), dead.peek()) {
                    (None, None) => return None,
                    (Some(_), None) => true,
                    (None, Some(_)) => false,
                    (Some(kv), Some((key, _))) => kv.key < *key,
                };
                let found = if take_live {
                    let kv = live.next()?;
                    if kv.mod_revision <= revision {
                        return Some(KeyValue::clone(kv));
                    }
                    self.walk_back(&kv.key, back_to(kv, revision), revision)
                } else {
                    let (key, tombstone) = dead.next()?;
                    (*tombstone > revision)
                        .then(|| self.walk_back(key, *tombstone, revision))
                        .flatten()
                };
                if found.is_some() {
                    return found;
                }
            }
        })
    }

    /// The value of `key` at `revision`, given that its change at `changed` is newer.
    fn walk_back(&self, key: &[u8], mut changed: i64, revision: i64) -> Option<KeyValue> {
        loop {
            let (event, previous) = self.history.get(&changed)?.of(key)?;
            if previous <= revision {
                return event.prev_kv.as_deref().cloned();
            }
            changed = event.prev_kv.as_ref().map_or(previous, |kv| back_to(kv, revision));
        }
    }

    /// Revisions from `first` on with their changes, oldest first.
    pub fn changes_from(&self, first: i64) -> impl Iterator<Item = (i64, &Arc<Changes>)> {
        self.history.range(first..).map(|(revision, changes)| (*revision, changes))
    }

    pub fn lease(&self, id: i64) -> Option<&Arc<Lease>> {
        self.leases.get(&id)
    }

    pub fn leases(&self) -> impl Iterator<Item = (i64, &Arc<Lease>)> {
        self.leases.iter().map(|(id, lease)| (*id, lease))
    }

    /// Number of what a snapshot holds: live keys, and revisions since the last compaction.
    pub fn entry_count(&self) -> usize {
        self.live.len() + self.history.len()
    }

    /// Number of live keys.
    pub fn key_count(&self) -> usize {
        self.live.len()
    }

    /// Roughly the bytes that everything takes: live keys, and what compaction has not freed yet.
    pub fn size(&self) -> u64 {
        let overheads =
            self.live.len() as u64 * KEY_OVERHEAD + self.history.len() as u64 * REVISION_OVERHEAD;
        self.live_bytes + self.superseded_bytes + overheads
    }
}
