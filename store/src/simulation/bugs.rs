//! Deliberate bugs. A simulation that does not find each of them proves nothing.

use std::cell::Cell;

/// What may be made wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The log says that records are durable before it has written them.
    AcknowledgeBeforeSync,
    /// A leader that starts leads on in the term in which it stopped.
    LeaderRestored,
    /// What an earlier process wrote and did not sync is taken for durable.
    CacheBelieved,
    /// Segments of the log are removed without seeing to it that each is gone before the next.
    SegmentsRemovedTogether,
    /// A vote is given without being written down.
    VoteNotWritten,
    /// The log is purged up to a snapshot that is not synced.
    SnapshotNotSynced,
    /// A snapshot's name is not synced before the log is purged.
    SnapshotNameNotSynced,
    /// A record of the log is believed without a look at its checksum.
    TornRecordBelieved,
    /// Two entries of one batch change places in the state machine.
    ApplyOutOfOrder,
    /// A watcher that catches up while the store is compacted misses events.
    EventsLostToCompaction,
    /// A watcher that resumes begins one revision late.
    ResumeOneLate,
    /// A leader answers reads without asking anyone whether it still leads.
    StaleLeaderRead,
    /// A follower answers a linearizable read from what it has applied.
    StaleFollowerRead,
    /// A member does not wait until it has applied what the leader had committed.
    ReadIndexNotAwaited,
    /// Members that do not lead revoke leases by their own clock.
    FollowerExpiresLeases,
    /// A forwarded proposal of unknown outcome is proposed again.
    ProposedTwice,
    /// A snapshot that is installed does not carry the leases.
    SnapshotWithoutLeases,
    /// A compaction frees values that are still in force.
    CompactionTooEager,
    /// What applying a put does depends on the member's own chance.
    ApplyByChance,
}

impl Bug {
    pub const ALL: [Self; 19] = [
        Self::AcknowledgeBeforeSync,
        Self::LeaderRestored,
        Self::CacheBelieved,
        Self::SegmentsRemovedTogether,
        Self::VoteNotWritten,
        Self::SnapshotNotSynced,
        Self::SnapshotNameNotSynced,
        Self::TornRecordBelieved,
        Self::ApplyOutOfOrder,
        Self::EventsLostToCompaction,
        Self::ResumeOneLate,
        Self::StaleLeaderRead,
        Self::StaleFollowerRead,
        Self::ReadIndexNotAwaited,
        Self::FollowerExpiresLeases,
        Self::ProposedTwice,
        Self::SnapshotWithoutLeases,
        Self::CompactionTooEager,
        Self::ApplyByChance,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// From now on every member of this thread has the bug.
pub fn plant(bug: Bug) {
    PLANTED.set(Some(bug));
}

pub(crate) fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
