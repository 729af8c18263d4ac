//! How much the store takes, and who is told when that changes.
//!
//! What counts is the data, as in etcd, where the log does not: the larger of what the state takes
//! (live keys, and what was superseded since the last compaction) and of what its snapshot takes on
//! disk. The first grows with each write, so a quota holds to the byte; the second falls behind
//! deletions and compactions until it is written anew, which [`super::reclaim`] sees to. The
//! write-behind home does not count: it is disposable, and disposed of when it is mostly holes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use super::settings::Settings;
use crate::alarm::AlarmKind;
use crate::mvcc::State;

/// Written by the state machine, read by admission.
#[derive(Debug, Default)]
pub struct Space {
    /// Set once, before anything is asked of the member.
    settings: OnceLock<Settings>,
    in_use: AtomicU64,
    snapshot_bytes: AtomicU64,
    /// The compaction that was last seen.
    compacted: AtomicI64,
    /// Told when there may be something to give back.
    pub(super) changed: Notify,
    /// Whether the quota was ever used up, as far as this process knows.
    was_full: AtomicBool,
    /// How often the log's disk stalled.
    stalls: AtomicU64,
    /// Held by who raises the alarm, so that a thousand refused writes propose it once.
    pub(super) raising: Mutex<()>,
}

impl Space {
    pub(super) fn configure(&self, settings: &Settings) {
        // A member is started once.
        let _ = self.settings.set(settings.clone());
    }

    /// Entries after which a snapshot is due, where an operator has set that.
    pub fn snapshot_count(&self) -> Option<u64> {
        let settings = self.settings.get()?;
        (settings.snapshot_count > 0).then_some(settings.snapshot_count)
    }

    /// Logs what took long to apply, as etcd does.
    pub fn note_apply(&self, took: Duration, index: u64, what: &'static str) {
        let Some(settings) = self.settings.get() else { return };
        if took > settings.warning_apply_duration {
            let expected = settings.warning_apply_duration;
            tracing::warn!(?took, ?expected, index, what, "apply request took too long");
        }
    }

    /// Takes note of a state that is being published.
    pub fn observe(&self, state: &State) {
        self.in_use.store(state.size(), Ordering::Relaxed);
        let compacted = self.compacted.swap(state.compacted, Ordering::Relaxed) != state.compacted;
        let alarms = &state.side.alarms;
        if compacted || (!alarms.is_empty() && alarms.any(AlarmKind::NoSpace)) {
            self.changed.notify_one();
        }
    }

    pub(super) fn note_full(&self) {
        self.was_full.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_full(&self) -> bool {
        self.was_full.load(Ordering::Relaxed)
    }

    pub(super) fn note_snapshot(&self, bytes: u64) {
        self.snapshot_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn snapshot_bytes(&self) -> u64 {
        self.snapshot_bytes.load(Ordering::Relaxed)
    }

    /// How often the log's disk stalled.
    pub fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    pub(super) fn note_stall(&self) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn in_use(&self) -> u64 {
        self.in_use.load(Ordering::Relaxed)
    }
}
