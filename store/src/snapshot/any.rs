//! Snapshot files of either kind: which one a file is, and what it holds.

use std::path::Path;

use super::decode::{self, Loaded};
use super::error::SnapshotError;
use super::etcd::{DatabaseFile, HashCheck};
use super::format::Meta;
use super::progress::OnProgress;
use crate::mvcc::Side;
use crate::raft::types::{MemberNode, Membership, StoredMembership};

/// How a snapshot is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotFormat {
    /// This store's own: a checksum for each piece, and smaller.
    #[default]
    Coracle,
    /// etcd's database file, which etcdutl restores too.
    Etcd,
}

/// What `snapshot status` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    pub format: SnapshotFormat,
    /// CRC32C of the content; of etcd's format the one that etcdutl shows.
    pub hash: u32,
    pub revision: i64,
    /// Live keys.
    pub total_keys: i64,
    /// Bytes of the file, for etcd's format of its pages.
    pub total_size: i64,
    /// The etcd version whose behaviour the writer served, or whose layout the file has; empty
    /// before etcd 3.6.
    pub version: String,
}

/// Which format a file begins like. What is in it is not looked at.
pub fn format_of(path: impl AsRef<Path>) -> Result<SnapshotFormat, SnapshotError> {
    match DatabaseFile::open(path.as_ref())? {
        Some(_) => Ok(SnapshotFormat::Etcd),
        None => decode::peek(path.as_ref()).map(|_| SnapshotFormat::Coracle),
    }
}

/// Checks the whole file and tells what it holds. Keeps no more of it than the names of its keys.
pub fn status(path: impl AsRef<Path>) -> Result<SnapshotStatus, SnapshotError> {
    let path = path.as_ref();
    let Some(file) = DatabaseFile::open(path)? else {
        let found = decode::check(path)?;
        return Ok(SnapshotStatus {
            format: SnapshotFormat::Coracle,
            hash: found.hash,
            revision: found.meta.revision,
            total_keys: found.meta.keys as i64,
            total_size: found.size as i64,
            version: found.meta.version,
        });
    };
    file.check_hash(HashCheck::IfThere, &|_| {})?;
    let found = file.scan()?;
    Ok(SnapshotStatus {
        format: SnapshotFormat::Etcd,
        hash: found.hash,
        revision: found.revision,
        total_keys: found.keys as i64,
        total_size: found.size as i64,
        version: found.version,
    })
}

/// Reads a file of either kind. Without `check_hash` its own hash may be missing or wrong; what it
/// holds is checked all the same.
pub(super) fn load_any(
    path: &Path,
    check_hash: bool,
    on_progress: OnProgress<'_>,
) -> Result<Loaded, SnapshotError> {
    let Some(file) = DatabaseFile::open(path)? else {
        return decode::load_telling(path, check_hash, on_progress);
    };
    let check = if check_hash { HashCheck::Demanded } else { HashCheck::Skipped };
    file.check_hash(check, on_progress)?;
    let imported = file.import(on_progress)?;
    let membership = membership(imported.members.into_iter().map(|member| {
        let is_learner = member.is_learner;
        let node = MemberNode {
            name: member.name,
            peer_urls: member.peer_urls,
            client_urls: member.client_urls,
            ..MemberNode::default()
        };
        (member.id, is_learner, node)
    }));
    let (term, index) = imported.last_log;
    let meta = Meta {
        // etcd's file does not tell.
        cluster_id: 0,
        member_id: 0,
        last_log: index.checked_sub(1).map(|index| (term, index)),
        membership,
        revision: imported.state.revision,
        compacted: imported.state.compacted,
        keys: imported.state.key_count() as u64,
        version: imported.version,
        side: Side::clone(&imported.state.side),
    };
    Ok(Loaded { meta, state: imported.state })
}

/// A membership for the record; nobody votes by it.
fn membership(members: impl Iterator<Item = (u64, bool, MemberNode)>) -> StoredMembership {
    let (mut voters, mut nodes) = (Vec::new(), std::collections::BTreeMap::new());
    for (id, is_learner, node) in members {
        if !is_learner {
            voters.push(id);
        }
        nodes.insert(id, node);
    }
    let voters = voters.into_iter().collect();
    // Every voter is a node here, which is all that is asked of them.
    Membership::new(vec![voters], nodes)
        .map_or_else(|_| StoredMembership::default(), |found| StoredMembership::new(None, found))
}
