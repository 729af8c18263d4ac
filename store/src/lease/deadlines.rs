//! When each lease runs out, and when it is to be checkpointed. Synchronous: the caller brings the
//! time.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::spread::spread;
use crate::clock::Instant;
use crate::command::LeaseCheckpoint;

/// How long a revoke is given before it is proposed again.
const REVOKE_RETRY: Duration = Duration::from_secs(3);

/// Deadlines of leases by id and in order.
#[derive(Debug, Default)]
pub struct Deadlines {
    by_id: HashMap<i64, Times>,
    /// When to look at a lease: its deadline, or when its revoke is tried again.
    ordered: BTreeSet<(Instant, i64)>,
    checkpoints: BTreeSet<(Instant, i64)>,
    /// `None` takes no checkpoints.
    checkpoint_interval: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    ttl: i64,
    deadline: Instant,
    look: Instant,
    checkpoint: Option<Instant>,
}

fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}

impl Deadlines {
    pub fn new(checkpoint_interval: Option<Duration>) -> Self {
        Self { checkpoint_interval, ..Self::default() }
    }

    /// Starts a lease, or renews it with a TTL that may be another.
    pub fn set(&mut self, id: i64, ttl: i64, now: Instant) {
        self.start(id, ttl, seconds(ttl), now);
    }

    fn start(&mut self, id: i64, ttl: i64, remaining: Duration, now: Instant) {
        let checkpoint = self.take(id).and_then(|times| times.checkpoint);
        let deadline = now.saturating_add(remaining);
        let times = Times { ttl, deadline, look: deadline, checkpoint };
        self.ordered.insert((deadline, id));
        self.by_id.insert(id, times);
        match checkpoint {
            Some(at) => _ = self.checkpoints.insert((at, id)),
            None => self.schedule_checkpoint(id, now),
        }
    }

    /// Gives each of `leases` (id, TTL and what is left of it, 0 for all) that time and `extra`. What
    /// was kept before is forgotten.
    pub fn restart(
        &mut self,
        leases: impl Iterator<Item = (i64, i64, i64)>,
        extra: Duration,
        now: Instant,
    ) {
        *self = Self::new(self.checkpoint_interval);
        let mut ttls = HashMap::new();
        let mut remaining = Vec::new();
        for (id, ttl, left) in leases {
            ttls.insert(id, ttl);
            let left = if left > 0 { left.min(ttl) } else { ttl };
            remaining.push((seconds(left).saturating_add(extra), id));
        }
        spread(&mut remaining);
        for (time, id) in remaining {
            self.start(id, ttls[&id], time, now);
        }
    }

    fn take(&mut self, id: i64) -> Option<Times> {
        let times = self.by_id.remove(&id)?;
        self.ordered.remove(&(times.look, id));
        if let Some(at) = times.checkpoint {
            self.checkpoints.remove(&(at, id));
        }
        Some(times)
    }

    pub fn remove(&mut self, id: i64) {
        self.take(id);
    }

    /// Moves every deadline, because no time passed for the leases' holders.
    pub fn postpone_all(&mut self, by: Duration) {
        self.ordered.clear();
        for (id, times) in &mut self.by_id {
            times.deadline = times.deadline.saturating_add(by);
            times.look = times.deadline;
            self.ordered.insert((times.look, *id));
        }
    }

    /// Time left, zero if it has run out; `None` for a lease not kept here.
    pub fn remaining(&self, id: i64, now: Instant) -> Option<Duration> {
        Some(self.by_id.get(&id)?.deadline.saturating_since(now))
    }

    /// When there is something to do next, whether that has passed or not.
    pub fn next(&self) -> Option<Instant> {
        let expiry = self.ordered.first().map(|(at, _)| *at);
        let checkpoint = self.checkpoints.first().map(|(at, _)| *at);
        match (expiry, checkpoint) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    /// Up to `limit` leases whose deadline has passed, oldest first. Each is named again only after
    /// a while, unless it is renewed or removed before.
    pub fn expired(&mut self, now: Instant, limit: usize) -> Vec<i64> {
        let passed = self.ordered.iter().take_while(|(at, _)| *at <= now);
        let ids: Vec<i64> = passed.take(limit).map(|(_, id)| *id).collect();
        for id in &ids {
            let times = self.by_id.get_mut(id).expect("what is ordered is known by id");
            self.ordered.remove(&(times.look, *id));
            times.look = now.saturating_add(REVOKE_RETRY);
            self.ordered.insert((times.look, *id));
        }
        ids
    }

    /// Plans the next checkpoint of a lease, if enough of it is left.
    fn schedule_checkpoint(&mut self, id: i64, now: Instant) {
        let Some(interval) = self.checkpoint_interval else { return };
        let Some(times) = self.by_id.get_mut(&id) else { return };
        if let Some(at) = times.checkpoint.take() {
            self.checkpoints.remove(&(at, id));
        }
        if times.deadline.saturating_since(now) > interval {
            let at = now.saturating_add(interval);
            times.checkpoint = Some(at);
            self.checkpoints.insert((at, id));
        }
    }

    /// Up to `limit` checkpoints that are due, and plans those after them. A lease with all of its
    /// TTL left has nothing to note.
    pub fn checkpoints(&mut self, now: Instant, limit: usize) -> Vec<LeaseCheckpoint> {
        let mut due = Vec::new();
        while due.len() < limit {
            let Some((at, id)) = self.checkpoints.first().copied() else { break };
            if at > now {
                break;
            }
            self.schedule_checkpoint(id, now);
            let times = self.by_id[&id];
            let left = times.deadline.saturating_since(now);
            let remaining_ttl = i64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
            if !left.is_zero() && remaining_ttl < times.ttl {
                due.push(LeaseCheckpoint { id, remaining_ttl });
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn left(deadlines: &Deadlines, id: i64, now: u64) -> Option<u64> {
        deadlines.remaining(id, at(now)).map(|left| left.as_secs())
    }

    #[test]
    fn leases_expire_in_order_and_renewal_moves_them() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, 10, at(0));
        deadlines.set(2, 5, at(0));
        deadlines.set(3, 7, at(0));
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.expired(at(4), 10), [0i64; 0]);
        assert_eq!(deadlines.expired(at(7), 1), [2]);
        deadlines.set(2, 5, at(7));
        assert_eq!(deadlines.expired(at(10), 10), [3, 1]);
        deadlines.remove(3);
        assert_eq!((left(&deadlines, 2, 8), left(&deadlines, 2, 20)), (Some(4), Some(0)));
        assert_eq!(left(&deadlines, 3, 6), None);
    }

    #[test]
    fn an_expired_lease_is_named_again_after_a_while() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, 5, at(0));
        assert_eq!(deadlines.expired(at(5), 10), [1]);
        assert_eq!(deadlines.expired(at(6), 10), [0i64; 0]);
        assert_eq!(deadlines.next(), Some(at(8)));
        assert_eq!(deadlines.expired(at(8), 10), [1]);
        assert_eq!(left(&deadlines, 1, 8), Some(0));
    }

    #[test]
    fn the_longest_ttl_does_not_overflow() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, i64::MAX, at(1));
        deadlines.postpone_all(Duration::MAX);
        assert_eq!(deadlines.expired(at(1_000_000), 10), [0i64; 0]);
    }

    #[test]
    fn a_new_leader_starts_from_checkpoints() {
        let mut deadlines = Deadlines::default();
        deadlines.set(9, 1, at(0));
        let leases = [(1, 100, 0), (2, 100, 30), (3, 100, 900)];
        deadlines.restart(leases.into_iter(), Duration::from_secs(1), at(50));
        let lefts = [1, 2, 3, 9].map(|id| left(&deadlines, id, 50));
        assert_eq!(lefts, [Some(101), Some(31), Some(101), None]);
    }

    #[test]
    fn time_slept_is_given_to_all() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, 5, at(0));
        deadlines.set(2, 50, at(0));
        assert_eq!(deadlines.expired(at(30), 10), [1]);
        deadlines.postpone_all(Duration::from_secs(30));
        assert_eq!(deadlines.expired(at(34), 10), [0i64; 0]);
        assert_eq!(deadlines.expired(at(35), 10), [1]);
        assert_eq!(left(&deadlines, 2, 35), Some(45));
    }

    #[test]
    fn long_leases_are_checkpointed_until_they_are_short() {
        let mut deadlines = Deadlines::new(Some(Duration::from_secs(300)));
        deadlines.set(1, 1000, at(0));
        deadlines.set(2, 300, at(0));
        assert_eq!(deadlines.next(), Some(at(300)));
        let checkpoint = |remaining_ttl| LeaseCheckpoint { id: 1, remaining_ttl };
        assert_eq!(deadlines.checkpoints(at(299), 10), []);
        assert_eq!(deadlines.checkpoints(at(300), 10), [checkpoint(700)]);
        assert_eq!(deadlines.checkpoints(at(300), 10), []);
        assert_eq!(deadlines.checkpoints(at(600), 10), [checkpoint(400)]);
        assert_eq!(deadlines.checkpoints(at(900), 10), [checkpoint(100)]);
        // With 100 s left there is no other.
        assert_eq!(deadlines.checkpoints(at(2000), 10), []);
    }

    #[test]
    fn a_renewed_lease_has_nothing_to_note_until_time_has_passed() {
        let mut deadlines = Deadlines::new(Some(Duration::from_secs(300)));
        deadlines.set(1, 1000, at(0));
        deadlines.set(1, 1000, at(300));
        assert_eq!(deadlines.checkpoints(at(300), 10), []);
        let checkpoint = LeaseCheckpoint { id: 1, remaining_ttl: 700 };
        assert_eq!(deadlines.checkpoints(at(600), 10), [checkpoint]);
        deadlines.remove(1);
        assert_eq!(deadlines.checkpoints(at(10_000), 10), []);
        assert_eq!(deadlines.next(), None);
    }
}
