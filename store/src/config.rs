//! How a member is set up.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, TokioClock};
use crate::disk::{Disk, OsDisk};
use crate::wal::SEGMENT_BYTES;

/// etcd's limit on a request, 1.5 MiB.
pub const DEFAULT_MAX_REQUEST_BYTES: usize = 3 * 512 * 1024;

/// etcd's limit on operations in one transaction.
pub const DEFAULT_MAX_TXN_OPS: usize = 128;

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
            clock: TokioClock::shared(),
            disk: OsDisk::shared(),
        }
    }
}
