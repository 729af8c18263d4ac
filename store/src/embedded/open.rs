//! Bringing a member up.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use openraft::Raft;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::leadership::is_alone;
use super::tasks::Founders;
use super::{Embedded, OnDisk};
use crate::auth::Tokens;
use crate::care::{self, Proposals};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::lease::{self, Keeper};
use crate::membership::{self, Plan};
use crate::mvcc::Identity;
use crate::open_error::OpenError;
use crate::peer::{Forwarder, Links, Network, Sockets};
use crate::published::Published;
use crate::raft::log::LogStore;
use crate::raft::machine::{Start, StateMachine};
use crate::raft::network::Cluster;
use crate::raft::tuning;
use crate::raft::types::TypeConfig;
use crate::snapshot::Home;
use crate::start;
use crate::wal;

/// How long recovery may take before opening is given up.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// An append or a question to another member that gets no answer for so many election timeouts
/// gets none.
const PEER_PATIENCE: u32 = 2;

fn raft_failed(error: impl std::fmt::Display) -> OpenError {
    OpenError::Raft { reason: error.to_string() }
}

impl Embedded {
    /// Opens the member that `config` describes, creating it on first use.
    ///
    /// A member that is alone takes writes when this returns, and has applied everything it ever
    /// acknowledged. One of several must be served to its peers first
    /// ([`crate::server::serve_peers`]); [`Embedded::ready`] tells when it is part of its cluster.
    pub async fn open(config: Config) -> Result<Arc<Self>, OpenError> {
        let cluster = &config.cluster;
        let network =
            Sockets { tls: cluster.peer_tls.clone(), keep_alive: cluster.election_timeout };
        Self::open_over(config, Arc::new(network)).await
    }

    /// As [`Embedded::open`], over another network.
    pub(crate) async fn open_over(
        config: Config,
        network: Arc<dyn Network>,
    ) -> Result<Arc<Self>, OpenError> {
        let failed = watch::Sender::new(None);
        let known = config.data_dir.as_deref().is_some_and(DataDir::is_known);
        let plan = if known { None } else { Some(membership::plan(&config, &*network).await?) };
        let planned = plan.as_ref().map(|plan| plan.identity);
        let (identity, log, disk) = match &config.data_dir {
            None => {
                let identity = planned.expect("a member without files always starts anew");
                (identity, LogStore::default(), None)
            }
            Some(path) => {
                let choose = || planned.unwrap_or_else(new_identity);
                let (log, disk) = open_files(path, &config, &failed, choose)?;
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
                if config.cluster.force_new {
                    force_new(&log, start.as_ref(), identity, &config).await?;
                }
                StateMachine::on_disk(identity, Arc::clone(&published), home, start)
            }
        };
        let links = Arc::new(Links::new(network, identity));
        let raft = start_raft(&config, identity, log.clone(), machine, &links).await?;
        let later = found(&raft, &config, identity, plan).await?;
        let alone = elect_if_alone(&raft, identity).await?;
        let request_timeout = Duration::from_secs(5) + 2 * config.cluster.election_timeout;
        let store = Arc::new_cyclic(|this| Self {
            forwarder: Forwarder::new(Arc::clone(&links), request_timeout),
            config,
            published,
            raft,
            proposals: Proposals::default(),
            links,
            rounds: Default::default(),
            contact: Default::default(),
            leadership: watch::Sender::default(),
            led_since: Mutex::default(),
            ticking: AtomicBool::new(false),
            belonged: AtomicBool::new(false),
            ready: watch::Sender::new(false),
            changes: Default::default(),
            changing: AtomicUsize::new(0),
            changed: AtomicU64::new(0),
            promoting: AtomicBool::new(false),
            failed,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            log,
            disk,
            this: this.clone(),
        });
        store.look();
        lease::start(&store, &store.tasks, &store.stop);
        care::start(&store, &store.tasks, &store.stop);
        store.start_looking();
        store.start_succession();
        store.start_snapshots();
        store.start_failure_watch();
        store.start_removal_watch();
        if let Some((delay, founders)) = later {
            store.found_later(delay, founders);
        }
        if alone {
            store.publish().await.map_err(raft_failed)?;
            store.ready.send_replace(true);
        } else {
            store.start_publishing();
        }
        store.tasks.close();
        Ok(store)
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
    choose: impl FnOnce() -> Identity,
) -> Result<(LogStore, OnDisk), OpenError> {
    let dir = DataDir::open(&*config.disk, path, config.wal_dir.as_deref(), choose)?;
    let options = wal::Options {
        disk: Arc::clone(&config.disk),
        segment_bytes: config.wal_segment_bytes,
        fsync: config.fsync,
        mark: dir.wal_mark(),
        failed: failed.clone(),
    };
    let recovered = wal::recover(&dir.wal(), options)?;
    let log = LogStore::recovered(recovered.log, recovered.wal.clone());
    let snapshots = Home::on(Arc::clone(&config.disk), dir.snapshots());
    Ok((log, OnDisk { dir, snapshots, wal: recovered.wal, behind: OnceLock::new() }))
}

async fn force_new(
    log: &LogStore,
    start: Option<&Start>,
    identity: Identity,
    config: &Config,
) -> Result<(), OpenError> {
    let applied = start.map(|start| start.applied.clone()).unwrap_or_default();
    let me = identity.member_id;
    let forced =
        membership::stand_alone(log, applied.last_log_id, &applied.last_membership, me, config);
    forced.await.map(drop).map_err(raft_failed)
}

async fn start_raft(
    config: &Config,
    identity: Identity,
    log: LogStore,
    machine: StateMachine,
    links: &Arc<Links>,
) -> Result<Raft<TypeConfig, StateMachine>, OpenError> {
    let tuning = tuning::config(&format!("{:x}", identity.cluster_id), &config.cluster);
    let tuning = Arc::new(tuning.validate().map_err(raft_failed)?);
    let network = Cluster {
        links: Arc::clone(links),
        me: identity.member_id,
        patience: PEER_PATIENCE * config.cluster.election_timeout,
    };
    Raft::new(identity.member_id, tuning, network, log, machine).await.map_err(raft_failed)
}

/// Founds the cluster, if there is none yet and this member is to found it. All founders would
/// found the same; but each that does stands for election at once, and votes for itself. So the one
/// with the smallest id goes first, and the others wait to hear from it, each a while longer than
/// the one before, in case it does not start.
async fn found(
    raft: &Raft<TypeConfig, StateMachine>,
    config: &Config,
    identity: Identity,
    plan: Option<Plan>,
) -> Result<Option<(Duration, Founders)>, OpenError> {
    if raft.is_initialized().await.map_err(raft_failed)? {
        return Ok(None);
    }
    let founders = match plan {
        Some(plan) => plan.founders,
        // The first start ended before it got here.
        None => membership::founders_again(config, identity)?,
    };
    // Without founders, another member will be in touch.
    let Some(founders) = founders else { return Ok(None) };
    let before = founders.keys().take_while(|id| **id != identity.member_id).count();
    if before == 0 {
        raft.initialize(founders).await.map_err(raft_failed)?;
        return Ok(None);
    }
    let turn = u32::try_from(before).unwrap_or(u32::MAX);
    Ok(Some((tuning::longest_election_timeout(&config.cluster) * turn, founders)))
}

/// Has a member that is alone lead at once. Ticks are off, so nothing else would.
async fn elect_if_alone(
    raft: &Raft<TypeConfig, StateMachine>,
    identity: Identity,
) -> Result<bool, OpenError> {
    // Not by the metrics, which may lag.
    let membership = raft.with_raft_state(|state| state.membership_state.effective().clone());
    let membership = membership.await.map_err(raft_failed)?;
    let alone = is_alone(&membership, identity.member_id);
    if alone {
        raft.trigger().elect(false).await.map_err(raft_failed)?;
        raft.wait_for_recovery(Some(RECOVERY_TIMEOUT)).await.map_err(raft_failed)?;
    }
    Ok(alone)
}
