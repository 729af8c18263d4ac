//! The one task that follows the store and fills every cache.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use store::{EventType, KeyRange, KeyValue, RangeRequest, Store, WatchItem, WatchRequest, Watcher};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ResourceCache;

/// Prefix of everything the apiserver stores.
const REGISTRY: &str = "/registry/";

/// Keys per range while loading; bounds the size of one answer of a remote store.
const LOAD_PAGE: i64 = 10_000;

/// Pause before the feed starts over after the store failed it.
const RESTART_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("cannot load the registry: {0}")]
    Load(store::Error),
    #[error("cannot watch the store: {0}")]
    Watch(store::Error),
}

/// A key and its new state; absent when it was deleted.
pub(super) type KeyChange = (Bytes, Option<KeyValue>);

/// Why the feed has to start over.
#[derive(Debug, PartialEq, Eq)]
enum Interrupted {
    Compacted,
    Closed,
}

pub struct Feed {
    store: Arc<dyn Store>,
    /// By storage prefix with the trailing slash.
    caches: HashMap<Bytes, Arc<ResourceCache>>,
    revision: watch::Sender<i64>,
}

impl Feed {
    pub fn new(
        store: Arc<dyn Store>,
        caches: impl IntoIterator<Item = Arc<ResourceCache>>,
    ) -> Self {
        let caches = caches.into_iter().map(|cache| (cache.prefix().clone(), cache)).collect();
        Self { store, caches, revision: watch::Sender::new(0) }
    }

    /// The revision up to which all caches are filled.
    pub fn revision(&self) -> i64 {
        *self.revision.borrow()
    }

    /// Waits until all caches hold everything up to `revision`; `false` when `patience` ran out.
    pub async fn reached(&self, revision: i64, patience: Duration) -> bool {
        if self.revision() >= revision {
            return true;
        }
        let mut announced = self.revision.subscribe();
        let reached = announced.wait_for(|current| *current >= revision);
        matches!(tokio::time::timeout(patience, reached).await, Ok(Ok(_)))
    }

    /// Loads all caches and opens the watch that continues from there.
    pub async fn start(&self) -> Result<Watcher, FeedError> {
        let revision = self.load().await?;
        let request =
            WatchRequest { range: KeyRange::prefix(Bytes::new()), start_revision: revision + 1 };
        let watcher = self.store.watch(request).await.map_err(FeedError::Watch)?;
        self.revision.send_replace(revision);
        Ok(watcher)
    }

    /// Reads the whole registry at one revision.
    async fn load(&self) -> Result<i64, FeedError> {
        let mut range = KeyRange::prefix(REGISTRY);
        let mut revision = 0;
        let mut loaded: HashMap<Bytes, Vec<KeyValue>> = HashMap::new();
        loop {
            let request = RangeRequest {
                range: range.clone(),
                limit: LOAD_PAGE,
                revision,
                ..RangeRequest::default()
            };
            let answer = self.store.range(request).await.map_err(FeedError::Load)?;
            if revision == 0 {
                revision = answer.header.revision;
            }
            let last = answer.kvs.last().map(|kv| kv.key.clone());
            for kv in answer.kvs {
                if let Some(prefix) = self.prefix_of(&kv.key) {
                    loaded.entry(prefix).or_default().push(kv);
                }
            }
            match last {
                Some(key) if answer.more => range.key = successor(&key),
                _ => break,
            }
        }
        for (prefix, cache) in &self.caches {
            cache.reset(loaded.get(prefix).map_or(&[], Vec::as_slice), revision);
        }
        Ok(revision)
    }

    /// The resource prefix of a key: `/registry/pods/` or `/registry/services/specs/`.
    fn prefix_of(&self, key: &Bytes) -> Option<Bytes> {
        let mut slashes =
            key.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        slashes
            .by_ref()
            .skip(2)
            .take(2)
            .map(|at| key.slice(..=at))
            .find(|prefix| self.caches.contains_key(prefix))
    }

    /// Follows the store until cancelled, starting over when history was lost.
    pub async fn run(self: Arc<Self>, mut watcher: Watcher, cancel: CancellationToken) {
        loop {
            let interrupted = tokio::select! {
                () = cancel.cancelled() => return,
                interrupted = self.follow(&mut watcher) => interrupted,
            };
            tracing::warn!(?interrupted, "the store's watch ended; loading the registry again");
            watcher = loop {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(RESTART_PAUSE) => {}
                }
                match self.start().await {
                    Ok(watcher) => break watcher,
                    Err(error) => tracing::warn!(%error, "the registry is not readable yet"),
                }
            };
        }
    }

    async fn follow(&self, watcher: &mut Watcher) -> Interrupted {
        while let Some(item) = watcher.items.recv().await {
            match item {
                WatchItem::Events { revision, events } => {
                    self.apply(revision, &events);
                    self.revision.send_replace(revision);
                }
                WatchItem::Progress { revision } => {
                    self.revision.send_if_modified(|current| {
                        let newer = revision > *current;
                        *current = revision.max(*current);
                        newer
                    });
                }
                WatchItem::Compacted { .. } => return Interrupted::Compacted,
            }
        }
        Interrupted::Closed
    }

    fn apply(&self, revision: i64, events: &[store::Event]) {
        // One revision rarely touches more than one or two resources.
        let mut touched: Vec<(Bytes, Vec<KeyChange>)> = Vec::new();
        for event in events {
            let Some(prefix) = self.prefix_of(&event.kv.key) else { continue };
            let kv = (event.event_type == EventType::Put).then(|| KeyValue::clone(&event.kv));
            let change = (event.kv.key.clone(), kv);
            match touched.iter_mut().find(|(known, _)| *known == prefix) {
                Some((_, changes)) => changes.push(change),
                None => touched.push((prefix, vec![change])),
            }
        }
        for (prefix, changes) in touched {
            if let Some(cache) = self.caches.get(&prefix) {
                cache.apply(revision, &changes);
            }
        }
    }
}

/// The smallest key greater than `key`.
fn successor(key: &[u8]) -> Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}
