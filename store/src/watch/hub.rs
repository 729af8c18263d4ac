//! The hub: who watches what, and the delivery of each revision.
//!
//! Ordering: a revision's state is published before the hub hears of it, and a watcher becomes
//! synced only under the hub's lock, when it has been given everything up to the hub's revision.
//! So each watcher sees each revision once, in order.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::catch_up::CatchUp;
use super::index::{Index, WatcherId};
use super::progress::Progress;
use crate::face::{WATCH_CHANNEL_CAPACITY, Watcher};
use crate::mvcc::{Changes, State};
use crate::types::*;

/// Registrations between two sweeps for watchers whose receiver is gone.
const SWEEP_INTERVAL: usize = 256;

/// Hashes ids, which this module hands out itself: nobody can choose them to collide.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, id: u64) {
        // An odd factor spreads consecutive numbers over all bits.
        self.0 = (self.0 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Delivers the changes of one store.
#[derive(Debug)]
pub struct Hub {
    published: Arc<ArcSwap<State>>,
    inner: Mutex<Inner>,
    me: Weak<Hub>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The last revision handed to synced watchers.
    revision: i64,
    next_id: WatcherId,
    watchers: HashMap<WatcherId, Entry, BuildHasherDefault<IdHasher>>,
    index: Index,
    registrations: usize,
    closed: bool,
    scratch: Vec<WatcherId>,
}

#[derive(Debug)]
struct Entry {
    range: KeyRange,
    sender: mpsc::Sender<WatchItem>,
    /// Revisions below this are not delivered.
    first: i64,
    synced: bool,
    /// A progress item is owed as soon as the watcher has caught up.
    owes_progress: bool,
}

/// Events of one revision as a watch item, cut to `range`. `None` when nothing is in it.
pub(super) fn item(range: &KeyRange, revision: i64, changes: &Changes) -> Option<WatchItem> {
    let inside = |event: &&Event| range.contains(&event.kv.key);
    let matching = changes.events.iter().filter(inside).count();
    let events = match matching {
        0 => return None,
        all if all == changes.events.len() => Arc::clone(&changes.events),
        _ => changes.events.iter().filter(inside).cloned().collect(),
    };
    Some(WatchItem::Events { revision, events })
}

impl Hub {
    pub fn new(published: Arc<ArcSwap<State>>) -> Arc<Self> {
        let revision = published.load().revision;
        let inner = Mutex::new(Inner { revision, ..Inner::default() });
        Arc::new_cyclic(|me| Self { published, inner, me: Weak::clone(me) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code panics while it holds the watch hub")
    }

    pub(super) fn state(&self) -> Arc<State> {
        self.published.load_full()
    }

    /// Registers a watch. It ends when the receiver is dropped.
    pub fn watch(&self, request: WatchRequest) -> Watcher {
        let (sender, items) = mpsc::channel(WATCH_CHANNEL_CAPACITY);
        let mut inner = self.lock();
        inner.sweep_closed();
        let current = self.published.load().revision.max(inner.revision);
        let first = if request.start_revision > 0 { request.start_revision } else { current + 1 };
        let first = first + i64::from(planted!(ResumeOneLate) && first <= current);
        let synced = first > inner.revision;
        let id = inner.next_id;
        inner.next_id += 1;
        if !inner.closed {
            if synced {
                inner.index.insert(&request.range, id);
            } else {
                self.spawn_catch_up(id, request.range.clone(), first, sender.clone());
            }
            let range = request.range;
            let entry = Entry { range, sender, first, synced, owes_progress: false };
            inner.watchers.insert(id, entry);
        }
        let progress = Progress::of_hub(Weak::clone(&self.me), id);
        Watcher::with_progress(current, items, progress)
    }

    fn spawn_catch_up(
        &self,
        id: WatcherId,
        range: KeyRange,
        next: i64,
        sender: mpsc::Sender<WatchItem>,
    ) {
        let hub = Weak::clone(&self.me);
        tokio::spawn(CatchUp { hub, id, range, next, sender }.run());
    }

    /// Hands a published revision to the synced watchers of its keys. Never waits.
    pub fn notify(&self, revision: i64, changes: &Changes) {
        let mut inner = self.lock();
        inner.revision = revision;
        let mut found = std::mem::take(&mut inner.scratch);
        found.clear();
        for event in changes.events.iter() {
            inner.index.find(&event.kv.key, &mut found);
        }
        if changes.events.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        for id in found.drain(..) {
            self.deliver(&mut inner, id, revision, changes);
        }
        inner.scratch = found;
    }

    fn deliver(&self, inner: &mut Inner, id: WatcherId, revision: i64, changes: &Changes) {
        let Some(entry) = inner.watchers.get(&id) else { return };
        if revision < entry.first {
            return;
        }
        let Some(item) = item(&entry.range, revision, changes) else { return };
        match entry.sender.try_send(item) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.fall_behind(inner, id, revision),
            Err(TrySendError::Closed(_)) => inner.remove(id),
        }
    }

    /// Moves a watcher whose channel is full to catching up from `next`.
    fn fall_behind(&self, inner: &mut Inner, id: WatcherId, next: i64) {
        let Some(entry) = inner.watchers.get_mut(&id) else { return };
        entry.synced = false;
        self.spawn_catch_up(id, entry.range.clone(), next, entry.sender.clone());
        inner.index.remove(&entry.range, id);
    }

    pub(super) fn request_progress(&self, id: WatcherId) {
        let mut inner = self.lock();
        let revision = inner.revision;
        let published = self.published.load().revision;
        let Some(entry) = inner.watchers.get_mut(&id) else { return };
        if !entry.synced {
            entry.owes_progress = true;
            return;
        }
        if entry.first > published.max(revision) + 1 {
            return; // The start is in the future.
        }
        if entry.first > revision + 1 {
            // It starts at a revision that is published and of which the hub is yet to hear.
            entry.owes_progress = true;
            let first = entry.first;
            return self.fall_behind(&mut inner, id, first);
        }
        match entry.sender.try_send(WatchItem::Progress { revision }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                entry.owes_progress = true;
                self.fall_behind(&mut inner, id, revision + 1);
            }
            Err(TrySendError::Closed(_)) => inner.remove(id),
        }
    }

    /// Makes a watcher synced that has been given everything before `next`. Answers whether it is
    /// done: if not, there is more to catch up on, or a progress item to send (the revision in
    /// the error).
    pub(super) fn try_attach(&self, id: WatcherId, next: i64) -> Attach {
        let mut inner = self.lock();
        let revision = inner.revision;
        let Some(entry) = inner.watchers.get_mut(&id) else { return Attach::Done };
        if next <= revision {
            return Attach::Behind;
        }
        if std::mem::take(&mut entry.owes_progress) {
            return Attach::Progress(next - 1);
        }
        entry.synced = true;
        entry.first = next;
        let range = entry.range.clone();
        inner.index.insert(&range, id);
        Attach::Done
    }

    /// How many watchers there are, and how many of them are catching up.
    pub fn watchers(&self) -> (usize, usize) {
        let inner = self.lock();
        let slow = inner.watchers.values().filter(|entry| !entry.synced).count();
        (inner.watchers.len(), slow)
    }

    /// Forgets a watcher.
    pub(super) fn end(&self, id: WatcherId) {
        self.lock().remove(id);
    }

    /// Ends every watch: their channels close once drained.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.watchers.clear();
        inner.index = Index::default();
    }

    /// Restarts delivery after the whole state was replaced by a snapshot: every watcher catches
    /// up from history.
    pub fn reset(&self, revision: i64) {
        let mut inner = self.lock();
        let previous = std::mem::replace(&mut inner.revision, revision);
        let synced: Vec<WatcherId> =
            inner.watchers.iter().filter(|(_, entry)| entry.synced).map(|(id, _)| *id).collect();
        for id in synced {
            let first = inner.watchers.get(&id).map_or(0, |entry| entry.first);
            self.fall_behind(&mut inner, id, first.max(previous + 1));
        }
    }
}

/// What [`Hub::try_attach`] found.
pub(super) enum Attach {
    Done,
    Behind,
    Progress(i64),
}

impl Inner {
    fn remove(&mut self, id: WatcherId) {
        if let Some(entry) = self.watchers.remove(&id)
            && entry.synced
        {
            self.index.remove(&entry.range, id);
        }
    }

    /// Now and then forgets watchers whose receiver is gone and whose keys never change.
    fn sweep_closed(&mut self) {
        self.registrations += 1;
        if self.registrations < SWEEP_INTERVAL.max(self.watchers.len()) {
            return;
        }
        self.registrations = 0;
        let gone = |entry: &Entry| entry.sender.is_closed();
        let ids: Vec<WatcherId> =
            self.watchers.iter().filter(|(_, entry)| gone(entry)).map(|(id, _)| *id).collect();
        for id in ids {
            self.remove(id);
        }
    }
}
