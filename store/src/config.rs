//! How a member is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, TokioClock};
use crate::disk::{Disk, OsDisk};
use crate::wal::SEGMENT_BYTES;

/// etcd's limit on a request, 1.5 MiB.
pub const DEFAULT_MAX_REQUEST_BYTES: usize = 3 * 512 * 1024;

/// etcd's limit on operations in one transaction.
pub const DEFAULT_MAX_TXN_OPS: usize = 128;

/// How applied state is written behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBehind {
    /// How long after the start the home is opened when it was not needed for it, so that the start
    /// has the machine to itself.
    pub open_delay: Duration,
    /// Entries to replay from which on reading the home at start is quicker.
    pub read_from_entries: u64,
}

impl Default for WriteBehind {
    fn default() -> Self {
        Self { open_delay: Duration::from_secs(1), read_from_entries: 10_000 }
    }
}

/// Settings of [`crate::Embedded::open`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the member keeps its files; `None` keeps everything in memory and no file at all.
    pub data_dir: Option<PathBuf>,
    /// The member's name, shown by `member list`.
    pub name: String,
    pub client_urls: Vec<String>,
    pub peer_urls: Vec<String>,
    /// Greatest encoded size of one write.
    pub max_request_bytes: usize,
    /// Greatest number of compares or operations in a transaction.
    pub max_txn_ops: usize,
    /// Size of a WAL segment, in bytes.
    pub wal_segment_bytes: usize,
    /// Whether writes wait for the disk. Off, a crash of the machine (not of the process alone)
    /// loses what was acknowledged shortly before.
    pub fsync: bool,
    pub write_behind: WriteBehind,
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            name: "default".into(),
            client_urls: Vec::new(),
            peer_urls: Vec::new(),
            max_request_bytes: DEFAULT_MAX_REQUEST_BYTES,
            max_txn_ops: DEFAULT_MAX_TXN_OPS,
            wal_segment_bytes: SEGMENT_BYTES,
            fsync: true,
            write_behind: WriteBehind::default(),
            clock: TokioClock::shared(),
            disk: OsDisk::shared(),
        }
    }
}
