//! This process's own member of the store.
//!
//! [`open`] brings it up, [`propose`] and [`read`] serve requests on whichever member they arrive,
//! [`leadership`] knows who leads, [`succession`] sees that somebody does, [`leases`] asks it, and
//! [`tasks`] are what runs beside.

mod contact;
mod leadership;
mod leases;
mod open;
mod propose;
mod read;
mod succession;
mod tasks;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use openraft::Raft;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::behind::Behind;
use crate::care::Proposals;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::peer::{Forwarder, Links};
use crate::published::Published;
use crate::raft::log::LogStore;
use crate::raft::machine::StateMachine;
use crate::raft::types::TypeConfig;
use crate::snapshot::{self, Home, SnapshotFormat, SnapshotReader};
use crate::wal::{SyncTimes, Wal};

pub(crate) use contact::Contact;
pub use leadership::Leadership;

/// A running member. Share it behind an [`Arc`]; stop it with [`Embedded::shutdown`].
pub struct Embedded {
    pub(crate) config: Config,
    pub(crate) published: Arc<Published>,
    pub(crate) raft: Raft<TypeConfig, StateMachine>,
    pub(crate) proposals: Proposals,
    /// The ways to the other members.
    pub(crate) links: Arc<Links>,
    forwarder: Forwarder,
    rounds: read::Rounds,
    contact: Arc<Contact>,
    leadership: watch::Sender<Leadership>,
    /// When this member learnt of the leader that it knows.
    led_since: Mutex<Option<Instant>>,
    /// Whether Raft's clock runs.
    ticking: AtomicBool,
    /// Whether this member has been seen in its own membership.
    belonged: AtomicBool,
    /// Whether the cluster knows this member's name and addresses.
    ready: watch::Sender<bool>,
    /// Held while members are changed: one change at a time.
    pub(crate) changes: tokio::sync::Mutex<()>,
    /// Changes of members under way.
    pub(crate) changing: AtomicUsize,
    /// Log index of the last change made here.
    pub(crate) changed: AtomicU64,
    /// Whether a member that has joined is being promoted.
    pub(crate) promoting: AtomicBool,
    failed: watch::Sender<Option<String>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    pub(crate) log: LogStore,
    /// `None` for a member in memory.
    pub(crate) disk: Option<OnDisk>,
    this: Weak<Self>,
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
    /// A consistent snapshot of the present, as a stream, in the store's own format.
    pub async fn snapshot(&self) -> Result<SnapshotReader, Error> {
        self.snapshot_as(SnapshotFormat::Coracle).await
    }

    /// As [`Embedded::snapshot`], in either format.
    pub async fn snapshot_as(&self, format: SnapshotFormat) -> Result<SnapshotReader, Error> {
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
        snapshot::stream(format, meta, state).await.map_err(failed)
    }

    /// Stops in order: no new requests, leadership to another, Raft, watches. Safe to call again.
    pub async fn shutdown(&self) {
        if !self.stop.is_cancelled() {
            self.hand_over().await;
        }
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

    /// Ends the member as a crash would, but for its threads: nothing is handed over or finished.
    #[cfg(test)]
    pub(crate) async fn crash(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        let _ = self.raft.shutdown().await;
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
    #[cfg(test)]
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

    pub(crate) fn fail(&self, reason: String) -> Error {
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

    /// Cancelled when the member stops.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Notes who is heard from.
    pub(crate) fn contact(&self) -> Arc<Contact> {
        Arc::clone(&self.contact)
    }

    /// Where snapshots are kept, `None` for a member in memory.
    pub(crate) fn snapshot_dir(&self) -> Option<std::path::PathBuf> {
        self.disk.as_ref().map(|disk| disk.dir.snapshots())
    }
}

impl Drop for Embedded {
    /// A member that was not shut down leaves as if it had crashed: its tasks end, its files stay.
    fn drop(&mut self) {
        self.stop.cancel();
        self.published.hub.close();
    }
}
