//! Keys that are to be queued later, and how much later a failing key is.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::{Bounds, exponential};

/// Bounds of the delay after failures in a row. The default is client-go's.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    pub base: Duration,
    pub max: Duration,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { base: Duration::from_millis(5), max: Duration::from_secs(1000) }
    }
}

/// Failures in a row, by key.
pub(super) struct Failures<K> {
    bounds: Bounds,
    counts: HashMap<K, u32>,
}

impl<K: Hash + Eq + Clone> Failures<K> {
    pub fn new(limit: RateLimit) -> Self {
        Self { bounds: Bounds { base: limit.base, max: limit.max }, counts: HashMap::new() }
    }

    pub fn next_delay(&mut self, key: &K) -> Duration {
        let count = self.counts.entry(key.clone()).or_insert(0);
        let delay = exponential(self.bounds, *count);
        *count = count.saturating_add(1);
        delay
    }

    pub fn count(&self, key: &K) -> u32 {
        self.counts.get(key).copied().unwrap_or(0)
    }

    pub fn forget(&mut self, key: &K) {
        self.counts.remove(key);
    }
}

/// Keys by the time they are due. A key waits once, for the earliest time it was given.
pub(super) struct Waiting<K> {
    due: HashMap<K, Instant>,
    /// May hold times that `due` has since brought forward; those are skipped.
    order: BinaryHeap<Reverse<(Instant, u64)>>,
    keys: HashMap<u64, K>,
    next: u64,
}

impl<K: Hash + Eq + Clone> Waiting<K> {
    pub fn new() -> Self {
        Self { due: HashMap::new(), order: BinaryHeap::new(), keys: HashMap::new(), next: 0 }
    }

    pub fn insert(&mut self, key: K, at: Instant) {
        if self.due.get(&key).is_some_and(|earlier| *earlier <= at) {
            return;
        }
        self.due.insert(key.clone(), at);
        self.order.push(Reverse((at, self.next)));
        self.keys.insert(self.next, key);
        self.next += 1;
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.order.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one key that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        while self.next_due().is_some_and(|at| at <= now) {
            let Reverse((at, ticket)) = self.order.pop()?;
            let key = self.keys.remove(&ticket)?;
            if self.due.get(&key) == Some(&at) {
                self.due.remove(&key);
                return Some(key);
            }
        }
        None
    }

    pub fn clear(&mut self) {
        self.due.clear();
        self.order.clear();
        self.keys.clear();
    }
}
