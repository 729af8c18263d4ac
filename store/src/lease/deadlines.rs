//! When each lease runs out. Synchronous: the caller brings the time.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::clock::Instant;

/// Deadlines of leases by id and in order.
#[derive(Debug, Default)]
pub struct Deadlines {
    by_id: HashMap<i64, Instant>,
    ordered: BTreeSet<(Instant, i64)>,
}

impl Deadlines {
    /// Starts or renews a lease.
    pub fn set(&mut self, id: i64, ttl: i64, now: Instant) {
        self.remove(id);
        let ttl = Duration::from_secs(u64::try_from(ttl).unwrap_or(0));
        let deadline = now.saturating_add(ttl);
        self.by_id.insert(id, deadline);
        self.ordered.insert((deadline, id));
    }

    pub fn remove(&mut self, id: i64) {
        if let Some(deadline) = self.by_id.remove(&id) {
            self.ordered.remove(&(deadline, id));
        }
    }

    /// Whole seconds left, rounded down as in etcd; `None` for a lease not kept here.
    pub fn remaining(&self, id: i64, now: Instant) -> Option<i64> {
        i64::try_from(self.by_id.get(&id)?.saturating_since(now).as_secs()).ok()
    }

    /// The next deadline, whether passed or not.
    pub fn next(&self) -> Option<Instant> {
        self.ordered.first().map(|(deadline, _)| *deadline)
    }

    /// Up to `limit` leases whose deadline has passed, oldest first.
    pub fn expired(&self, now: Instant, limit: usize) -> Vec<i64> {
        let passed = self.ordered.iter().take_while(|(deadline, _)| *deadline <= now);
        passed.take(limit).map(|(_, id)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn leases_expire_in_order_and_renewal_moves_them() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, 10, at(0));
        deadlines.set(2, 5, at(0));
        deadlines.set(3, 7, at(0));
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.expired(at(4), 10), [0i64; 0]);
        assert_eq!(deadlines.expired(at(10), 10), [2, 3, 1]);
        assert_eq!(deadlines.expired(at(10), 1), [2]);
        deadlines.set(2, 5, at(6));
        assert_eq!(deadlines.expired(at(10), 10), [3, 1]);
        deadlines.remove(3);
        assert_eq!(deadlines.expired(at(11), 10), [1, 2]);
        assert_eq!(deadlines.remaining(2, at(6)), Some(5));
        assert_eq!(deadlines.remaining(2, at(20)), Some(0));
        assert_eq!(deadlines.remaining(3, at(6)), None);
    }

    #[test]
    fn the_longest_ttl_does_not_overflow() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, i64::MAX, at(1));
        assert_eq!(deadlines.expired(at(1_000_000), 10), [0i64; 0]);
    }
}
