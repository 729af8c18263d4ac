//! For streams whose client wants a leader: word that there has been none for too long.
//!
//! One task, started with the first such stream, watches the leader for all of them; while there
//! is one, it sleeps.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::Embedded;

/// As etcd: streams cost more than requests, so they are given this many election timeouts.
const PATIENCE: u32 = 3;

/// Tells streams when to end.
#[derive(Debug)]
pub(super) struct Leaders {
    store: Arc<Embedded>,
    /// Cancelled when the leader is lost for too long, and then replaced.
    lost: Arc<Mutex<CancellationToken>>,
    watching: OnceLock<()>,
}

impl Leaders {
    pub(super) fn new(store: Arc<Embedded>) -> Self {
        Self { store, lost: Arc::default(), watching: OnceLock::new() }
    }

    pub(super) fn present(&self) -> bool {
        self.store.leader().is_some()
    }

    pub(super) fn is_learner(&self) -> bool {
        self.store.is_learner()
    }

    /// Resolves once there has been no leader for too long.
    pub(super) fn lost(&self) -> WaitForCancellationFutureOwned {
        self.watching.get_or_init(|| {
            let patience = PATIENCE * self.store.config.cluster.election_timeout;
            tokio::spawn(watch(Arc::downgrade(&self.store), Arc::clone(&self.lost), patience));
        });
        token(&self.lost).clone().cancelled_owned()
    }
}

fn token(lost: &Mutex<CancellationToken>) -> std::sync::MutexGuard<'_, CancellationToken> {
    lost.lock().expect("no code panics while it holds the token")
}

/// Runs until the store is gone.
async fn watch(
    store: std::sync::Weak<Embedded>,
    lost: Arc<Mutex<CancellationToken>>,
    patience: Duration,
) {
    let Some(mut leadership) = store.upgrade().map(|store| store.leadership()) else { return };
    drop(store);
    loop {
        if leadership.wait_for(|now| now.leader.is_none()).await.is_err() {
            return;
        }
        let back = leadership.wait_for(|now| now.leader.is_some());
        match tokio::time::timeout(patience, back).await {
            Ok(Ok(_)) => continue,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        std::mem::take(&mut *token(&lost)).cancel();
        // Streams that come before there is a leader again are refused at once.
        if leadership.wait_for(|now| now.leader.is_some()).await.is_err() {
            return;
        }
    }
}
