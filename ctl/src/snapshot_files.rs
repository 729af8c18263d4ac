//! What this program needs of whoever knows the store's files.

use std::path::{Path, PathBuf};

use crate::Hash;

/// What a snapshot file is said to hold.
#[derive(Clone, Debug)]
pub struct SnapshotStatus {
    pub hash: u32,
    pub revision: i64,
    pub total_keys: i64,
    /// Bytes.
    pub total_size: i64,
    pub version: String,
}

/// How a snapshot file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotFormat {
    /// The store's own.
    Coracle,
    /// etcd's database file.
    Etcd,
}

/// What is restored, where to, and as which member: etcdutl's flags of the same names.
#[derive(Clone, Debug)]
pub struct Restore {
    pub snapshot: PathBuf,
    pub data_dir: PathBuf,
    pub skip_hash_check: bool,
    pub bump_revision: u64,
    pub member: RestoredAs,
}

/// Who will start on the restored directory.
#[derive(Clone, Debug)]
pub enum RestoredAs {
    /// The cluster of this host: `up --data-dir`.
    Host,
    /// A member of a cluster: `store --data-dir`, or `etcd --data-dir`.
    Member {
        name: String,
        /// As on the command line: `a=http://10.0.0.1:2380,b=…`.
        initial_cluster: String,
        token: String,
        peer_urls: Vec<String>,
        /// Where the log goes, if not into the data directory.
        wal_dir: Option<PathBuf>,
    },
}

/// How far long work has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub step: &'static str,
    /// Bytes.
    pub done: u64,
    pub total: u64,
}

/// Reading and writing snapshot files, which only the store knows how to do. Whoever is handed a
/// `Progress` returns at once.
pub trait SnapshotFiles {
    /// Checks a file, of either format, and tells what it holds.
    fn status(&self, snapshot: &Path) -> anyhow::Result<SnapshotStatus>;

    /// Makes a data directory from a snapshot of either format; refuses one that is not empty.
    fn restore(&self, restore: &Restore, on_progress: &dyn Fn(Progress)) -> anyhow::Result<()>;

    /// Writes the snapshot `from`, of either format, to `to`.
    fn convert(
        &self,
        from: &Path,
        to: &Path,
        format: SnapshotFormat,
        skip_hash_check: bool,
        on_progress: &dyn Fn(Progress),
    ) -> anyhow::Result<()>;

    /// Which format a file has.
    fn format(&self, snapshot: &Path) -> anyhow::Result<SnapshotFormat>;

    /// Hashes the history in a file up to a revision, 0 for the latest.
    fn hash_kv(&self, file: &Path, revision: i64) -> anyhow::Result<Hash>;

    /// Gives space that is free inside a store that does not run back to the file system.
    fn defragment(&self, data_dir: &Path) -> anyhow::Result<()> {
        anyhow::bail!(
            "the store in {} gives free space back by itself while it runs, and at once when \
             `etcdctl defrag` asks it to; there is nothing to be done while it does not run",
            data_dir.display()
        )
    }
}
