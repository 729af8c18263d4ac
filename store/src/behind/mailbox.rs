//! One slot between the state machine and the write-behind thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::mvcc::State;
use crate::raft::types::{LogId, SnapshotMeta, StoredMembership};

/// A state, and the log it holds.
#[derive(Clone, Debug)]
pub struct View {
    pub applied: LogId,
    pub membership: Arc<StoredMembership>,
    pub state: State,
}

impl View {
    pub(super) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: Some(self.applied),
            last_membership: StoredMembership::clone(&self.membership),
        }
    }
}

/// Holds the latest view until it is fetched. Putting never waits.
#[derive(Debug, Default)]
pub struct Mailbox {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Slot {
    view: Option<View>,
    closed: bool,
}

/// What waiting ended with.
pub(super) enum Mail {
    View(Box<View>),
    /// Nothing came in the time given.
    Quiet,
    Closed,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().expect("no code panics while it holds the mailbox")
    }

    pub fn put(&self, view: View) {
        let previous = self.lock().view.replace(view);
        if previous.is_none() {
            self.changed.notify_one();
        }
    }

    /// Lets the thread end once it has written what is here.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits for a view, at most for `patience` if that is given.
    pub(super) fn wait(&self, patience: Option<Duration>) -> Mail {
        let mut slot = self.lock();
        loop {
            if let Some(view) = slot.view.take() {
                return Mail::View(Box::new(view));
            }
            if slot.closed {
                return Mail::Closed;
            }
            slot = match patience {
                None => self.changed.wait(slot).expect("no code panics while it holds it"),
                Some(patience) => {
                    let waited = self.changed.wait_timeout(slot, patience);
                    let (slot, timeout) = waited.expect("no code panics while it holds it");
                    if timeout.timed_out() && slot.view.is_none() && !slot.closed {
                        return Mail::Quiet;
                    }
                    slot
                }
            };
        }
    }

    /// Waits `time` for more views to come, or until closed: that is the answer.
    pub(super) fn gather(&self, time: Duration) -> bool {
        let slot = self.lock();
        let waited = self.changed.wait_timeout_while(slot, time, |slot| !slot.closed);
        waited.expect("no code panics while it holds the mailbox").0.closed
    }

    pub(super) fn take(&self) -> Option<View> {
        self.lock().view.take()
    }
}
