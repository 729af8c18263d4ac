//! How many Pods to create, or which to delete.

use std::sync::Arc;

use client::light::Pod;
use jiff::Timestamp;

use super::rank;

/// Creations or deletions in one reconcile. Upstream's bound: a large change proceeds in steps, so
/// that one owner does not hold up the others.
pub const BURST_REPLICAS: usize = 500;

/// The first batch of creations; each batch that succeeds is followed by one twice its size. When
/// creation fails (a quota, say), a few requests fail instead of hundreds.
const FIRST_BATCH: usize = 1;

#[derive(Debug)]
pub enum Plan {
    Nothing,
    Create(usize),
    Delete(Vec<Arc<Pod>>),
}

/// Decides. `active` are the owner's Pods that count; `related` the active Pods of all owners under
/// the same controller (of all ReplicaSets of a Deployment), whose spread over nodes decides which go.
pub fn plan(desired: i32, mut active: Vec<Arc<Pod>>, related: &[Arc<Pod>], now: Timestamp) -> Plan {
    let desired = usize::try_from(desired).unwrap_or(0);
    match active.len().cmp(&desired) {
        std::cmp::Ordering::Equal => Plan::Nothing,
        std::cmp::Ordering::Less => Plan::Create((desired - active.len()).min(BURST_REPLICAS)),
        std::cmp::Ordering::Greater => {
            let excess = (active.len() - desired).min(BURST_REPLICAS);
            if excess < active.len() {
                rank::sort_for_deletion(&mut active, related, now);
                active.truncate(excess);
            }
            Plan::Delete(active)
        }
    }
}

/// Sizes of the batches for `count` creations: 1, 2, 4, …, the rest.
pub fn batches(count: usize) -> impl Iterator<Item = usize> {
    let (mut left, mut next) = (count, FIRST_BATCH);
    std::iter::from_fn(move || {
        let batch = next.min(left);
        left -= batch;
        next *= 2;
        (batch > 0).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::pod;

    fn pods(count: usize) -> Vec<Arc<Pod>> {
        (0..count).map(|index| Arc::new(pod(&format!("p{index}")))).collect()
    }

    fn counted(plan: Plan) -> (usize, usize) {
        match plan {
            Plan::Nothing => (0, 0),
            Plan::Create(count) => (count, 0),
            Plan::Delete(pods) => (0, pods.len()),
        }
    }

    #[test]
    fn creates_what_is_missing_and_deletes_what_is_too_much() {
        let cases = [
            (3, 3, (0, 0)),
            (3, 0, (3, 0)),
            (3, 5, (0, 2)),
            (0, 5, (0, 5)),
            (-1, 2, (0, 2)),
            (2000, 0, (BURST_REPLICAS, 0)),
            (0, 2000, (0, BURST_REPLICAS)),
        ];
        for (desired, existing, expected) in cases {
            let existing = pods(existing);
            let plan = plan(desired, existing.clone(), &existing, Timestamp::UNIX_EPOCH);
            assert_eq!(counted(plan), expected, "{desired} desired, {} there", existing.len());
        }
    }

    #[test]
    fn batches_double_and_add_up() {
        assert_eq!(batches(0).count(), 0);
        assert_eq!(batches(1).collect::<Vec<_>>(), [1]);
        assert_eq!(batches(10).collect::<Vec<_>>(), [1, 2, 4, 3]);
    }
}
