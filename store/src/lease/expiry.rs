//! Revokes what runs out, and checkpoints what is long, while this member leads.

use std::sync::Arc;

use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::keeper::Due;
use crate::command::Command;
use crate::embedded::Embedded;
use crate::error::Error;

/// Starts keeping time. When it returns, a member that leads already keeps it.
pub(crate) fn start(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let cluster = &store.config.cluster;
    let checkpoints = store.config.care.lease_checkpoints;
    let interval = checkpoints.enabled.then_some(checkpoints.interval);
    store.published.keeper.configure(cluster.election_timeout, interval);
    follow_leadership(store, tasks, stop);
    deal_with_what_is_due(store, tasks, stop);
}

/// Promotes and demotes the keeper as this member's role changes.
fn follow_leadership(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let published = Arc::clone(&store.published);
    let mut metrics = store.raft.server_metrics();
    let stop = stop.clone();
    // The term in which this member leads.
    let mut leads = None;
    let mut look = move |metrics: &mut openraft::type_config::alias::WatchReceiverOf<
        crate::raft::types::TypeConfig,
        openraft::metrics::RaftServerMetrics<crate::raft::types::TypeConfig>,
    >| {
        let now = {
            let metrics = metrics.borrow_watched();
            let leads = metrics.state == ServerState::Leader || planted!(FollowerExpiresLeases);
            leads.then_some(metrics.vote.leader_id.term)
        };
        if now == leads {
            return;
        }
        leads = now;
        match now {
            Some(_) => published.keeper.promote(&published.state.load()),
            None => published.keeper.demote(),
        }
    };
    look(&mut metrics);
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = metrics.changed() => if changed.is_err() { return },
            }
            look(&mut metrics);
        }
    });
}

fn deal_with_what_is_due(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let store = Arc::downgrade(store);
    let Some(keeper) = store.upgrade().map(|store| Arc::clone(&store.published.keeper)) else {
        return;
    };
    let stop = stop.clone();
    tasks.spawn(async move {
        loop {
            let due = tokio::select! {
                () = stop.cancelled() => return,
                due = keeper.due() => due,
            };
            let Some(store) = store.upgrade() else { return };
            let outcome = match due {
                Due::Expired(ids) => store.revoke_expired(ids).await,
                Due::Checkpoints(checkpoints) => {
                    let command = Command::LeaseCheckpoint(checkpoints);
                    store.propose_as_leader(command).await.map(drop)
                }
            };
            match outcome {
                Ok(()) => {}
                Err(Error::Stopped | Error::Fatal { .. }) => return,
                // Tried again after a while, or by the new leader.
                Err(error) => tracing::warn!(%error, "leases not seen to yet"),
            }
        }
    });
}

impl Embedded {
    /// Revokes leases that ran out, if this member leads beyond doubt and they are still so.
    async fn revoke_expired(&self, ids: Vec<i64>) -> Result<(), Error> {
        if !planted!(FollowerExpiresLeases) {
            self.confirm_leadership().await?;
        }
        let ids = self.published.keeper.still_expired(ids);
        let revokes = ids.into_iter().map(async |id| {
            if planted!(FollowerExpiresLeases) {
                return self.propose(Command::LeaseRevoke { id }).await;
            }
            // Not forwarded: another leader has its own clock.
            self.propose_as_leader(Command::LeaseRevoke { id }).await
        });
        for outcome in futures::future::join_all(revokes).await {
            match outcome {
                Ok(_) => crate::meters::count(&self.published.meters.leases_expired),
                Err(Error::LeaseNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
