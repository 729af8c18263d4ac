//! What the readers of a cache hold.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::feed::{self, Config};
use super::index::{Delta, Index};
use crate::ObjectKey;

type Handler<K> = Box<dyn Fn(&Delta<K>) + Send + Sync>;

/// A cache of one kind, kept up to date by a task. Clones share it.
pub struct Cache<K>(Arc<Shared<K>>);

struct Shared<K> {
    index: RwLock<Index<K>>,
    /// Held while a change is applied and told, so that every handler sees every change once and
    /// in order. Taken before `index`, never the other way round.
    handlers: Mutex<Vec<Handler<K>>>,
    synced: watch::Sender<bool>,
}

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Resource> Default for Cache<K> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<K: Resource> Cache<K> {
    /// Starts the task that keeps the cache; it ends when `cancel` does. Must be called within a
    /// tokio runtime. Returns at once: await [`Cache::synced`] before the content is relied upon.
    pub fn start(api: Api<K>, config: Config, cancel: CancellationToken) -> Self
    where
        K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        Self::start_pruned(api, config, cancel, |_| {})
    }

    /// As `start`, of objects from which `prune` takes what nobody reads here, before they are
    /// kept or told. It must leave the metadata's name, namespace, uid, resourceVersion and owners.
    pub fn start_pruned(
        api: Api<K>,
        config: Config,
        cancel: CancellationToken,
        prune: fn(&mut K),
    ) -> Self
    where
        K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let cache = Self::empty();
        let fed = cache.clone();
        tokio::spawn(async move {
            cancel.run_until_cancelled(feed::feed(api, config, prune, fed)).await;
        });
        cache
    }

    /// A cache that nothing feeds, of a known content: for tests of what reads caches.
    pub fn of(objects: impl IntoIterator<Item = K>) -> Self {
        let cache = Self::empty();
        cache.replace(objects.into_iter().map(Arc::new).collect());
        cache
    }

    fn empty() -> Self {
        Self(Arc::new(Shared {
            index: RwLock::default(),
            handlers: Mutex::default(),
            synced: watch::Sender::new(false),
        }))
    }

    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.find(&key.namespace, &key.name)
    }

    /// As `get`, without a key at hand. The namespace of a cluster-scoped object is empty.
    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.read(|index| index.get(namespace, name).cloned())
    }

    /// Everything, in no particular order.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.read(|index| index.iter().cloned().collect())
    }

    /// The objects of one namespace, by name.
    pub fn list_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        self.read(|index| index.namespace(namespace).cloned().collect())
    }

    /// The objects with an ownerReference to `uid`, in no particular order.
    pub fn owned_by(&self, uid: &str) -> Vec<Arc<K>> {
        self.read(|index| index.owned_by(uid).cloned().collect())
    }

    pub fn len(&self) -> usize {
        self.read(Index::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns once the first complete list is in the cache and was told to the handlers. Never
    /// returns if the feeding task is cancelled before that: race it against the same token.
    pub async fn synced(&self) {
        let mut synced = self.0.synced.subscribe();
        // The sender lives in `self`, so the channel cannot close under us.
        let _ = synced.wait_for(|synced| *synced).await;
    }

    pub fn is_synced(&self) -> bool {
        *self.0.synced.borrow()
    }

    /// Calls `handler` for every object now in the cache (as `Added`), then for every change, in
    /// order. Handlers run on the feeding task: they must be quick and must not block. They may
    /// read caches, this one too, which then holds at least the told change. They must not
    /// register handlers on this cache.
    pub fn on_change(&self, handler: impl Fn(&Delta<K>) + Send + Sync + 'static) {
        let mut handlers = self.0.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        for object in self.list() {
            handler(&Delta::Added(object));
        }
        handlers.push(Box::new(handler));
    }

    pub(super) fn upsert(&self, object: K) {
        self.change(|index| index.upsert(Arc::new(object)));
    }

    pub(super) fn remove(&self, object: K) {
        self.change(|index| index.remove(Arc::new(object)));
    }

    /// Takes the result of a complete list; the cache is synced from here on.
    pub(super) fn replace(&self, all: Vec<Arc<K>>) {
        self.change(|index| index.replace(all));
        self.0.synced.send_replace(true);
    }

    fn change<D>(&self, apply: impl FnOnce(&mut Index<K>) -> D)
    where
        D: IntoIterator<Item = Delta<K>>,
    {
        let handlers = self.0.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let deltas = apply(&mut self.0.index.write().unwrap_or_else(PoisonError::into_inner));
        for delta in deltas {
            for handler in handlers.iter() {
                handler(&delta);
            }
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Index<K>) -> T) -> T {
        read(&self.0.index.read().unwrap_or_else(PoisonError::into_inner))
    }
}
