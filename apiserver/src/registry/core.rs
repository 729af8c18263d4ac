//! The registry's parts, and finding a resource in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use api::Status;
use api::resource::Resource;
use store::Store;

use super::Kind;
use super::event_lease::EventLeases;
use super::services::ServiceNetwork;
use super::storage::Storage;
use crate::cache::{Feed, ResourceCache};
use crate::chain::Authorizer;
use crate::clock::SharedSources;

/// How long a write waits for the caches.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(3);

/// Everything that reads or writes objects goes through here, whatever the protocol in front.
pub struct Registry {
    /// By group, version and plural.
    kinds: HashMap<(String, String, String), Arc<Kind>>,
    pub storage: Storage,
    pub feed: Arc<Feed>,
    pub sources: SharedSources,
    /// What admission asks beyond what the chain has asked already.
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) network: ServiceNetwork,
    pub(super) event_leases: EventLeases,
}

impl Registry {
    pub fn new(
        rows: &[Arc<Resource>],
        store: Arc<dyn Store>,
        network: ServiceNetwork,
        sources: SharedSources,
        authorizer: Arc<dyn Authorizer>,
    ) -> Self {
        // Rows that share a storage prefix (two versions of one resource) share a cache.
        let mut caches: HashMap<String, Arc<ResourceCache>> = HashMap::new();
        let mut kinds = HashMap::new();
        for row in rows {
            let cache = caches
                .entry(row.storage_prefix.to_string())
                .or_insert_with(|| Arc::new(ResourceCache::new(row.clone())))
                .clone();
            let key = (row.group.to_string(), row.version.to_string(), row.plural.to_string());
            kinds.insert(key, Arc::new(Kind::new(row.clone(), cache)));
        }
        let feed = Arc::new(Feed::new(store.clone(), caches.into_values()));
        Self {
            kinds,
            storage: Storage::new(store.clone()),
            feed,
            event_leases: EventLeases::new(store, sources.clone()),
            sources,
            authorizer,
            network,
        }
    }

    pub fn kind(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        // Borrowed lookup of a tuple of Strings is not possible; a request can afford three.
        self.kinds.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// A resource by group and plural, in whichever version it is served.
    pub fn resource(&self, group: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.kinds.values().find(|kind| kind.is(group, plural))
    }

    /// Waits until the caches hold everything that this process has acknowledged, so that
    /// admission does not refuse a pod for a namespace that was created a moment ago.
    pub async fn catch_up(&self) -> Result<(), Status> {
        let revision = self.storage.known_revision();
        if self.feed.reached(revision, CATCH_UP_PATIENCE).await {
            return Ok(());
        }
        Err(Status::too_large_resource_version(revision, self.feed.revision()))
    }

    pub fn kinds(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.kinds.values()
    }
}
