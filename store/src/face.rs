//! The face of the store: what the apiserver and the etcd services program against.
//!
//! Two implementations answer alike: [`crate::Embedded`] (this process's own member) and a remote
//! one (any etcd v3 endpoint). One list of conformance cases holds both to it.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::types::*;
use crate::watch::Progress;

/// Items that may wait in a watcher's channel before it counts as slow. A slow watcher is then fed
/// from history and never delays a write.
pub const WATCH_CHANNEL_CAPACITY: usize = 1024;

/// A running watch. Dropping it ends it.
#[derive(Debug)]
pub struct Watcher {
    /// The store's revision when the watch was registered. Without a `start_revision` every later
    /// revision is delivered.
    pub created_revision: i64,
    pub items: mpsc::Receiver<WatchItem>,
    progress: Option<Progress>,
}

impl Watcher {
    /// A watch whose source sends progress of its own accord, if at all.
    pub fn new(created_revision: i64, items: mpsc::Receiver<WatchItem>) -> Self {
        Self { created_revision, items, progress: None }
    }

    pub(crate) fn with_progress(
        created_revision: i64,
        items: mpsc::Receiver<WatchItem>,
        progress: Progress,
    ) -> Self {
        Self { created_revision, items, progress: Some(progress) }
    }

    /// A handle that asks for [`WatchItem::Progress`], also after `items` has moved elsewhere.
    /// `None` when this watch cannot be asked.
    pub fn progress(&self) -> Option<Progress> {
        self.progress.clone()
    }
}

/// A linearizable, revisioned key-value store with etcd v3's semantics.
///
/// Every method may be called concurrently. A write that returns `Ok` is on disk (unless the store
/// was opened in memory).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error>;

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error>;

    async fn put(&self, request: PutRequest) -> Result<PutResponse, Error>;

    async fn delete_range(&self, request: DeleteRangeRequest)
    -> Result<DeleteRangeResponse, Error>;

    /// Forgets history before `revision`, which itself stays readable.
    async fn compact(&self, revision: i64) -> Result<Header, Error>;

    async fn watch(&self, request: WatchRequest) -> Result<Watcher, Error>;

    /// Grants a lease of `ttl` seconds; `id` 0 lets the store choose.
    async fn lease_grant(&self, id: i64, ttl: i64) -> Result<LeaseGranted, Error>;

    /// Revokes a lease and deletes its keys in one revision.
    async fn lease_revoke(&self, id: i64) -> Result<Header, Error>;

    /// Renews a lease and returns its TTL in seconds, 0 when it does not exist.
    async fn lease_keep_alive(&self, id: i64) -> Result<LeaseGranted, Error>;

    async fn lease_time_to_live(&self, id: i64, with_keys: bool) -> Result<LeaseStatus, Error>;

    async fn leases(&self) -> Result<Vec<i64>, Error>;

    async fn members(&self) -> Result<Vec<Member>, Error>;

    async fn status(&self) -> Result<Status, Error>;

    /// The latest revision this process knows of, without waiting. Never goes backwards.
    fn current_revision(&self) -> i64;
}
