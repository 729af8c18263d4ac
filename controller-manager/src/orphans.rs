//! Which objects of a kind have no controller: the only ones that might be adopted.
//!
//! Without it each reconcile of each owner would go through all Pods of its namespace.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use client::{Cache, Delta};

use crate::objects::Light;
use crate::owner::controller_of;

type ByNamespace = HashMap<String, HashSet<String>>;

/// Follows a cache. Must be started before the handlers that rely on it are registered.
pub struct Orphans<K> {
    cache: Cache<K>,
    names: Arc<Mutex<ByNamespace>>,
}

impl<K: Light + Send + Sync + 'static> Orphans<K> {
    pub fn start(cache: &Cache<K>) -> Arc<Self> {
        let names: Arc<Mutex<ByNamespace>> = Arc::default();
        let followed = names.clone();
        cache.on_change(move |delta| follow(&mut lock(&followed), delta));
        Arc::new(Self { cache: cache.clone(), names })
    }

    pub fn of_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        let names: Vec<String> =
            lock(&self.names).get(namespace).into_iter().flatten().cloned().collect();
        names.iter().filter_map(|name| self.cache.find(namespace, name)).collect()
    }
}

fn lock(names: &Mutex<ByNamespace>) -> MutexGuard<'_, ByNamespace> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow<K: Light>(names: &mut ByNamespace, delta: &Delta<K>) {
    let object = delta.object();
    let orphan = !matches!(delta, Delta::Deleted(_)) && controller_of(object.meta()).is_none();
    if orphan {
        names.entry(object.namespace().to_owned()).or_default().insert(object.name().to_owned());
    } else if let Some(others) = names.get_mut(object.namespace()) {
        others.remove(object.name());
        if others.is_empty() {
            names.remove(object.namespace());
        }
    }
}
