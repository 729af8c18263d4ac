//! Care of the embedded member: fingerprints, giving disk back, and what there is to measure.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;

use crate::embedded::Embedded;
use crate::error::Error;
use crate::types::Header;
use crate::wal::SyncTimes;

/// A snapshot that was being taken when defragmentation began may be too old; then another is
/// asked for, so many times at most.
const SNAPSHOT_ATTEMPTS: usize = 10;
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(6);

/// The fingerprint of the key space at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvHash {
    pub header: Header,
    pub hash: u32,
    /// The revision that was hashed.
    pub revision: i64,
    /// The compaction at that moment, -1 before the first: equal contents hash alike only where
    /// this is equal too.
    pub compact_revision: i64,
}

/// Counts of proposals since the start.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    pending: AtomicI64,
    failed: AtomicU64,
}

impl Proposals {
    /// One more is under way until the guard is dropped; it counts as failed unless it is answered.
    pub(crate) fn begin(&self) -> Pending<'_> {
        self.pending.fetch_add(1, Ordering::Relaxed);
        Pending { proposals: self, answered: false }
    }
}

/// A proposal under way.
pub(crate) struct Pending<'a> {
    proposals: &'a Proposals,
    answered: bool,
}

impl Pending<'_> {
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.proposals.pending.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.proposals.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

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
    /// `None` for a member in memory.
    pub syncs: Option<SyncTimes>,
}

impl Embedded {
    /// The fingerprint of the key space at `revision`, 0 for the latest. Local, as etcd's is: a
    /// member that lags has fewer revisions to show.
    pub async fn hash_kv(&self, revision: i64) -> Result<KvHash, Error> {
        self.check_running()?;
        let state = self.published.state.load_full();
        state.check_revision(revision)?;
        let revision = if revision > 0 { revision } else { state.revision };
        let header = self.published.header(state.revision);
        let compact_revision = state.compacted;
        let hash = self.compute(move || state.hash(revision)).await?;
        Ok(KvHash { header, hash, revision, compact_revision })
    }

    /// The fingerprint of all that is stored.
    pub async fn hash(&self) -> Result<(Header, u32), Error> {
        self.check_running()?;
        let state = self.published.state.load_full();
        let header = self.published.header(state.revision);
        let hash = self.compute(move || state.hash_everything()).await?;
        Ok((header, hash))
    }

    /// Runs what takes long beside the requests.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::Fatal { reason: error.to_string() })
    }

    /// Gives disk back: takes a snapshot of the present and drops the log before it. Requests go
    /// on meanwhile. Returns when the log is purged.
    pub async fn defragment(&self) -> Result<(), Error> {
        self.check_running()?;
        let target = self.published.applied_index();
        for _ in 0..SNAPSHOT_ATTEMPTS {
            let triggered = self.raft.trigger().snapshot().await;
            triggered.map_err(|fatal| Error::Fatal { reason: fatal.to_string() })?;
            let wait = self.raft.wait(Some(SNAPSHOT_PATIENCE));
            let purged = wait.metrics(
                |metrics| metrics.purged.as_ref().is_some_and(|purged| purged.index >= target),
                "the log is purged",
            );
            if purged.await.is_ok() {
                return Ok(());
            }
            self.check_running()?;
        }
        Err(Error::TimedOut)
    }

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
            proposals_pending: self.proposals.pending.load(Ordering::Relaxed),
            proposals_failed: self.proposals.failed.load(Ordering::Relaxed),
            keys: state.key_count(),
            revision: state.revision,
            compact_revision: state.compacted,
            size_in_use,
            size: self.disk_bytes().unwrap_or(size_in_use),
            syncs: self.sync_times(),
        }
    }
}
