//! A member's data directory from a snapshot file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::any::load_any;
use super::bootstrap::{self, BootstrapError};
use super::error::SnapshotError;
use super::files::Home;
use super::progress::OnProgress;
use super::restoring::{self, Restoring, Site};
use crate::alarm::Alarms;
use crate::config::InitialMember;
use crate::disk::sync_above;
use crate::membership::{cluster_id, member_id};
use crate::mvcc::{Identity, Side, State};
use crate::open_error::OpenError;
use crate::raft::types::{MemberNode, Membership, StoredMembership, log_id};

/// How to restore: what etcdutl's flags of the same names say.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// Accept a file whose sha256 is missing or wrong. What it holds is still checked.
    pub skip_hash_check: bool,
    pub name: String,
    /// Shown until the member, once started, tells its own.
    pub client_urls: Vec<String>,
    /// `--initial-advertise-peer-urls`.
    pub peer_urls: Vec<String>,
    /// The members that found the new cluster together, each restored from the same file. Empty:
    /// this one alone, in a cluster whose ids are drawn at random.
    pub initial_cluster: Vec<InitialMember>,
    /// `--initial-cluster-token`.
    pub token: String,
    /// `--wal-dir`: made, and must not be there yet. The member is started with the same. `None`
    /// keeps the log in the data directory.
    pub wal_dir: Option<PathBuf>,
    /// How far to raise the latest revision, so that no client sees it decrease. All history
    /// counts as compacted then (`--mark-compacted`), and watchers start anew.
    pub bump_revision: u64,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            skip_hash_check: false,
            name: "default".into(),
            client_urls: Vec::new(),
            peer_urls: Vec::new(),
            initial_cluster: Vec::new(),
            token: "etcd-cluster".into(),
            wal_dir: None,
            bump_revision: 0,
        }
    }
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
    /// As etcdutl says it.
    #[error("data-dir {dir:?} not empty or could not be read")]
    NotEmpty { dir: PathBuf },
    /// As etcdutl says it.
    #[error("wal-dir {dir:?} exists")]
    WalExists { dir: PathBuf },
    #[error("another process restores into {dir}; wait for it, or end it", dir = .dir.display())]
    UnderWay { dir: PathBuf },
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error("revision {revision} cannot be raised by {by}")]
    Revision { revision: i64, by: u64 },
    #[error("{0}; nothing was restored: use another snapshot")]
    Snapshot(SnapshotError),
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    DataDir(#[from] OpenError),
}

impl From<SnapshotError> for RestoreError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

/// Makes the data directory of a member of a new cluster from a snapshot of either format.
///
/// Revisions go on where the snapshot ends, history back to its compaction included. Cluster and
/// member get new ids, so that members of the old cluster are not mistaken for peers; alarms stay
/// behind, because they name members of the old cluster. Nothing is written unless the file is
/// whole and the directory empty, and nothing is left if writing fails. A restore that is cut off
/// leaves nothing that a member would start with; the next one into the same directory starts over.
///
/// Members of one cluster restored apart are alike: ids follow from URLs and token, and each log
/// begins with the same membership.
pub fn restore(
    path: impl AsRef<Path>,
    data_dir: impl AsRef<Path>,
    options: RestoreOptions,
    on_progress: OnProgress<'_>,
) -> Result<Restored, RestoreError> {
    let data_dir = data_dir.as_ref();
    let (identity, membership) = founders(&options)?;
    let site = restoring::look_at(data_dir)?;
    if let Some(dir) = options.wal_dir.as_ref().filter(|dir| dir.exists()) {
        // One that was cut off may have made it, and put nothing into it.
        let made = site == Site::Unfinished
            && std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
        if !made {
            return Err(RestoreError::WalExists { dir: dir.clone() });
        }
    }
    let mut loaded = load_any(path.as_ref(), !options.skip_hash_check, on_progress)?;
    bump(&mut loaded.state, options.bump_revision)?;
    forget_alarms(&mut loaded.state);
    // The new cluster's log begins as one that was just created: with this membership.
    let first = log_id(0, 0);
    let (meta, state) = (&mut loaded.meta, &loaded.state);
    meta.cluster_id = identity.cluster_id;
    meta.member_id = identity.member_id;
    meta.last_log = Some((0, 0));
    meta.membership = StoredMembership::new(Some(first), membership);
    meta.revision = state.revision;
    meta.compacted = state.compacted;
    meta.side = Side::clone(&state.side);
    meta.version = crate::ETCD_VERSION.to_owned();
    let wal_dir = options.wal_dir.as_deref();
    let outcome = Restoring::begin(data_dir).and_then(|restoring| {
        make_wal_dir(wal_dir)?;
        // Else a loss of power could take the directory, with all that is put into it.
        sync_above(data_dir).map_err(|source| RestoreError::Io {
            action: "sync the directories above",
            path: data_dir.to_owned(),
            source,
        })?;
        write(&restoring.snapshots(), &loaded.meta, &loaded.state, on_progress)?;
        restoring.finish(identity)
    });
    if outcome.is_err() {
        // It was made here, and nothing was put into it.
        let _ = wal_dir.map(std::fs::remove_dir);
    }
    outcome?;
    Ok(Restored {
        cluster_id: identity.cluster_id,
        member_id: identity.member_id,
        revision: loaded.meta.revision,
        keys: loaded.meta.keys,
    })
}

/// Who the member is and with whom it founds its cluster. All members of that cluster arrive at the
/// same.
fn founders(options: &RestoreOptions) -> Result<(Identity, Membership), BootstrapError> {
    let node = |name: &str, peer_urls: &[String], client_urls: &[String]| MemberNode {
        name: name.to_owned(),
        peer_urls: peer_urls.to_owned(),
        client_urls: client_urls.to_owned(),
        ..MemberNode::default()
    };
    if options.initial_cluster.is_empty() {
        let identity = new_identity();
        let node = node(&options.name, &options.peer_urls, &options.client_urls);
        return Ok((identity, voters(BTreeMap::from([(identity.member_id, node)]))));
    }
    let peer_urls = bootstrap::check_urls(&options.peer_urls)?;
    bootstrap::verify(&options.name, &peer_urls, &options.initial_cluster)?;
    let id = |urls: &[String]| member_id(urls, &options.token, None);
    let mut nodes = BTreeMap::new();
    for member in &options.initial_cluster {
        let id = id(&member.peer_urls);
        // Client URLs are each member's own affair, and told by it when it starts.
        let node = node(&member.name, &member.peer_urls, &[]);
        if nodes.insert(id, node).is_some() {
            return Err(BootstrapError::SameId(id));
        }
    }
    let ids: Vec<u64> = nodes.keys().copied().collect();
    let identity = Identity { cluster_id: cluster_id(&ids), member_id: id(&peer_urls) };
    Ok((identity, voters(nodes)))
}

/// Ids that nobody else has.
fn new_identity() -> Identity {
    let id = || rand::random::<u64>().max(1); // 0 means "none".
    Identity { cluster_id: id(), member_id: id() }
}

fn voters(nodes: BTreeMap<u64, MemberNode>) -> Membership {
    let ids: BTreeSet<u64> = nodes.keys().copied().collect();
    Membership::new(vec![ids], nodes).expect("voters that are also nodes are a valid membership")
}

/// Raises the revision by `by` and compacts everything before, as etcdutl does: reads of and
/// watches from any older revision are refused. etcd counts from its last record, here it is the
/// store's revision, which is not less.
fn bump(state: &mut State, by: u64) -> Result<(), RestoreError> {
    let revision = state.revision;
    let raised = i64::try_from(by).ok().and_then(|by| revision.checked_add(by));
    // One is left, for the first write.
    let raised = raised.filter(|raised| *raised < i64::MAX);
    state.revision = raised.ok_or(RestoreError::Revision { revision, by })?;
    if by > 0 {
        state.compact_loaded(state.revision);
    }
    Ok(())
}

fn forget_alarms(state: &mut State) {
    Arc::make_mut(&mut state.side).alarms = Alarms::default();
}

/// The new cluster's log is empty: its first entries are the member's own to write.
fn make_wal_dir(dir: Option<&Path>) -> Result<(), RestoreError> {
    let Some(dir) = dir else { return Ok(()) };
    make_private(dir).and_then(|()| sync_above(dir)).map_err(|source| RestoreError::Io {
        action: "create directory",
        path: dir.to_owned(),
        source,
    })
}

/// What is kept is everyone's secrets.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn write(
    snapshots: &Path,
    meta: &super::Meta,
    state: &State,
    on_progress: OnProgress<'_>,
) -> Result<(), RestoreError> {
    let home = Home::new(snapshots.to_owned());
    home.write_telling(meta, state, on_progress).map(drop).map_err(|source| RestoreError::Io {
        action: "write a snapshot into",
        path: snapshots.to_owned(),
        source,
    })
}
