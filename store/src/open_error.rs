//! Why a store did not open.

use std::io;
use std::path::PathBuf;

use crate::snapshot::SnapshotError;
use crate::wal::WalError;

/// What to do about a member whose files are damaged.
pub(crate) const WAY_OUT: &str = "restore the data directory from a snapshot, or, where other \
    members have the data, remove this one from the cluster and add it anew with an empty directory";

/// Each tells what is wrong with which file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "data directory {dir} is in use by process {pid}; stop that process or use another \
         directory",
        dir = .dir.display()
    )]
    Locked { dir: PathBuf, pid: String },
    #[error(
        "{path} does not belong to a store; use an empty directory or the one the store was \
         created in",
        path = .path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "a restore into {dir} was cut off, or is under way; run the same `snapshot restore` again",
        dir = .dir.display()
    )]
    Unfinished { dir: PathBuf },
    #[error(
        "{path} is damaged at offset {offset}: {reason}; {WAY_OUT}",
        path = .path.display()
    )]
    DamagedMember { path: PathBuf, offset: usize, reason: String },
    #[error(
        "{path} has data format {format}, which this version does not know; use the version that \
         wrote it",
        path = .path.display()
    )]
    UnknownFormat { path: PathBuf, format: u64 },
    #[error(
        "the log of this member lies in {present}, not in {asked}; name that directory, or stop \
         the member and move the log, and the link `wal` in the data directory with it",
        present = .present.display(), asked = .asked.display()
    )]
    WalElsewhere { present: PathBuf, asked: PathBuf },
    #[error(
        "directory {wal} for the log is not empty, and this member has no log yet; name an empty \
         directory",
        wal = .wal.display()
    )]
    WalNotEmpty { wal: PathBuf },
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Wal(#[from] WalError),
    #[error("{reason}; {WAY_OUT}")]
    Snapshot { reason: SnapshotError },
    #[error(
        "the write-ahead log in {dir} begins after entry {purged}, and no snapshot there reaches \
         that far; {WAY_OUT}",
        dir = .dir.display()
    )]
    MissingSnapshot { dir: PathBuf, purged: u64 },
    /// What is configured of the cluster contradicts itself, or the cluster that runs.
    #[error("{reason}")]
    Cluster { reason: String },
    #[error("store did not start: {reason}")]
    Raft { reason: String },
}

impl From<SnapshotError> for OpenError {
    fn from(reason: SnapshotError) -> Self {
        Self::Snapshot { reason }
    }
}
