//! Leases that let Events expire.

use std::sync::Arc;

use api::Status;
use jiff::{SignedDuration, Timestamp};
use store::Store;
use tokio::sync::Mutex;

use super::storage::refused;
use crate::clock::SharedSources;

/// How long an Event lives after its last write, as upstream.
const EVENT_TTL_SECONDS: i64 = 3600;

/// Events of this many seconds share one lease: a lease per Event would cost the store a timer and
/// a write each.
const SHARED_FOR_SECONDS: i64 = 60;

/// Events on one lease at most, so that its expiry is no giant transaction.
const MAX_SHARERS: u32 = 1000;

struct Shared {
    id: i64,
    granted: Timestamp,
    sharers: u32,
}

pub struct EventLeases {
    store: Arc<dyn Store>,
    sources: SharedSources,
    current: Mutex<Option<Shared>>,
}

impl EventLeases {
    pub fn new(store: Arc<dyn Store>, sources: SharedSources) -> Self {
        Self { store, sources, current: Mutex::new(None) }
    }

    /// The lease for an Event written now. The lock is held while a lease is granted, so that the
    /// writers of one minute share one grant.
    pub async fn current(&self) -> Result<i64, Status> {
        let mut current = self.current.lock().await;
        let now = self.sources.now();
        if let Some(shared) = current.as_mut() {
            let young =
                now.duration_since(shared.granted) < SignedDuration::from_secs(SHARED_FOR_SECONDS);
            if young && shared.sharers < MAX_SHARERS {
                shared.sharers += 1;
                return Ok(shared.id);
            }
        }
        let ttl = EVENT_TTL_SECONDS + SHARED_FOR_SECONDS;
        let granted = self.store.lease_grant(0, ttl).await.map_err(refused)?;
        *current = Some(Shared { id: granted.id, granted: now, sharers: 1 });
        Ok(granted.id)
    }

    /// Forgets a lease that the store no longer knows.
    pub async fn forget(&self) {
        *self.current.lock().await = None;
    }
}
