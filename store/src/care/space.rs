//! How much the store takes, and who is told when that changes.
//!
//! What counts is the data, as in etcd, where the log does not: the larger of what the state takes
//! in memory (live keys, and what was superseded since the last compaction) and of its largest copy
//! on disk (the snapshot or the write-behind home). The first grows with each write, so a quota
//! holds to the byte; the second falls behind deletions and compactions until it is written anew,
//! which [`super::reclaim`] sees to.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::sync::{Mutex, Notify};

use crate::alarm::AlarmKind;
use crate::mvcc::State;

/// Written by the state machine, read by admission.
#[derive(Debug, Default)]
pub struct Space {
    in_use: AtomicU64,
    snapshot_bytes: AtomicU64,
    /// The compaction that was last seen.
    compacted: AtomicI64,
    /// Told when there may be something to give back.
    pub(super) changed: Notify,
    /// How often the log's disk stalled.
    pub(super) stalls: AtomicU64,
    /// Held by who raises the alarm, so that a thousand refused writes propose it once.
    pub(super) raising: Mutex<()>,
}

impl Space {
    /// Takes note of a state that is being published.
    pub fn observe(&self, state: &State) {
        self.in_use.store(state.size(), Ordering::Relaxed);
        let compacted = self.compacted.swap(state.compacted, Ordering::Relaxed) != state.compacted;
        let alarms = &state.side.alarms;
        if compacted || (!alarms.is_empty() && alarms.any(AlarmKind::NoSpace)) {
            self.changed.notify_one();
        }
    }

    pub(super) fn note_snapshot(&self, bytes: u64) {
        self.snapshot_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn snapshot_bytes(&self) -> u64 {
        self.snapshot_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn in_use(&self) -> u64 {
        self.in_use.load(Ordering::Relaxed)
    }
}
