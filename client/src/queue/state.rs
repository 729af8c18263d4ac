//! The queue's state and rules, without waiting.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use tokio::time::Instant;

use super::delay::{Failures, RateLimit, Waiting};

pub(super) enum Next<K> {
    Ready(K),
    /// Nothing now; a delayed key is due at this time, if there is one.
    Wait(Option<Instant>),
    /// Shut down and drained.
    End,
}

pub(super) struct State<K> {
    ready: VecDeque<K>,
    /// Keys to be handled: those of `ready`, and those added while in `processing`.
    dirty: HashSet<K>,
    processing: HashSet<K>,
    pub failures: Failures<K>,
    waiting: Waiting<K>,
    shut_down: bool,
}

impl<K: Hash + Eq + Clone> State<K> {
    pub fn new(limit: RateLimit) -> Self {
        Self {
            ready: VecDeque::new(),
            dirty: HashSet::new(),
            processing: HashSet::new(),
            failures: Failures::new(limit),
            waiting: Waiting::new(),
            shut_down: false,
        }
    }

    pub fn add(&mut self, key: K) {
        if self.shut_down || !self.dirty.insert(key.clone()) {
            return;
        }
        if !self.processing.contains(&key) {
            self.ready.push_back(key);
        }
    }

    pub fn add_at(&mut self, key: K, at: Instant) {
        if !self.shut_down {
            self.waiting.insert(key, at);
        }
    }

    pub fn next(&mut self, now: Instant) -> Next<K> {
        self.promote(now);
        match self.ready.pop_front() {
            Some(key) => {
                self.dirty.remove(&key);
                self.processing.insert(key.clone());
                Next::Ready(key)
            }
            None if self.shut_down => Next::End,
            None => Next::Wait(self.waiting.next_due()),
        }
    }

    pub fn done(&mut self, key: &K) {
        if self.processing.remove(key) && self.dirty.contains(key) {
            self.ready.push_back(key.clone());
        }
    }

    /// No key comes in any more; those that are ready may still be taken.
    pub fn shut_down(&mut self) {
        self.shut_down = true;
        self.waiting.clear();
    }

    pub fn is_shut_down(&self) -> bool {
        self.shut_down
    }

    pub fn ready(&mut self, now: Instant) -> usize {
        self.promote(now);
        self.ready.len()
    }

    fn promote(&mut self, now: Instant) {
        while let Some(key) = self.waiting.pop_due(now) {
            self.add(key);
        }
    }
}
