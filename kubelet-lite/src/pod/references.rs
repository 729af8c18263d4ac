//! ConfigMaps and Secrets that pods of this node refer to: one watch for each, shared by the pods
//! that need it, as long as one does.
//!
//! Upstream's kubelet watches single objects too: a node may not read those of other nodes' pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::env::{self, Values};
use super::handle::Handle;
use super::types::Pod;

/// How long a pod waits for the first answer, as long as upstream's kubelet does.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }
}

/// Kind and name, in the pod's namespace.
pub type Wanted = BTreeSet<(Kind, String)>;

/// Everything that the pod's volumes and variables refer to.
pub fn wanted(pod: &Pod) -> Wanted {
    let mut wanted = Wanted::new();
    let mut add = |kind: Kind, name: &str| {
        if !name.is_empty() {
            wanted.insert((kind, name.to_owned()));
        }
    };
    for container in pod.spec.all_containers() {
        for from in &container.env_from {
            from.config_map_ref.iter().for_each(|target| add(Kind::ConfigMap, &target.name));
            from.secret_ref.iter().for_each(|target| add(Kind::Secret, &target.name));
        }
        for source in container.env.iter().filter_map(|variable| variable.value_from.as_ref()) {
            source.config_map_key_ref.iter().for_each(|target| add(Kind::ConfigMap, &target.name));
            source.secret_key_ref.iter().for_each(|target| add(Kind::Secret, &target.name));
        }
    }
    for volume in &pod.spec.volumes {
        volume.config_map.iter().for_each(|source| add(Kind::ConfigMap, &source.name));
        volume.secret.iter().for_each(|source| add(Kind::Secret, &source.secret_name));
        for source in volume.projected.iter().flat_map(|projected| &projected.sources) {
            source.config_map.iter().for_each(|source| add(Kind::ConfigMap, &source.name));
            source.secret.iter().for_each(|source| add(Kind::Secret, &source.secret_name));
        }
    }
    pod.spec.image_pull_secrets.iter().for_each(|secret| add(Kind::Secret, &secret.name));
    wanted
}

type Key = (Kind, String, String);
/// Nothing yet, or what is there, which may be nothing.
type State = Option<Option<Arc<Values>>>;

/// One watched object.
pub struct Reference {
    state: watch::Receiver<State>,
    users: Arc<Mutex<Vec<Weak<Handle>>>>,
    _watch: DropGuard,
}

pub struct References {
    client: Client,
    known: Mutex<BTreeMap<Key, Weak<Reference>>>,
}

/// The objects of one pod; watches end with the last pod that holds them.
#[derive(Default)]
pub struct Held(BTreeMap<(Kind, String), Arc<Reference>>);

#[derive(Debug, thiserror::Error)]
#[error("failed to sync {} cache: timed out waiting for the condition", .kind.word())]
pub struct NotSynced {
    kind: Kind,
}

impl References {
    pub fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    /// Watches what is `wanted` and not held yet for a pod of `namespace`.
    pub fn hold(&self, held: &mut Held, namespace: &str, wanted: Wanted, user: &Arc<Handle>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, reference| reference.strong_count() > 0);
        for (kind, name) in wanted {
            if held.0.contains_key(&(kind, name.clone())) {
                continue;
            }
            let key = (kind, namespace.to_owned(), name.clone());
            let reference = known.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
                let reference = Arc::new(self.watch(kind, namespace, &name));
                known.insert(key, Arc::downgrade(&reference));
                reference
            });
            let mut users = reference.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.retain(|user| user.strong_count() > 0);
            users.push(Arc::downgrade(user));
            drop(users);
            held.0.insert((kind, name), reference);
        }
    }

    fn watch(&self, kind: Kind, namespace: &str, name: &str) -> Reference {
        let (sender, state) = watch::channel(None);
        let users = Arc::new(Mutex::new(Vec::new()));
        let cancel = CancellationToken::new();
        let feed = Feed { sender, users: users.clone() };
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let client = self.client.clone();
        match kind {
            Kind::ConfigMap => {
                let api: Api<ConfigMap> = Api::namespaced(client, namespace);
                spawn(feed, watcher(api, config), cancel.clone(), config_map_values);
            }
            Kind::Secret => {
                let api: Api<Secret> = Api::namespaced(client, namespace);
                spawn(feed, watcher(api, config), cancel.clone(), secret_values);
            }
        }
        Reference { state, users, _watch: cancel.drop_guard() }
    }
}

fn config_map_values(map: ConfigMap) -> Values {
    let text = map.data.into_iter().flatten().map(|(key, value)| (key, value.into_bytes()));
    text.chain(map.binary_data.into_iter().flatten().map(|(key, value)| (key, value.0))).collect()
}

fn secret_values(secret: Secret) -> Values {
    secret.data.into_iter().flatten().map(|(key, value)| (key, value.0)).collect()
}

struct Feed {
    sender: watch::Sender<State>,
    users: Arc<Mutex<Vec<Weak<Handle>>>>,
}

impl Feed {
    fn set(&self, value: Option<Values>) {
        let value = Some(value.map(Arc::new));
        let changed = self.sender.send_if_modified(|state| {
            let differs = *state != value;
            *state = value;
            differs
        });
        if changed {
            let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.iter().filter_map(Weak::upgrade).for_each(|user| user.references_changed());
        }
    }
}

fn spawn<K: Send + 'static>(
    feed: Feed,
    stream: impl futures::Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    cancel: CancellationToken,
    values: fn(K) -> Values,
) {
    tokio::spawn(async move {
        let mut stream = std::pin::pin!(stream.default_backoff());
        let mut listed = None;
        while let Some(Some(event)) = cancel.run_until_cancelled(stream.next()).await {
            match event {
                Ok(watcher::Event::Init) => listed = None,
                Ok(watcher::Event::InitApply(object)) => listed = Some(values(object)),
                Ok(watcher::Event::InitDone) => feed.set(listed.take()),
                Ok(watcher::Event::Apply(object)) => feed.set(Some(values(object))),
                Ok(watcher::Event::Delete(_)) => feed.set(None),
                Err(error) => tracing::debug!(%error, "watch of a pod's reference"),
            }
        }
    });
}

impl Held {
    /// The current values, once each object has been read or found missing.
    pub async fn values(&self) -> Result<env::References, NotSynced> {
        let mut values = env::References::default();
        for ((kind, name), reference) in &self.0 {
            let mut state = reference.state.clone();
            let synced = tokio::time::timeout(FIRST_ANSWER, state.wait_for(Option::is_some)).await;
            let found = match synced {
                Ok(Ok(state)) => state.as_ref().and_then(Clone::clone),
                Ok(Err(_)) | Err(_) => return Err(NotSynced { kind: *kind }),
            };
            let Some(found) = found else { continue };
            let map = match kind {
                Kind::ConfigMap => &mut values.config_maps,
                Kind::Secret => &mut values.secrets,
            };
            map.insert(name.clone(), (*found).clone());
        }
        Ok(values)
    }
}
