//! What there is to measure of a member.

use openraft::async_runtime::watch::WatchReceiver;

use crate::embedded::Embedded;
use crate::wal::SyncTimes;

/// What there is to measure, at one moment.
#[derive(Debug)]
pub(crate) struct Measures {
    pub has_leader: bool,
    pub is_leader: bool,
    pub committed_index: u64,
    pub applied_index: u64,
    pub proposals_pending: i64,
    pub proposals_failed: u64,
    pub keys: usize,
    pub revision: i64,
    pub compact_revision: i64,
    pub size_in_use: u64,
    pub size: u64,
    /// The quota in force, `None` when it is off.
    pub quota: Option<u64>,
    pub disk_stalls: u64,
    /// `None` for a member in memory.
    pub syncs: Option<SyncTimes>,
}

impl Embedded {
    pub(crate) fn measures(&self) -> Measures {
        let state = self.published.state.load();
        let metrics = self.raft.metrics();
        let (leader, committed) = {
            let metrics = metrics.borrow_watched();
            (
                metrics.current_leader,
                metrics.cluster_committed.as_ref().map_or(0, |log_id| log_id.index),
            )
        };
        let size_in_use = state.size();
        Measures {
            has_leader: leader.is_some(),
            is_leader: leader == Some(self.published.identity.member_id),
            committed_index: committed,
            applied_index: self.published.applied_index(),
            proposals_pending: self.proposals.pending(),
            proposals_failed: self.proposals.failed(),
            keys: state.key_count(),
            revision: state.revision,
            compact_revision: state.compacted,
            size_in_use,
            size: self.used_bytes(),
            quota: self.config.care.quota(),
            disk_stalls: self.published.space.stalls(),
            syncs: self.sync_times(),
        }
    }
}
