//! The hash of a file's history: `hashkv`.

use std::path::Path;

use super::decode::load;
use super::error::SnapshotError;
use super::etcd::DatabaseFile;
use crate::error::Error;

/// What `hashkv` tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHash {
    pub hash: u32,
    /// The revision up to which history was hashed.
    pub revision: i64,
    pub compact_revision: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum FileHashError {
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The revision is compacted, or in the future.
    #[error(transparent)]
    Revision(#[from] Error),
}

/// Hashes the history in a file up to `revision` (0: the latest). Of etcd's file this is what
/// etcdutl and an etcd that has the same history tell; of the store's own what `endpoint hashkv` of
/// a member does.
pub fn hash_kv(path: impl AsRef<Path>, revision: i64) -> Result<FileHash, FileHashError> {
    let path = path.as_ref();
    let Some(file) = DatabaseFile::open(path)? else {
        let state = load(path, true)?.state;
        state.check_revision(revision)?;
        let revision = if revision > 0 { revision } else { state.revision };
        let (hash, compact_revision) = (state.hash(revision), state.compacted);
        return Ok(FileHash { hash, revision, compact_revision });
    };
    let found = file.hash_kv(revision)?;
    if revision > found.latest {
        return Err(Error::FutureRevision { current_revision: found.latest }.into());
    }
    if revision > 0 && revision < found.compacted {
        return Err(Error::Compacted { compact_revision: found.compacted }.into());
    }
    let revision = if revision > 0 { revision } else { found.latest };
    Ok(FileHash { hash: found.hash, revision, compact_revision: found.compacted })
}
