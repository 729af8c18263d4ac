//! How many proposals are under way and how many failed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Counts of proposals since the start.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    pending: AtomicI64,
    failed: AtomicU64,
}

impl Proposals {
    pub(crate) fn pending(&self) -> i64 {
        self.pending.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

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
