//! Why members could not be had as they were wanted.

use std::io;
use std::path::PathBuf;

use crate::chaos::disk::DiskError;
use crate::chaos::network::NetworkError;

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("{} is missing: build it with cargo build -p coracle, or name another with --binary", path.display())]
    NoBinary { path: PathBuf },
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot {action} {member}: {source}; its log is {}", log.display())]
    Process { action: &'static str, member: String, log: PathBuf, source: io::Error },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("cannot make certificates: {0}")]
    Certificates(#[from] certs::Error),
    #[error("{member} does not answer: {reason}")]
    Unreachable { member: String, reason: String },
    #[error("the cluster did not recover within {seconds} s: {reason}")]
    NotRecovered { seconds: u64, reason: String },
    #[error("{member} {what}; its log is {}", log.display())]
    Misbehaved { member: String, what: String, log: PathBuf },
}
