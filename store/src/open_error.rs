//! Why a store did not open.

use std::io;
use std::path::PathBuf;

/// Each tells what is wrong with which file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "data directory {dir} is in use by process {pid}; stop that process or use another directory",
        dir = .dir.display()
    )]
    Locked { dir: PathBuf, pid: String },
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("store did not start: {reason}")]
    Raft { reason: String },
}
