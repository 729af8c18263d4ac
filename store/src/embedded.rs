//! This process's own member of the store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::Raft;
use openraft::errors::{ClientWriteError, RaftError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Tokens;
use crate::behind::Behind;
use crate::care::{self, Proposals};
use crate::command::{Command, Envelope};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::lease::{self, Keeper};
use crate::mvcc::Identity;
use crate::open_error::OpenError;
use crate::published::Published;
use crate::raft::log::LogStore;
use crate::raft::machine::StateMachine;
use crate::raft::network::Alone;
use crate::raft::tuning;
use crate::raft::types::{Answer, MemberNode, Proposal, TypeConfig};
use crate::reply::Reply;
use crate::snapshot::{self, Home, SnapshotReader};
use crate::start;
use crate::wal::{self, SyncTimes, Wal};

/// etcd's request timeout: 5 s and twice the election timeout.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);

/// How long recovery may take before opening is given up.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// A running member. Share it behind an [`Arc`]; stop it with [`Embedded::shutdown`].
pub struct Embedded {
    pub(crate) config: Config,
    pub(crate) published: Arc<Published>,
    pub(crate) raft: Raft<TypeConfig, StateMachine>,
    pub(crate) proposals: Proposals,
    failed: watch::Sender<Option<String>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// `None` for a member in memory.
    pub(crate) disk: Option<OnDisk>,
}

/// What a member with files holds.
pub(crate) struct OnDisk {
    pub(crate) dir: DataDir,
    pub(crate) snapshots: Home,
    pub(crate) wal: Wal,
    /// The write-behind home, unless this disk does not take one.
    pub(crate) behind: OnceLock<Behind>,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("identity", &self.published.identity).finish()
    }
}

impl Embedded {
    /// Opens the member that `config` describes, creating it on first use. Returns when it has
    /// applied everything it ever acknowledged and takes writes.
    pub async fn open(config: Config) -> Result<Arc<Self>, OpenError> {
        let failed = watch::Sender::new(None);
        let (identity, log, disk) = match &config.data_dir {
            None => (new_identity(), LogStore::default(), None),
            Some(path) => {
                let (log, disk) = open_files(path, &config, &failed)?;
                (disk.dir.identity, log, Some(disk))
            }
        };
        let keeper = Arc::new(Keeper::new(Arc::clone(&config.clock)));
        let tokens = Tokens::new(Arc::clone(&config.clock), config.auth_token_ttl);
        let published = Arc::new(Published::new(identity, keeper, tokens));
        let machine = match &disk {
            None => StateMachine::in_memory(identity, Arc::clone(&published)),
            Some(disk) => {
                let home = disk.snapshots.clone();
                let start = start::prepare(disk, &log, &published, config.write_behind)?;
                StateMachine::on_disk(identity, Arc::clone(&published), home, start)
            }
        };
        let raft = start_raft(&config, identity, log, machine).await?;
        let store = Arc::new(Self {
            config,
            published,
            raft,
            proposals: Proposals::default(),
            failed,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            disk,
        });
        lease::start(&store, &store.tasks, &store.stop);
        care::start(&store, &store.tasks, &store.stop);
        store.start_snapshots();
        store.start_failure_watch();
        store.tasks.close();
        Ok(store)
    }

    /// Has Raft take a snapshot, and purge its log, whenever the state machine asks for it.
    fn start_snapshots(self: &Arc<Self>) {
        let raft = self.raft.clone();
        let published = Arc::clone(&self.published);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = published.snapshot_due.notified() => {}
                }
                if raft.trigger().snapshot().await.is_err() {
                    return; // The core has ended, and has said why.
                }
            }
        });
    }

    /// Notices when Raft's core fails, also while nobody writes.
    fn start_failure_watch(self: &Arc<Self>) {
        let store = Arc::downgrade(self);
        let wait = self.raft.wait(None);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let failed = wait.metrics(|metrics| metrics.running_state.is_err(), "failure");
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = failed => outcome,
            };
            if let (Ok(metrics), Some(store)) = (outcome, store.upgrade())
                && let Err(fatal) = metrics.running_state
            {
                drop(store.fail(fatal.to_string()));
            }
        });
    }

    /// A consistent snapshot of the present, as a stream.
    pub async fn snapshot(&self) -> Result<SnapshotReader, Error> {
        self.linearize().await?;
        let captured = self
            .raft
            .with_state_machine(|machine| {
                let captured = machine.capture();
                Box::pin(async move { captured })
            })
            .await;
        let (meta, state) = captured.map_err(|fatal| self.fail(fatal.to_string()))?;
        let failed = |error: std::io::Error| Error::Fatal { reason: error.to_string() };
        snapshot::stream(meta, state).await.map_err(failed)
    }

    /// Stops in order: no new requests, Raft, watches. Safe to call again.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "raft core ended abnormally");
        }
        self.published.hub.close();
        if let Some(disk) = &self.disk {
            disk.wal.stop().await;
            if let Some(behind) = disk.behind.get() {
                behind.stop().await;
            }
            disk.dir.release();
        }
    }

    /// Bytes on disk, `None` for a member in memory.
    pub(crate) fn disk_bytes(&self) -> Option<u64> {
        let disk = self.disk.as_ref()?;
        let behind = disk.behind.get().map_or(0, Behind::bytes);
        Some(disk.wal.bytes() + disk.snapshots.bytes() + behind)
    }

    /// How long syncs of the log took, `None` for a member in memory.
    pub(crate) fn sync_times(&self) -> Option<SyncTimes> {
        self.disk.as_ref().map(|disk| disk.wal.sync_times())
    }

    /// Becomes `Some(reason)` when the member has failed for good (a disk error, say) and must be
    /// restarted.
    pub fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    fn fail(&self, reason: String) -> Error {
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            if first {
                *failed = Some(reason.clone());
            }
            first
        });
        Error::Fatal { reason }
    }

    /// Refuses everything once the member is stopped.
    pub(crate) fn check_running(&self) -> Result<(), Error> {
        if self.stop.is_cancelled() { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Replicates a command and returns its answer.
    pub(crate) async fn propose(&self, command: Command) -> Result<Reply, Error> {
        self.check_running()?;
        self.admit(&command).await?;
        self.propose_as_leader(command).await
    }

    /// As [`Embedded::propose`], if this member leads: never forwarded, and not held to the quota.
    pub(crate) async fn propose_as_leader(&self, command: Command) -> Result<Reply, Error> {
        self.check_running()?;
        let encoded = Envelope::of(command).encode();
        if encoded.len() > self.config.max_request_bytes {
            return Err(Error::RequestTooLarge);
        }
        let pending = self.proposals.begin();
        let write = self.raft.client_write(Proposal(encoded));
        let outcome =
            tokio::time::timeout(REQUEST_TIMEOUT, write).await.map_err(|_| Error::TimedOut)?;
        match outcome {
            Ok(response) => match response.data {
                Answer::Command(reply) => {
                    pending.answered();
                    reply
                }
                Answer::None => unreachable!("a command is answered as one"),
            },
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Err(Error::NoLeader),
            Err(RaftError::APIError(_)) => Err(Error::LeaderChanged),
            Err(RaftError::Fatal(_)) if self.stop.is_cancelled() => Err(Error::Stopped),
            Err(RaftError::Fatal(fatal)) => Err(self.fail(fatal.to_string())),
        }
    }

    /// Makes sure that the published state holds every write acknowledged before this call.
    ///
    /// A single voter publishes a write before it answers it and nobody else can write, so its
    /// published state always does. Several voters confirm leadership first.
    pub(crate) async fn linearize(&self) -> Result<(), Error> {
        self.check_running()?;
        let membership = self.published.membership.load();
        if membership.voter_ids().eq([self.published.identity.member_id]) {
            return Ok(());
        }
        match self.raft.ensure_linearizable(openraft::ReadPolicy::ReadIndex).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(_)) => Err(Error::NoLeader),
            Err(RaftError::Fatal(fatal)) => Err(self.fail(fatal.to_string())),
        }
    }
}

impl Embedded {
    /// Returns when a quorum has confirmed that this member leads, and it has applied everything
    /// that was committed before.
    pub(crate) async fn confirm_leadership(&self) -> Result<(), Error> {
        self.check_running()?;
        let membership = self.published.membership.load();
        if membership.voter_ids().eq([self.published.identity.member_id]) {
            return Ok(());
        }
        match self.raft.ensure_linearizable(openraft::ReadPolicy::ReadIndex).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(_)) => Err(Error::NoLeader),
            Err(RaftError::Fatal(fatal)) => Err(self.fail(fatal.to_string())),
        }
    }
}

impl Drop for Embedded {
    /// A member that was not shut down leaves as if it had crashed: its tasks end, its files stay.
    fn drop(&mut self) {
        self.stop.cancel();
        self.published.hub.close();
    }
}

/// Ids for a new cluster of one member.
pub(crate) fn new_identity() -> Identity {
    let id = || rand::random::<u64>().max(1); // 0 means "none".
    Identity { cluster_id: id(), member_id: id() }
}

/// Takes hold of the data directory and reads the log back.
fn open_files(
    path: &Path,
    config: &Config,
    failed: &watch::Sender<Option<String>>,
) -> Result<(LogStore, OnDisk), OpenError> {
    let dir = DataDir::open(path, new_identity)?;
    let options = wal::Options {
        disk: Arc::clone(&config.disk),
        segment_bytes: config.wal_segment_bytes,
        fsync: config.fsync,
        failed: failed.clone(),
    };
    let recovered = wal::recover(&dir.wal(), options)?;
    let log = LogStore::recovered(recovered.log, recovered.wal.clone());
    let snapshots = Home::new(dir.snapshots());
    Ok((log, OnDisk { dir, snapshots, wal: recovered.wal, behind: OnceLock::new() }))
}

async fn start_raft(
    config: &Config,
    identity: Identity,
    log: LogStore,
    machine: StateMachine,
) -> Result<Raft<TypeConfig, StateMachine>, OpenError> {
    let failed = |error: &dyn std::fmt::Display| OpenError::Raft { reason: error.to_string() };
    let tuning = tuning::config(&format!("{:x}", identity.cluster_id), true);
    let tuning = Arc::new(tuning.validate().map_err(|error| failed(&error))?);
    let id = identity.member_id;
    let raft = Raft::new(id, tuning, Alone, log, machine).await.map_err(|error| failed(&error))?;
    if !raft.is_initialized().await.map_err(|error| failed(&error))? {
        let node = MemberNode {
            name: config.name.clone(),
            peer_urls: config.peer_urls.clone(),
            client_urls: config.client_urls.clone(),
        };
        raft.initialize(BTreeMap::from([(id, node)])).await.map_err(|error| failed(&error))?;
    }
    // Ticks are off on a single voter, so nothing else would start the election.
    raft.trigger().elect(false).await.map_err(|error| failed(&error))?;
    raft.wait_for_recovery(Some(RECOVERY_TIMEOUT)).await.map_err(|error| failed(&error))?;
    Ok(raft)
}
