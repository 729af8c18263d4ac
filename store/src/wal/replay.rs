//! What the records of a log add up to.

use std::collections::VecDeque;
use std::path::Path;

use super::record::Record;
use super::recovery::WalError;
use super::segment;
use crate::raft::log::Log;
use crate::raft::types::*;

/// The facts read so far.
#[derive(Default)]
pub(super) struct Replay {
    entries: VecDeque<Entry>,
    purged: Option<LogId>,
    vote: Option<Vote>,
    committed: Option<LogId>,
}

impl Replay {
    pub(super) fn apply(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Entry(entry) => self.append(entry)?,
            Record::Vote(vote) => self.vote = Some(vote),
            Record::TruncateAfter(last) => {
                let gone = |entry: &Entry| last.is_none_or(|last| entry.log_id.index > last);
                while self.entries.back().is_some_and(gone) {
                    self.entries.pop_back();
                }
            }
            Record::Purge(upto) => {
                while self.entries.front().is_some_and(|entry| entry.log_id.index <= upto.index) {
                    self.entries.pop_front();
                }
                self.purged = self.purged.take().max(Some(upto));
            }
            Record::Committed(log_id) => self.committed = Some(log_id),
            // Of the segments, and looked at when they are read.
            Record::Follows(_) | Record::Seal => {}
        }
        Ok(())
    }

    /// Entries follow each other. The first may stand anywhere: what was before it may be purged
    /// by a record still to come.
    fn append(&mut self, entry: Entry) -> Result<(), String> {
        let index = entry.log_id.index;
        while self.entries.back().is_some_and(|last| last.log_id.index >= index) {
            self.entries.pop_back();
        }
        match self.entries.back() {
            Some(last) if last.log_id.index.checked_add(1) != Some(index) => {
                Err(format!("entry {index} follows entry {}", last.log_id.index))
            }
            _ => {
                self.entries.push_back(entry);
                Ok(())
            }
        }
    }

    pub(super) fn finish(mut self, first_segment: &Path) -> Result<Log, WalError> {
        let next = self.purged.as_ref().map_or(0, |purged| purged.index.saturating_add(1));
        while self.entries.front().is_some_and(|entry| entry.log_id.index < next) {
            self.entries.pop_front();
        }
        if let Some(first) = self.entries.front()
            && first.log_id.index != next
        {
            return Err(WalError::Corrupt {
                path: first_segment.to_owned(),
                offset: segment::HEADER,
                reason: format!("entries {next} to {} are missing", first.log_id.index - 1),
            });
        }
        Ok(Log {
            entries: self.entries,
            purged: self.purged,
            vote: self.vote,
            committed: self.committed,
            committed_moved: false,
        })
    }
}
