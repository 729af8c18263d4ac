//! The Raft log: unpurged entries in memory for readers, and the WAL behind them where there is
//! one.
//!
//! Ordering: entries are readable when `append` returns and durable when its callback fires. Votes,
//! truncations and purges pass through the same queue to the WAL as entries do, so the disk sees
//! one ordered stream. The commit pointer is advisory and rides along with the next append.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard};

use openraft::storage::{LogState, RaftLogReader, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend};

use super::types::*;
use crate::wal::{Done, FlushedCallback, Record, Wal};

/// Bytes of commands that are read at once for a member that lacks them, as etcd's largest message;
/// one entry is always read.
pub const READ_BYTES: usize = 1 << 20;

/// The log of one member. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct LogStore {
    shared: Arc<Mutex<Log>>,
    /// `None` keeps the log in memory only.
    wal: Option<Wal>,
}

/// What the log holds.
#[derive(Debug, Default)]
pub struct Log {
    /// Consecutive; the first has the index after `purged`.
    pub entries: VecDeque<Entry>,
    pub purged: Option<LogId>,
    pub vote: Option<Vote>,
    pub committed: Option<LogId>,
    /// Whether `committed` moved since it last went to the WAL.
    pub committed_moved: bool,
}

impl Log {
    /// Index of the first entry that is there, or that would be the next.
    fn first_index(&self) -> u64 {
        let next = || self.purged.as_ref().map_or(0, |purged| purged.index + 1);
        self.entries.front().map_or_else(next, |first| first.log_id.index)
    }

    fn position(&self, index: u64) -> usize {
        usize::try_from(index.saturating_sub(self.first_index())).unwrap_or(usize::MAX)
    }

    fn last(&self) -> Option<LogId> {
        self.entries.back().map(|entry| entry.log_id).or(self.purged)
    }

    /// Entries of `[from, to)`, as far as they are there.
    fn read(&self, from: u64, to: u64) -> Vec<Entry> {
        let end = self.position(to).min(self.entries.len());
        let start = self.position(from).min(end);
        self.entries.range(start..end).cloned().collect()
    }

    /// Entries of `[from, to)` until they have `bytes`, but at least one.
    fn read_some(&self, from: u64, to: u64, bytes: usize) -> Vec<Entry> {
        let end = self.position(to).min(self.entries.len());
        let start = self.position(from).min(end);
        let mut read = 0;
        let fits = |entry: &&Entry| {
            let room = read < bytes;
            read += size_of(entry);
            room
        };
        self.entries.range(start..end).take_while(fits).cloned().collect()
    }

    /// Index up to which entries can go if at most `count` of them and `bytes` are to stay.
    pub fn surplus(&self, count: u64, bytes: usize) -> Option<u64> {
        let (mut kept, mut size) = (0, 0);
        let goes = self.entries.iter().rev().find(|entry| {
            kept += 1;
            size += size_of(entry);
            kept > count || size > bytes
        });
        goes.map(|entry| entry.log_id.index)
    }

    /// Appends one entry, replacing what stood at or after its index. An empty log may begin
    /// anywhere: a snapshot may have been installed before it.
    pub fn append(&mut self, entry: Entry) -> io::Result<()> {
        let index = entry.log_id.index;
        let follows = self.entries.is_empty()
            || (self.first_index()..=self.first_index() + self.entries.len() as u64)
                .contains(&index);
        if !follows {
            return Err(io::Error::other(format!(
                "entry {} does not follow the log, which ends at {:?}",
                entry.log_id,
                self.last()
            )));
        }
        let position = self.position(index);
        self.entries.truncate(position);
        self.entries.push_back(entry);
        Ok(())
    }

    /// Drops entries after `last`.
    pub fn truncate_after(&mut self, last: Option<u64>) {
        let keep = last.map_or(0, |last| self.position(last + 1));
        self.entries.truncate(keep);
    }

    /// Drops entries up to and including `upto`.
    pub fn purge(&mut self, upto: LogId) {
        if self.purged.as_ref().is_some_and(|purged| purged.index >= upto.index) {
            return;
        }
        let gone = self.position(upto.index + 1).min(self.entries.len());
        self.entries.drain(..gone);
        self.purged = Some(upto);
    }
}

/// Bytes that an entry's command holds.
fn size_of(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(Proposal(command)) => command.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

impl LogStore {
    /// A log recovered from a WAL, which takes what follows.
    pub fn recovered(log: Log, wal: Wal) -> Self {
        Self { shared: Arc::new(Mutex::new(log)), wal: Some(wal) }
    }

    /// Index of the last entry that the log no longer holds.
    pub fn purged_index(&self) -> Option<u64> {
        self.lock().purged.as_ref().map(|purged| purged.index)
    }

    /// Number of entries from `index` on.
    pub fn entries_from(&self, index: u64) -> u64 {
        let log = self.lock();
        let end = log.first_index() + log.entries.len() as u64;
        end.saturating_sub(index.max(log.first_index()))
    }

    /// Index up to which entries can go if at most `count` of them and `bytes` are to stay.
    pub fn surplus(&self, count: u64, bytes: usize) -> Option<u64> {
        self.lock().surplus(count, bytes)
    }

    /// The entries from `index` on.
    #[cfg(feature = "simulation")]
    pub fn entries_since(&self, index: u64) -> Vec<Entry> {
        self.lock().read(index, u64::MAX)
    }

    /// Whether an entry with this id was ever in the log, as far as the log can tell.
    pub fn may_have_held(&self, log_id: &LogId) -> bool {
        let log = self.lock();
        match log.read(log_id.index, log_id.index + 1).first() {
            Some(entry) => entry.log_id == *log_id,
            None => log.purged.as_ref().is_some_and(|purged| log_id <= purged),
        }
    }

    /// The last entry's id, and the last membership among the entries.
    pub fn last_membership(&self) -> (Option<LogId>, Option<Membership>) {
        let log = self.lock();
        let membership = log.entries.iter().rev().find_map(|entry| match &entry.payload {
            EntryPayload::Membership(membership) => Some(membership.clone()),
            EntryPayload::Blank | EntryPayload::Normal(_) => None,
        });
        (log.last(), membership)
    }

    /// Appends an entry before Raft runs; durable when this returns.
    pub async fn append_durably(&self, entry: Entry) -> io::Result<()> {
        self.lock().append(entry.clone())?;
        self.write(Record::Entry(entry)).await
    }

    async fn write(&self, record: Record) -> io::Result<()> {
        match &self.wal {
            Some(wal) => wal.write(vec![record]).await,
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.shared.lock().expect("no code panics while it holds the log")
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let from = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        Ok(self.lock().read(from, to))
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.lock().vote)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        Ok(self.lock().read_some(start, end, READ_BYTES))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        let log = self.lock();
        Ok(LogState { last_purged_log_id: log.purged, last_log_id: log.last() })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.lock().vote = Some(*vote);
        if planted!(VoteNotWritten) {
            return Ok(());
        }
        self.write(Record::Vote(*vote)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let mut log = self.lock();
        log.committed = committed;
        log.committed_moved = true;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.lock().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: Flushed) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut records = Vec::new();
        {
            let mut log = self.lock();
            if self.wal.is_some() && std::mem::take(&mut log.committed_moved) {
                records.extend(log.committed.map(Record::Committed));
            }
            for entry in entries {
                if self.wal.is_some() {
                    records.push(Record::Entry(entry.clone()));
                }
                log.append(entry)?;
            }
        }
        match &self.wal {
            Some(wal) => wal.submit(records, Done::Flushed(FlushedCallback(callback))).await,
            None => callback.io_completed(Ok(())),
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        let last = last_log_id.map(|last| last.index);
        self.lock().truncate_after(last);
        self.write(Record::TruncateAfter(last)).await
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        self.lock().purge(log_id);
        self.write(Record::Purge(log_id)).await
    }
}
