//! What can be done with a snapshot file apart from a running member.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::decode::{SnapshotError, load};
use super::files::Home;
use crate::data_dir;
use crate::embedded::new_identity;
use crate::open_error::OpenError;
use crate::raft::types::{MemberNode, Membership, StoredMembership, log_id};

/// What `snapshot status` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// CRC32C of the content.
    pub hash: u32,
    pub revision: i64,
    /// Live keys.
    pub total_keys: i64,
    /// Bytes of the file.
    pub total_size: i64,
    /// The etcd version whose behaviour the writer served.
    pub version: String,
}

/// How to restore.
#[derive(Clone, Debug, Default)]
pub struct RestoreOptions {
    /// Accept a file whose sha256 is missing or wrong. Its frames are still checked.
    pub skip_hash_check: bool,
    pub name: String,
    pub client_urls: Vec<String>,
    pub peer_urls: Vec<String>,
}

/// What a restore made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    pub cluster_id: u64,
    pub member_id: u64,
    pub revision: i64,
    pub keys: u64,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(
        "data directory {dir} is not empty; restore into an empty or new directory",
        dir = .dir.display()
    )]
    NotEmpty { dir: PathBuf },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    DataDir(#[from] OpenError),
}

/// Checks the file and tells what it holds.
pub fn status(path: impl AsRef<Path>) -> Result<SnapshotStatus, SnapshotError> {
    let loaded = load(path.as_ref(), true)?;
    Ok(SnapshotStatus {
        hash: loaded.hash,
        revision: loaded.meta.revision,
        total_keys: loaded.meta.keys as i64,
        total_size: loaded.size as i64,
        version: loaded.meta.version,
    })
}

/// Makes the data directory of a new cluster of one member from a snapshot.
///
/// Revisions go on where the snapshot ends, history back to its compaction included. Cluster and
/// member get new ids, so that members of the old cluster are not mistaken for peers. Nothing is
/// written unless the file is whole and the directory empty.
pub fn restore(
    path: impl AsRef<Path>,
    data_dir: impl AsRef<Path>,
    options: RestoreOptions,
) -> Result<Restored, RestoreError> {
    let data_dir = data_dir.as_ref();
    refuse_non_empty(data_dir)?;
    let mut loaded = load(path.as_ref(), !options.skip_hash_check)?;
    let identity = new_identity();
    let node = MemberNode {
        name: options.name,
        peer_urls: options.peer_urls,
        client_urls: options.client_urls,
    };
    let id = identity.member_id;
    let membership = Membership::new(vec![BTreeSet::from([id])], BTreeMap::from([(id, node)]))
        .expect("a voter that is also a node is a valid membership");
    // The new cluster's log begins as one that was just created: with this membership.
    let first = log_id(0, 0);
    loaded.meta.cluster_id = identity.cluster_id;
    loaded.meta.member_id = identity.member_id;
    loaded.meta.last_log = Some((0, 0));
    loaded.meta.membership = StoredMembership::new(Some(first), membership);
    let snapshots = data_dir::snapshots_in(data_dir);
    let write = || {
        std::fs::create_dir_all(&snapshots)?;
        Home::new(snapshots.clone()).write(&loaded.meta, &loaded.state)
    };
    write().map_err(|source| RestoreError::Io {
        action: "write a snapshot into",
        path: snapshots.clone(),
        source,
    })?;
    // Last, so that a directory left half done is never taken for a member's.
    data_dir::write_member(data_dir, identity)?;
    Ok(Restored {
        cluster_id: identity.cluster_id,
        member_id: identity.member_id,
        revision: loaded.meta.revision,
        keys: loaded.meta.keys,
    })
}

fn refuse_non_empty(dir: &Path) -> Result<(), RestoreError> {
    match std::fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(RestoreError::NotEmpty { dir: dir.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => {
            Err(RestoreError::Io { action: "read directory", path: dir.to_owned(), source })
        }
    }
}
