//! What a controller has asked for and not yet seen in its cache.
//!
//! A reconcile decides from the cache. Between a creation and the watch event that tells of it the
//! cache is behind: reconciling then would create again. So a key waits until each creation and
//! deletion it asked for was seen, or until that took too long (a watch event may be lost in a
//! re-list: the deadline heals it).
//!
//! Rejected: waiting for the resourceVersion of the last write to reach the cache. A creation that
//! timed out has no version to wait for.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// As upstream: after this, state is taken as it is.
pub const DEADLINE: Duration = Duration::from_secs(5 * 60);

pub struct Expectations<K>(Mutex<HashMap<K, Expected>>);

struct Expected {
    creations: usize,
    /// By uid: the events of one deletion (terminating, gone) count once.
    deletions: HashSet<String>,
    since: Duration,
}

impl<K> Default for Expectations<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Expectations<K> {
    /// To be called before the requests are sent, since their events may come before the answers.
    pub fn expect(
        &self,
        key: K,
        creations: usize,
        deletions: impl IntoIterator<Item = String>,
        now: Duration,
    ) {
        let deletions = deletions.into_iter().collect();
        self.entries().insert(key, Expected { creations, deletions, since: now });
    }

    /// A creation was seen, or failed.
    pub fn created(&self, key: &K) {
        if let Some(expected) = self.entries().get_mut(key) {
            expected.creations = expected.creations.saturating_sub(1);
        }
    }

    /// A deletion was seen, or failed.
    pub fn deleted(&self, key: &K, uid: &str) {
        if let Some(expected) = self.entries().get_mut(key) {
            expected.deletions.remove(uid);
        }
    }

    /// `None` when everything asked for was seen, or the deadline passed; else the time left.
    pub fn pending(&self, key: &K, now: Duration) -> Option<Duration> {
        let mut entries = self.entries();
        let expected = entries.get(key)?;
        let left = DEADLINE.saturating_sub(now.saturating_sub(expected.since));
        let fulfilled = expected.creations == 0 && expected.deletions.is_empty();
        if fulfilled || left.is_zero() {
            entries.remove(key);
            return None;
        }
        Some(left)
    }

    pub fn forget(&self, key: &K) {
        self.entries().remove(key);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, Expected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    #[test]
    fn waits_for_each_creation() {
        let expectations = Expectations::default();
        expectations.expect("rs", 2, [], NOW);
        assert_eq!(expectations.pending(&"rs", NOW), Some(DEADLINE));
        expectations.created(&"rs");
        assert!(expectations.pending(&"rs", NOW).is_some());
        expectations.created(&"rs");
        assert_eq!(expectations.pending(&"rs", NOW), None);
    }

    #[test]
    fn counts_a_deletion_once_by_identity() {
        let expectations = Expectations::default();
        expectations.expect("rs", 0, ["a".to_owned(), "b".to_owned()], NOW);
        for uid in ["a", "a", "another"] {
            expectations.deleted(&"rs", uid);
        }
        assert!(expectations.pending(&"rs", NOW).is_some());
        expectations.deleted(&"rs", "b");
        assert_eq!(expectations.pending(&"rs", NOW), None);
    }

    #[test]
    fn gives_up_at_the_deadline() {
        let expectations = Expectations::default();
        expectations.expect("rs", 1, [], NOW);
        let late = NOW + DEADLINE;
        assert_eq!(
            expectations.pending(&"rs", late - Duration::from_secs(1)),
            Some(Duration::from_secs(1))
        );
        assert_eq!(expectations.pending(&"rs", late), None);
    }
}
