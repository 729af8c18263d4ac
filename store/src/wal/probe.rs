//! The log on its own, for measuring what it can take at most.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use openraft::EntryPayload;
use tokio::sync::watch;

use super::{Options, Record, SEGMENT_BYTES, Wal, WalError, recover};
use crate::disk::OsDisk;
use crate::raft::types::{Entry, Proposal, log_id};

/// A write-ahead log with nothing above it. Entries are written and synced as a member's are.
#[derive(Debug)]
pub struct WalProbe {
    wal: Wal,
    next: AtomicU64,
}

impl WalProbe {
    /// Opens a log in an empty directory. Its mark lies beside it.
    pub fn open(dir: &Path) -> Result<Self, WalError> {
        let options = Options {
            disk: OsDisk::shared(),
            segment_bytes: SEGMENT_BYTES,
            fsync: true,
            mark: dir.with_extension("synced"),
            failed: watch::Sender::new(None),
        };
        Ok(Self { wal: recover(dir, options)?.wal, next: AtomicU64::new(1) })
    }

    /// Appends one entry and returns when it is durable.
    pub async fn append(&self, command: Bytes) -> std::io::Result<()> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let payload = EntryPayload::Normal(Proposal(command));
        self.wal.write(vec![Record::Entry(Entry { log_id: log_id(1, index), payload })]).await
    }

    /// Ends the log's writer.
    pub async fn stop(&self) {
        self.wal.stop().await;
    }
}
