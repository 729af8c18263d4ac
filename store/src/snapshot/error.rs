//! Why a file was not read as a snapshot.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} is a snapshot neither of this store nor of etcd", path = .path.display())]
    NotASnapshot { path: PathBuf },
    #[error(
        "{path} has snapshot format {format}, which this version does not know",
        path = .path.display()
    )]
    UnknownFormat { path: PathBuf, format: u32 },
    #[error(
        "snapshot {path} is damaged at offset {offset}: {reason}",
        path = .path.display()
    )]
    Corrupt { path: PathBuf, offset: u64, reason: String },
    /// All of its parts are what they say, and yet not together.
    #[error(
        "snapshot {path} does not match its checksum (sha256) at offset {offset}; it is damaged or \
         incomplete",
        path = .path.display()
    )]
    WrongHash { path: PathBuf, offset: u64 },
    #[error("snapshot {path} is that of another member", path = .path.display())]
    OtherMember { path: PathBuf },
    /// Begins as etcdutl says it.
    #[error(
        "snapshot missing hash but --skip-hash-check=false: {path} does not end in its checksum; is \
         it a file out of a data directory, or cut short?",
        path = .path.display()
    )]
    MissingHash { path: PathBuf },
    /// Begins as etcdutl says it.
    #[error(
        "expected sha256 {}, got {}: {path} is damaged or incomplete",
        go_bytes(.expected),
        go_bytes(.found),
        path = .path.display()
    )]
    OtherHash { path: PathBuf, expected: [u8; 32], found: [u8; 32] },
}

/// Bytes as Go prints them.
fn go_bytes(bytes: &[u8]) -> String {
    let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
    format!("[{}]", numbers.join(" "))
}
