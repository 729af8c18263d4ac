//! Compacts of its own accord, where that is set.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::compactor::Compactor;
use crate::embedded::Embedded;
use crate::error::Error;
use crate::face::Store;

/// Starts the compactor, unless auto-compaction is off: then there is no task.
pub(super) fn start(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let clock = Arc::clone(&store.config.clock);
    let Some(mut compactor) = Compactor::new(store.config.care.auto_compaction, clock.now()) else {
        return;
    };
    let store = Arc::downgrade(store);
    let stop = stop.clone();
    tasks.spawn(async move {
        loop {
            {
                let Some(store) = store.upgrade() else { return };
                compactor.begin(store.current_revision());
            }
            let next = clock.now().saturating_add(compactor.interval());
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep_until(next) => {}
            }
            let Some(store) = store.upgrade() else { return };
            if !store.is_leader() {
                continue;
            }
            let Some(revision) = compactor.due(clock.now(), store.current_revision()) else {
                continue;
            };
            match store.compact(revision).await {
                Ok(_) | Err(Error::Compacted { .. }) => {
                    tracing::info!(revision, "compacted");
                    compactor.compacted(clock.now(), revision);
                }
                Err(Error::Stopped | Error::Fatal { .. }) => return,
                Err(error) => tracing::warn!(revision, %error, "not compacted yet"),
            }
        }
    });
}
