//! Decides what to write. No engine, no clock.

use std::collections::BTreeMap;
use std::io;

use super::engine::{Entry, Op};
use super::layout::*;
use super::mailbox::View;
use crate::mvcc::{Identity, State};
use crate::snapshot::Meta;
use crate::snapshot::format::Item;
use crate::types::*;

/// What the home holds, as the thread remembers it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) revision: i64,
    pub(super) folded: i64,
    /// Leases by id: TTL, and what was left at the last checkpoint.
    pub(super) leases: BTreeMap<i64, LeaseTimes>,
}

/// Revisions and bytes of changes in one batch, about: what a batch may take of memory.
const BATCH_REVISIONS: usize = 4096;
const BATCH_BYTES: usize = 1 << 20;

/// Brings the home from `written` towards `view` by one batch, and `written` along.
///
/// The last batch, after which `written` is at the view's revision, says so in the home too. Until
/// then the home claims no more than it did before, and who reads it ignores what is later.
/// `None` when compaction has overtaken the home, which must then be written anew.
pub(super) fn advance(identity: Identity, written: &mut Written, view: &View) -> Option<Vec<Op>> {
    let state = &view.state;
    if written.revision < state.compacted || state.revision < written.revision {
        return None;
    }
    let mut batch = Vec::new();
    let mut bytes = 0;
    for (revision, changes) in state.changes_from(written.revision + 1) {
        if batch.len() >= BATCH_REVISIONS || bytes >= BATCH_BYTES {
            written.revision = revision - 1;
            return Some(batch);
        }
        let value = changes_value(revision, changes);
        bytes += value.len();
        batch.push(Op::Put(changes_key(revision), value));
    }
    put_leases(&mut batch, &mut written.leases, state);
    written.revision = state.revision;
    batch.push(put_reach(identity, view, written.folded));
    Some(batch)
}

/// Everything of `view`, for an empty home, in batches that `write` takes. Only the last says what
/// the home holds: without it there is nothing in it for anyone.
pub(super) fn everything(
    identity: Identity,
    view: &View,
    mut write: impl FnMut(Vec<Op>) -> io::Result<()>,
) -> io::Result<Written> {
    let state = &view.state;
    let base = state.base().map(|kv| (base_key(&kv.key), base_value(&kv)));
    let changes = state
        .changes_from(state.compacted.max(0))
        .map(|(revision, changes)| (changes_key(revision), changes_value(revision, changes)));
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for (key, value) in base.chain(changes) {
        bytes += key.len() + value.len();
        batch.push(Op::Put(key, value));
        if batch.len() >= BATCH_REVISIONS || bytes >= BATCH_BYTES {
            write(std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    let mut leases = BTreeMap::new();
    put_leases(&mut batch, &mut leases, state);
    batch.push(put_reach(identity, view, state.compacted));
    write(batch)?;
    Ok(Written { revision: state.revision, folded: state.compacted, leases })
}

/// Folds the oldest `changes` of the home into its base. `upto` is the compact revision, whose own
/// changes stay.
pub(super) fn fold(
    identity: Identity,
    written: &mut Written,
    view: &View,
    changes: &[Entry],
    upto: i64,
) -> Option<Vec<Op>> {
    let mut base: BTreeMap<Vec<u8>, Op> = BTreeMap::new();
    let mut batch = Vec::new();
    for (key, value) in changes {
        let Some(Item::Changes { revision, events }) = read_item(value) else { return None };
        for (event_type, kv) in events.iter().filter(|_| revision > written.folded) {
            let key = base_key(&kv.key);
            let op = match event_type {
                EventType::Put => Op::Put(key.clone(), base_value(kv)),
                EventType::Delete => Op::Remove(key.clone()),
            };
            base.insert(key, op);
        }
        if revision < upto {
            batch.push(Op::Remove(key.clone()));
        }
        written.folded = written.folded.max(revision);
    }
    batch.extend(base.into_values());
    batch.push(put_reach(identity, view, written.folded));
    Some(batch)
}

fn put_reach(identity: Identity, view: &View, folded: i64) -> Op {
    let meta = Meta::new(identity, &view.meta(), &view.state);
    Op::Put(META.to_vec(), Reach { format: FORMAT, meta, folded }.encode())
}

fn put_leases(batch: &mut Vec<Op>, written: &mut BTreeMap<i64, LeaseTimes>, state: &State) {
    written.retain(|id, _| {
        let stays = state.lease(*id).is_some();
        if !stays {
            batch.push(Op::Remove(lease_key(*id)));
        }
        stays
    });
    for (id, lease) in state.leases() {
        let times = LeaseTimes { ttl: lease.ttl, remaining_ttl: lease.remaining_ttl };
        if written.insert(id, times) != Some(times) {
            batch.push(Op::Put(lease_key(id), times.encode()));
        }
    }
}
