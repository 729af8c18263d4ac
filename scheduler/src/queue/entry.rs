//! A pod in the queue.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::PodInfo;
use crate::framework::Events;

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// A pod taken out to be scheduled.
#[derive(Clone, Debug)]
pub struct Popped {
    pub pod: Arc<PodInfo>,
    /// This one counted.
    pub attempts: u32,
}

/// Where a pod waits; the keys find it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Active { rank: i64 },
    Backoff { until: Instant },
    Unschedulable { since: Instant },
    Gated,
    InFlight,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub pod: Arc<PodInfo>,
    pub attempts: u32,
    pub place: Place,
    /// Orders pods of one rank, time or list.
    pub ticket: u64,
    /// When the last attempt ended; the backoff counts from there.
    pub failed_at: Instant,
    /// What may help, after an attempt that found no node.
    pub waits_for: Events,
    /// The last attempt failed for another reason than the lack of a node.
    pub errored: bool,
}

impl Entry {
    /// When the pod may be tried again: 1 s after the first failure, doubled by each, at most 10 s.
    pub fn backoff_until(&self) -> Instant {
        let doublings = self.attempts.saturating_sub(1).min(8);
        self.failed_at + (FIRST_BACKOFF * 2_u32.pow(doublings)).min(MAX_BACKOFF)
    }
}
