//! One node: its Node object, the watch of its pods, and a worker for each of them.
//!
//! ```text
//!  watch of pods ──► registry of handles ◄── runtime events, relist
//!                        │ wake
//!                    one worker per pod uid ──► runtime, volumes, status
//! ```
//!
//! This task alone adds handles and starts workers. It never acts on a pod: it tells the worker to
//! look. Pods that the runtime has and the API does not are handles too, gone from the start.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::Identity;
use client::EventRecorder;
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::KubeletConfig;
use crate::layout::Layout;
use crate::node::keeper::Keeper;
use crate::pod::handle::Handle;
use crate::pod::references::References;
use crate::pod::service_cache::ServiceCache;
use crate::pod::shared::Shared;
use crate::pod::types::Pod;
use crate::pod::worker::Worker;
use crate::runtime::Runtime;

/// How often pods that nobody wants are looked for, as a safety net.
const RELIST_EVERY: Duration = Duration::from_secs(30);

/// The pods of one node, by uid. Read by the server, written by the kubelet alone.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<HashMap<String, Arc<Handle>>>>);

impl Registry {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Handle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, uid: &str) -> Option<Arc<Handle>> {
        self.lock().get(uid).cloned()
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The pod of that name. Of two (the old one still ends), the one that the API has.
    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let pods = self.lock();
        let named = |handle: &&Arc<Handle>| {
            let pod = handle.pod();
            pod.namespace() == namespace && pod.name() == name
        };
        let found = pods.values().filter(named).min_by_key(|handle| handle.is_gone())?;
        Some(found.pod())
    }
}

/// What the server needs to know of a node.
#[derive(Clone)]
pub struct NodeHandle {
    pub name: String,
    pub pods: Registry,
    pub runtime: Arc<dyn Runtime>,
    pub layout: Layout,
    pub client: Client,
}

pub struct Kubelet {
    config: KubeletConfig,
    client: Client,
    registry: Registry,
    registered: tokio::sync::watch::Sender<bool>,
}

impl Kubelet {
    /// Nothing happens before `run`. Must be called within a tokio runtime.
    pub fn new(config: KubeletConfig) -> Self {
        let client = (config.connector)(Identity::node(&config.node_name));
        let registered = tokio::sync::watch::Sender::new(false);
        Self { config, client, registry: Registry::default(), registered }
    }

    pub fn handle(&self) -> NodeHandle {
        NodeHandle {
            name: self.config.node_name.clone(),
            pods: self.registry.clone(),
            runtime: self.config.runtime.clone(),
            layout: Layout::new(&self.config.root_dir),
            client: self.client.clone(),
        }
    }

    /// Turns true once the Node is in the API.
    pub fn registered(&self) -> tokio::sync::watch::Receiver<bool> {
        self.registered.subscribe()
    }

    /// Runs until cancelled. Containers go on running: `Runtime::shutdown` ends them.
    pub async fn run(self, cancel: CancellationToken) {
        let Self { config, client, registry, registered } = self;
        let events =
            EventRecorder::start(client.clone(), "kubelet", &config.node_name, cancel.clone());
        let keeper = Keeper::new(config.clone(), client.clone(), events.clone());
        let version = config.runtime.version();
        let id_prefix = format!("{}://", version.split("://").next().unwrap_or(&version));
        let shared = Arc::new(Shared {
            references: References::new(client.clone()),
            services: ServiceCache::new(client.clone(), cancel.clone()),
            layout: Layout::new(&config.root_dir),
            node_ip: config.node_ip.to_string(),
            allocatable: config.capacity.list(),
            id_prefix,
            client,
            events,
            config,
        });
        let pods = Pods {
            shared,
            registry,
            workers: JoinSet::new(),
            owners: HashMap::new(),
            cancel: cancel.clone(),
        };
        tokio::join!(keeper.run(cancel, registered), pods.run());
    }
}

struct Pods {
    shared: Arc<Shared>,
    registry: Registry,
    workers: JoinSet<()>,
    /// Whose worker each task is.
    owners: HashMap<Id, String>,
    cancel: CancellationToken,
}

impl Pods {
    async fn run(mut self) {
        let api: Api<Pod> = Api::all(self.shared.client.clone());
        let selector = format!("spec.nodeName={}", self.shared.config.node_name);
        let stream = watcher(api, watcher::Config::default().fields(&selector)).default_backoff();
        let mut stream = std::pin::pin!(stream);
        let mut events = self.shared.config.runtime.subscribe();
        let mut relist = tokio::time::interval(RELIST_EVERY);
        relist.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let cancel = self.cancel.clone();
        let mut listed: Option<HashSet<String>> = None;
        let mut synced = false;
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                event = stream.next() => match event {
                    None => break,
                    Some(event) => {
                        let first = !synced;
                        synced |= self.watched(event, &mut listed);
                        if first && synced {
                            self.end_strangers().await;
                        }
                    }
                },
                Some(event) = events.recv() => {
                    if let Some(handle) = self.registry.get(&event.pod_uid) {
                        handle.wake();
                    }
                }
                _ = relist.tick() => if synced {
                    self.end_strangers().await;
                },
                Some(done) = self.workers.join_next_with_id() => self.finished(done),
            }
        }
        while self.workers.join_next().await.is_some() {} // Cancelled, as this is.
    }

    /// True at the end of a list, when every pod of the node is known.
    fn watched(
        &mut self,
        event: watcher::Result<watcher::Event<Pod>>,
        listed: &mut Option<HashSet<String>>,
    ) -> bool {
        match event {
            Ok(watcher::Event::Init) => *listed = Some(HashSet::new()),
            Ok(watcher::Event::InitApply(pod)) => {
                if let Some(listed) = listed {
                    listed.insert(pod.uid().to_owned());
                }
                self.upsert(pod);
            }
            Ok(watcher::Event::InitDone) => {
                let listed = listed.take().unwrap_or_default();
                let handles: Vec<_> = self.registry.lock().clone().into_iter().collect();
                for (_, handle) in handles.into_iter().filter(|(uid, _)| !listed.contains(uid)) {
                    handle.vanish();
                }
                return true;
            }
            Ok(watcher::Event::Apply(pod)) => self.upsert(pod),
            Ok(watcher::Event::Delete(pod)) => {
                if let Some(handle) = self.registry.get(pod.uid()) {
                    handle.vanish();
                }
            }
            Err(error) => {
                tracing::warn!(node = self.shared.config.node_name, %error, "watch of pods");
            }
        }
        false
    }

    fn upsert(&mut self, pod: Pod) {
        let pod = Arc::new(pod);
        match self.registry.get(pod.uid()) {
            Some(handle) => handle.offer(pod),
            None => self.start(pod, false),
        }
    }

    fn start(&mut self, pod: Arc<Pod>, gone: bool) {
        let uid = pod.uid().to_owned();
        let handle = Arc::new(Handle::new(pod, gone));
        self.registry.lock().insert(uid.clone(), handle.clone());
        self.employ(uid, handle);
    }

    fn employ(&mut self, uid: String, handle: Arc<Handle>) {
        // Boxed: idle workers of hollow pods are what memory is spent on.
        let worker = Box::new(Worker::new(self.shared.clone(), handle));
        let task = self.workers.spawn(worker.run(self.cancel.clone()));
        self.owners.insert(task.id(), uid);
    }

    /// A worker that panicked is replaced: it holds nothing that cannot be looked up again.
    fn finished(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some(uid) = self.owners.remove(&id) else { return };
        if let Err(error) = done {
            tracing::error!(uid, %error, "a pod worker ended early; another takes over");
            if let Some(handle) = self.registry.get(&uid) {
                self.employ(uid, handle);
            }
            return;
        }
        self.registry.lock().remove(&uid);
    }

    /// Ends what the runtime has of pods that the API does not bind to this node, and removes the
    /// directories of pods that neither has.
    async fn end_strangers(&mut self) {
        let sandboxes = match self.shared.config.runtime.list_pod_sandboxes().await {
            Ok(sandboxes) => sandboxes,
            Err(error) => {
                tracing::warn!(%error, "sandboxes not listed");
                return;
            }
        };
        for sandbox in sandboxes {
            if self.registry.get(&sandbox.uid).is_none() {
                tracing::info!(
                    pod = format!("{}/{}", sandbox.namespace, sandbox.name),
                    uid = sandbox.uid,
                    "ending a pod that is not in the API"
                );
                self.start(stranger(&sandbox.namespace, &sandbox.name, &sandbox.uid), true);
            }
        }
        if self.shared.config.runtime.pretends() {
            return;
        }
        let directory = self.shared.layout.pods();
        let names = tokio::task::spawn_blocking(move || names_in(&directory)).await;
        for uid in names.unwrap_or_default() {
            if self.registry.get(&uid).is_none() {
                self.start(stranger("", "", &uid), true);
            }
        }
    }
}

fn names_in(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// A pod of which only its identity is known.
fn stranger(namespace: &str, name: &str, uid: &str) -> Arc<Pod> {
    let metadata = ObjectMeta {
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        uid: Some(uid.to_owned()),
        ..ObjectMeta::default()
    };
    Arc::new(Pod { metadata, ..Pod::default() })
}
