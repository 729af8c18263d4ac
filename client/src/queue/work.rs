//! The queue that others hold.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::delay::RateLimit;
use super::state::{Next, State};

/// A queue of keys to reconcile. Clones share it.
///
/// Delayed keys need no task: a worker that waits in [`WorkQueue::get`] wakes when one is due.
pub struct WorkQueue<K>(Arc<Shared<K>>);

struct Shared<K> {
    state: Mutex<State<K>>,
    /// One permit per thing to look at: who takes a key passes it on if there is more.
    changed: Notify,
}

impl<K> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Hash + Eq + Clone> Default for WorkQueue<K> {
    fn default() -> Self {
        Self::new(RateLimit::default())
    }
}

impl<K: Hash + Eq + Clone> WorkQueue<K> {
    pub fn new(limit: RateLimit) -> Self {
        Self(Arc::new(Shared { state: Mutex::new(State::new(limit)), changed: Notify::new() }))
    }

    /// Queues the key, unless it is queued already. One that is being handled is queued again when
    /// its handling is done. After `shutdown` keys are dropped.
    pub fn add(&self, key: K) {
        self.state().add(key);
        self.0.changed.notify_one();
    }

    /// Queues the key when `delay` has passed. Of several times given to one key the earliest
    /// counts; `add` does not cancel it.
    pub fn add_after(&self, key: K, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        self.state().add_at(key, Instant::now() + delay);
        self.0.changed.notify_one();
    }

    /// Queues the key after a delay that doubles with each call until [`WorkQueue::forget`].
    pub fn add_rate_limited(&self, key: K) {
        let delay = self.state().failures.next_delay(&key);
        self.add_after(key, delay);
    }

    /// Ends the key's row of failures.
    pub fn forget(&self, key: &K) {
        self.state().failures.forget(key);
    }

    /// Calls of `add_rate_limited` since the last `forget`.
    pub fn failures(&self, key: &K) -> u32 {
        self.state().failures.count(key)
    }

    /// The next key, as soon as there is one; `None` after shutdown once the queue is drained.
    /// Each key must be given back with [`WorkQueue::done`]. Cancel safe: a key is taken in the
    /// poll that returns it.
    pub async fn get(&self) -> Option<K> {
        loop {
            let next = self.state().next(Instant::now());
            match next {
                Next::Ready(key) => {
                    self.0.changed.notify_one();
                    return Some(key);
                }
                Next::End => {
                    self.0.changed.notify_one();
                    return None;
                }
                Next::Wait(None) => self.0.changed.notified().await,
                Next::Wait(Some(due)) => {
                    // Late or woken, the loop looks again.
                    let _ = tokio::time::timeout_at(due, self.0.changed.notified()).await;
                }
            }
        }
    }

    /// The key's handling is over.
    pub fn done(&self, key: &K) {
        self.state().done(key);
        self.0.changed.notify_one();
    }

    /// No key comes in any more; `get` hands out what is ready and then ends.
    pub fn shutdown(&self) {
        self.state().shut_down();
        self.0.changed.notify_one();
    }

    pub fn is_shut_down(&self) -> bool {
        self.state().is_shut_down()
    }

    /// Keys that are ready, without those delayed or being handled.
    pub fn len(&self) -> usize {
        self.state().ready(Instant::now())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
