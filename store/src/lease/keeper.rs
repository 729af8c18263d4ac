//! Keeps deadlines, and waits for the next one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::deadlines::Deadlines;
use crate::clock::Clock;
use crate::mvcc::State;

/// Expired leases proposed for revocation at once.
const EXPIRY_BATCH: usize = 64;

/// Deadlines shared by the state machine (which grants and revokes), keep-alives, and the task that
/// proposes revocations. Nothing wakes while there is no lease.
pub struct Keeper {
    clock: Arc<dyn Clock>,
    deadlines: Mutex<Deadlines>,
    changed: Notify,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, deadlines: Mutex::default(), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Deadlines> {
        self.deadlines.lock().expect("no code panics while it holds the deadlines")
    }

    /// Gives a lease its full TTL again, unless it was revoked meanwhile.
    pub fn renewed(&self, id: i64, ttl: i64) {
        let mut deadlines = self.lock();
        let now = self.clock.now();
        if deadlines.remaining(id, now).is_some() {
            deadlines.set(id, ttl, now);
        }
    }

    /// A lease was granted.
    pub fn granted(&self, id: i64, ttl: i64) {
        let mut deadlines = self.lock();
        let before = deadlines.next();
        deadlines.set(id, ttl, self.clock.now());
        let earlier = before.is_none() || deadlines.next() < before;
        drop(deadlines);
        if earlier {
            self.changed.notify_one();
        }
    }

    pub fn revoked(&self, id: i64) {
        self.lock().remove(id);
    }

    /// Seconds left, `None` for an unknown lease.
    pub fn remaining(&self, id: i64) -> Option<i64> {
        self.lock().remaining(id, self.clock.now())
    }

    /// Gives every lease of `state` its full TTL again.
    pub fn reset(&self, state: &State) {
        let now = self.clock.now();
        let mut deadlines = self.lock();
        *deadlines = Deadlines::default();
        for (id, lease) in state.leases() {
            deadlines.set(id, lease.ttl, now);
        }
        drop(deadlines);
        self.changed.notify_one();
    }

    /// Waits until leases have expired and returns some of them. A lease is returned again until
    /// it is revoked or renewed.
    pub async fn expired(&self) -> Vec<i64> {
        loop {
            let (expired, next) = {
                let deadlines = self.lock();
                (deadlines.expired(self.clock.now(), EXPIRY_BATCH), deadlines.next())
            };
            if !expired.is_empty() {
                return expired;
            }
            match next {
                None => self.changed.notified().await,
                Some(deadline) => tokio::select! {
                    () = self.clock.sleep_until(deadline) => {}
                    () = self.changed.notified() => {}
                },
            }
        }
    }
}
