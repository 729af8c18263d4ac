//! The window of recent changes of one resource.
//!
//! Watchers hold no queue: each keeps a [`Cursor`] and copies from the ring when woken. A watcher
//! that the ring has overtaken is [`Lagged`] and ends, so it can neither delay a write nor grow
//! memory.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Change;

/// Changes kept: at the kubelets' and controllers' pace of some hundred a second this is well over
/// the time a client needs to reconnect.
const MAX_CHANGES: usize = 8192;

/// Bytes of objects that the window may keep alive.
const MAX_BYTES: usize = 16 << 20;

/// Changes kept even above `MAX_BYTES`, so that a resource of large objects has a window at all.
const MIN_CHANGES: usize = 128;

/// Position of a watcher: the sequence number of the next change it has not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    epoch: u64,
    next: u64,
}

/// The window no longer holds what the watcher has yet to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged {
    /// The oldest revision after which every change is still here.
    pub oldest: i64,
}

#[derive(Debug)]
pub(super) struct Ring {
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    /// Sequence number of `changes[0]`.
    first: u64,
    /// Every change with a greater revision is in the ring.
    oldest: i64,
    /// Counts resets; a cursor of another epoch is lagged.
    epoch: u64,
}

impl Ring {
    pub fn starting_at(revision: i64) -> Self {
        Self { changes: VecDeque::new(), bytes: 0, first: 0, oldest: revision, epoch: 0 }
    }

    /// Forgets everything: the feed had to start over from `revision`.
    pub fn reset(&mut self, revision: i64) {
        self.changes.clear();
        self.bytes = 0;
        self.oldest = revision;
        self.epoch += 1;
    }

    pub fn push(&mut self, change: Arc<Change>) {
        self.bytes += change.weight();
        self.changes.push_back(change);
        while self.changes.len() > MAX_CHANGES
            || (self.bytes > MAX_BYTES && self.changes.len() > MIN_CHANGES)
        {
            self.pop_revision();
        }
    }

    /// Drops the oldest revision whole: half a revision would be read as all of it.
    fn pop_revision(&mut self) {
        let Some(front) = self.changes.front() else { return };
        self.oldest = front.revision;
        while self.changes.front().is_some_and(|change| change.revision == self.oldest) {
            if let Some(change) = self.changes.pop_front() {
                self.bytes -= change.weight();
                self.first += 1;
            }
        }
    }

    /// Behind the newest change.
    pub fn end(&self) -> Cursor {
        Cursor { epoch: self.epoch, next: self.first + self.changes.len() as u64 }
    }

    /// Before the first change newer than `revision`.
    pub fn after(&self, revision: i64) -> Result<Cursor, Lagged> {
        if revision < self.oldest {
            return Err(Lagged { oldest: self.oldest });
        }
        let at = self.changes.partition_point(|change| change.revision <= revision);
        Ok(Cursor { epoch: self.epoch, next: self.first + at as u64 })
    }

    /// Up to `limit` changes from the cursor on, and the cursor behind them.
    pub fn read(&self, cursor: Cursor, limit: usize) -> Result<(Vec<Arc<Change>>, Cursor), Lagged> {
        if cursor.epoch != self.epoch || cursor.next < self.first {
            return Err(Lagged { oldest: self.oldest });
        }
        let skip = (cursor.next - self.first) as usize;
        let batch: Vec<_> = self.changes.iter().skip(skip).take(limit).cloned().collect();
        let next = Cursor { next: cursor.next + batch.len() as u64, ..cursor };
        Ok((batch, next))
    }

    /// Changes newer than `revision`, newest first; `None` if some are gone.
    pub fn newer_than(&self, revision: i64) -> Option<impl Iterator<Item = &Arc<Change>>> {
        if revision < self.oldest {
            return None;
        }
        Some(self.changes.iter().rev().take_while(move |change| change.revision > revision))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn change(revision: i64) -> Arc<Change> {
        Arc::new(Change::new(revision, Bytes::from_static(b"k"), None, None))
    }

    fn revisions(changes: &[Arc<Change>]) -> Vec<i64> {
        changes.iter().map(|change| change.revision).collect()
    }

    #[test]
    fn a_cursor_sees_each_change_once_and_in_order() {
        let mut ring = Ring::starting_at(10);
        [11, 11, 13, 15].into_iter().for_each(|revision| ring.push(change(revision)));
        let cursor = ring.after(11).unwrap();
        let (first, cursor) = ring.read(cursor, 1).unwrap();
        let (rest, cursor) = ring.read(cursor, 9).unwrap();
        assert_eq!((revisions(&first), revisions(&rest)), (vec![13], vec![15]));
        assert_eq!(cursor, ring.end());
        assert_eq!(ring.after(9), Err(Lagged { oldest: 10 }));
        assert_eq!(ring.after(10).unwrap(), Cursor { epoch: 0, next: 0 });
    }

    #[test]
    fn overtaken_and_reset_cursors_are_lagged() {
        let mut ring = Ring::starting_at(0);
        let cursor = ring.end();
        (1..=MAX_CHANGES as i64 + 5).for_each(|revision| ring.push(change(revision)));
        assert_eq!(ring.read(cursor, 1).unwrap_err(), Lagged { oldest: 5 });
        assert_eq!(ring.changes.len(), MAX_CHANGES);
        let cursor = ring.end();
        ring.reset(99_999);
        assert_eq!(ring.read(cursor, 1).unwrap_err(), Lagged { oldest: 99_999 });
    }

    #[test]
    fn a_revision_leaves_the_window_whole() {
        let mut ring = Ring::starting_at(0);
        ring.push(change(1));
        (0..3).for_each(|_| ring.push(change(2)));
        (3..=MAX_CHANGES as i64 - 1).for_each(|revision| ring.push(change(revision)));
        assert_eq!(ring.oldest, 1);
        ring.push(change(90_000));
        ring.push(change(90_001));
        assert_eq!(ring.oldest, 2);
        assert_eq!(ring.changes.front().unwrap().revision, 3);
    }
}
