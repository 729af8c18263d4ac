//! Forgetting history.
//!
//! A compaction takes effect at once: older revisions are refused from then on. The memory is freed
//! a bounded piece at a time with the writes that follow, so that no write waits for it.

use std::sync::Arc;

use super::state::State;
use crate::error::Error;
use crate::types::*;

impl State {
    /// Makes `revision` the oldest readable one. As in etcd, it may not be older than or equal to
    /// the last compaction, nor in the future.
    pub(super) fn compact(&mut self, revision: i64) -> Result<(), Error> {
        if revision <= self.compacted {
            return Err(Error::Compacted { compact_revision: self.compacted });
        }
        if revision > self.revision {
            return Err(Error::FutureRevision { current_revision: self.revision });
        }
        self.compacted = revision;
        // A watch from the compact revision sees its changes, but no longer what they replaced.
        if let Some(changes) = self.history.get_mut(&revision) {
            self.superseded_bytes -= changes.superseded_bytes();
            *changes = Arc::new(changes.without_previous());
        }
        self.forget_tombstones(revision);
        Ok(())
    }

    /// Brings a state that was read back to the compaction it had.
    pub fn compact_loaded(&mut self, revision: i64) {
        if revision > self.compacted && revision <= self.revision {
            self.compact(revision).expect("the revision was just checked");
        }
    }

    /// Frees up to `limit` revisions below the compacted one.
    pub(super) fn sweep(&mut self, limit: usize) {
        for _ in 0..limit {
            match self.history.get_min() {
                Some((oldest, _))
                    if *oldest < self.compacted + 2 * i64::from(planted!(CompactionTooEager)) =>
                {
                    let oldest = *oldest;
                    self.forget_tombstones(oldest);
                    if let Some(changes) = self.history.remove(&oldest) {
                        self.superseded_bytes -= changes.superseded_bytes();
                    }
                }
                _ => return,
            }
        }
    }

    /// Whether no compacted revision waits to be freed any more.
    pub fn is_swept(&self) -> bool {
        self.history.get_min().is_none_or(|(oldest, _)| *oldest >= self.compacted)
    }

    /// Drops the tombstones that were written at `revision` and still stand.
    fn forget_tombstones(&mut self, revision: i64) {
        let Some(changes) = self.history.get(&revision) else { return };
        for event in changes.events.iter() {
            if event.event_type == EventType::Delete
                && self.dead.get(&event.kv.key) == Some(&revision)
            {
                self.dead.remove(&event.kv.key);
            }
        }
    }
}
