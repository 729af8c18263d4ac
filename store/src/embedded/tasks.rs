//! What runs beside the requests of a member, until it stops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use store_proto::peer as pb;
use store_proto::peer::question::Question;
use tokio::sync::watch;

use super::Embedded;
use crate::peer::REMOVED;
use crate::raft::types::{MemberNode, StoredMembership};

/// Of the entries kept behind a snapshot, no more than this many bytes.
const KEPT_BYTES: usize = 16 << 20;

/// How long a member that was removed stays, so that the others learn what it still knows: as long
/// as etcd's.
const REMOVED_STAY: Duration = Duration::from_secs(1);

/// Pause between tries to tell the cluster this member's name.
const PUBLISH_PAUSE: Duration = Duration::from_millis(500);

/// The members that found a cluster.
pub(super) type Founders = BTreeMap<u64, MemberNode>;

impl Embedded {
    /// Founds the cluster after `delay`, unless another founder has been in touch by then.
    pub(super) fn found_later(self: &Arc<Self>, delay: Duration, founders: Founders) {
        let raft = self.raft.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(delay) => {}
            }
            match raft.initialize(founders).await {
                Ok(()) => tracing::info!("founding the cluster in place of another member"),
                // One has been in touch.
                Err(error) => tracing::debug!(%error, "the cluster is founded"),
            }
        });
    }

    /// Has Raft take a snapshot whenever the state machine asks for it, and purges the log after
    /// each.
    pub(super) fn start_snapshots(self: &Arc<Self>) {
        let store = Arc::downgrade(self);
        let raft = self.raft.clone();
        let published = Arc::clone(&self.published);
        let stop = self.stop.clone();
        let mut taken = self.raft.watch_snapshot_progress();
        self.tasks.spawn(async move {
            loop {
                let wants = tokio::select! {
                    () = stop.cancelled() => return,
                    () = published.snapshot_due.notified() => true,
                    changed = taken.changed() => match changed {
                        Ok(()) => false,
                        Err(_) => return, // The core has ended, and has said why.
                    },
                };
                let Some(store) = store.upgrade() else { return };
                let done = if wants {
                    raft.trigger().snapshot().await
                } else {
                    let snapshot = taken.get().map(|log_id| log_id.index);
                    match snapshot.and_then(|snapshot| store.purgeable(snapshot)) {
                        Some(upto) => raft.trigger().purge_log(upto).await,
                        None => Ok(()),
                    }
                };
                if done.is_err() {
                    return; // The core has ended, and has said why.
                }
            }
        });
    }

    /// Up to where the log can go, whose snapshot reaches to `snapshot`.
    pub(crate) fn purgeable(&self, snapshot: u64) -> Option<u64> {
        if !self.ticking.load(Ordering::Relaxed) {
            return Some(snapshot); // Nobody else needs it.
        }
        let kept = self.config.care.snapshot_catchup_entries;
        self.log.surplus(kept, KEPT_BYTES).map(|surplus| surplus.min(snapshot))
    }

    /// Notices when Raft's core fails, also while nobody writes.
    pub(super) fn start_failure_watch(self: &Arc<Self>) {
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

    /// Stops the member when it learns that it was removed.
    pub(super) fn start_removal_watch(self: &Arc<Self>) {
        let store = Arc::downgrade(self);
        let mut removed = self.links.removed();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => return,
                removed = removed.wait_for(|removed| *removed) => if removed.is_err() { return },
            }
            tracing::error!("{REMOVED}; this member stops");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REMOVED_STAY) => {}
            }
            if let Some(store) = store.upgrade() {
                drop(store.fail(REMOVED.into()));
                store.raft.runtime_config().elect(false);
                store.stop.cancel();
                store.published.hub.close();
            }
        });
    }

    /// Notes what the membership in force says of this member: whoever was in it and is not any
    /// more was removed. One that joins sees memberships from before its time.
    pub(super) fn heed_membership(
        &self,
        effective: &StoredMembership,
        committed: &StoredMembership,
    ) {
        let me = self.published.identity.member_id;
        let has_me =
            |membership: &StoredMembership| membership.membership().get_node(&me).is_some();
        if has_me(effective) || has_me(committed) {
            self.belonged.store(true, Ordering::Relaxed);
        } else if self.belonged.load(Ordering::Relaxed) {
            self.links.note_removed();
        }
    }

    /// Another member says that the membership at `index` is without this one.
    pub(crate) fn heed_removal(&self, index: u64) {
        let membership = self.published.membership.load();
        let known = membership.log_id().as_ref().map_or(0, |log_id| log_id.index);
        let me = self.published.identity.member_id;
        if index > known || membership.membership().get_node(&me).is_none() {
            self.links.note_removed();
        }
    }

    /// Tells the cluster this member's name and client URLs as soon as there is someone to tell.
    pub(super) fn start_publishing(self: &Arc<Self>) {
        let store = Arc::downgrade(self);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                let Some(store) = store.upgrade() else { return };
                let publishing = async {
                    store.catch_up().await;
                    store.publish().await
                };
                let outcome = tokio::select! {
                    () = stop.cancelled() => return,
                    outcome = publishing => outcome,
                };
                match outcome {
                    Ok(()) => {
                        match store.check_initially(&*store).await {
                            Ok(()) => drop(store.ready.send_replace(true)),
                            Err(differing) => {
                                let reason =
                                    format!("this member differs from members {differing:x?}");
                                drop(store.fail(reason));
                            }
                        }
                        return;
                    }
                    Err(error) => tracing::info!(%error, "not part of the cluster yet"),
                }
                store.ask_whether_removed().await;
                drop(store);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PUBLISH_PAUSE) => {}
                }
            }
        });
    }

    /// Waits until this member is in the membership that it has applied, or for the request
    /// timeout.
    async fn catch_up(&self) {
        let me = self.published.identity.member_id;
        let mut leadership = self.leadership.subscribe();
        let known = async {
            loop {
                let led = leadership.wait_for(|now| now.leader.is_some()).await.is_ok();
                let membership = self.published.membership.load();
                if !led || membership.membership().get_node(&me).is_some() {
                    return;
                }
                tokio::time::sleep(PUBLISH_PAUSE).await;
            }
        };
        let _ = tokio::time::timeout(self.request_timeout(), known).await;
    }

    /// A member that finds no leader may have been removed while it was away. The others know.
    async fn ask_whether_removed(&self) {
        if self.leader().is_some() {
            return;
        }
        let membership = self.published.membership.load_full();
        let me = self.published.identity.member_id;
        for id in membership.nodes().map(|(id, _)| *id).filter(|id| *id != me) {
            // The answer does not matter; being refused does.
            let question = Question::ReadIndex(pb::ReadIndex {});
            let _ = self.links.ask(id, question, PUBLISH_PAUSE).await;
        }
    }

    /// Becomes true when this member is part of its cluster, and the cluster knows its name.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Gives leadership to the voter that lacks least, before this member stops. Gives up after an
    /// election timeout: then the others elect one.
    pub(super) async fn hand_over(&self) {
        let me = self.published.identity.member_id;
        if !self.is_leader() || !self.ticking.load(Ordering::Relaxed) {
            return;
        }
        let successor = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
            let replicas = metrics.replication.iter().flatten();
            let others = replicas.filter(|(id, _)| **id != me && voters.contains(id));
            others.max_by_key(|(_, matched)| **matched).map(|(id, _)| *id)
        };
        let Some(successor) = successor else { return };
        if self.raft.trigger().transfer_leader(successor).await.is_err() {
            return;
        }
        let mut metrics = self.raft.server_metrics();
        let handed = async {
            while metrics.borrow_watched().current_leader == Some(me) {
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(self.config.cluster.election_timeout, handed).await;
    }
}
