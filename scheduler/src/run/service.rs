//! The loop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::Identity;
use client::light::{Node, Pod};
use client::{Cache, Connector, EventRecorder, cache};
use k8s_openapi::api::core::v1::{Affinity, Namespace};
use kube::Api;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bind;
use super::core::{Core, Step};
use super::report::Report;
use crate::cluster::PodInfo;
use crate::framework::Profile;
use crate::plugins::DefaultBinder;

/// Bindings and condition writes under way at a time. Deciding is a hundred times quicker than
/// writing, so without a bound a burst of pods would become as many tasks.
const MAX_WRITES: usize = 100;

/// Decisions between two looks at the rest of the runtime.
const BATCH: usize = 32;

/// The pods that can take room on a node or want some.
const UNFINISHED: &str = "status.phase!=Succeeded,status.phase!=Failed";

pub struct Config {
    pub connector: Connector,
    /// Pods with this `schedulerName` are ours.
    pub scheduler_name: String,
    /// Share of the nodes to find feasible before the best is taken, in percent; 0 adapts it to
    /// the size of the cluster, as upstream does.
    pub percentage_of_nodes_to_score: u8,
    /// Breaks ties between equal nodes.
    pub seed: u64,
    /// The plug-ins. Those to bind with are added if there are none.
    pub profile: Profile,
}

impl Config {
    /// The default scheduler.
    pub fn new(connector: Connector) -> Self {
        Self {
            connector,
            scheduler_name: "default-scheduler".to_owned(),
            percentage_of_nodes_to_score: 0,
            seed: rand::random(),
            profile: Profile::default_plugins(),
        }
    }
}

/// What the loop, the caches' handlers and the bindings share.
pub(super) struct Shared {
    core: Mutex<Core>,
    pub profile: Profile,
    /// The queue may have something to do.
    pub changed: Notify,
    pub report: Report,
}

impl Shared {
    /// Never held across an await.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the cache still shows this very pod without a node.
    pub fn is_pending(&self, pod: &PodInfo) -> bool {
        let current = self.report.pods.get(&pod.key);
        current.is_some_and(|current| {
            current.metadata.uid.as_deref() == Some(&*pod.uid) && current.spec.node_name.is_none()
        })
    }
}

/// Schedules pods as `system:kube-scheduler` until `cancel` is cancelled. Bindings under way are
/// given up then: whoever schedules next sees from the store which were done.
pub async fn run(config: Config, cancel: CancellationToken) {
    let token = cancel.child_token();
    // Whichever way this ends, caches and recorder end with it.
    let _guard = token.clone().drop_guard();
    cancel.run_until_cancelled(schedule(config, token)).await;
}

async fn schedule(config: Config, token: CancellationToken) {
    let identity = Identity::new("system:kube-scheduler", &["system:authenticated"]);
    let client = (config.connector)(identity);
    let mut profile = config.profile;
    if profile.bind.is_empty() {
        profile.bind.push(Arc::new(DefaultBinder(client.clone())));
    }
    let nodes =
        Cache::<Node>::start(Api::all(client.clone()), cache::Config::default(), token.clone());
    let unfinished = cache::Config::fields(UNFINISHED);
    let pods =
        Cache::<Pod>::start_pruned(Api::all(client.clone()), unfinished, token.clone(), prune);
    let namespaces = Cache::<Namespace>::start_pruned(
        Api::all(client.clone()),
        cache::Config::default(),
        token.clone(),
        prune_namespace,
    );
    let recorder = EventRecorder::start(client.clone(), &config.scheduler_name, "", token);
    let shared = Arc::new(Shared {
        core: Mutex::new(Core::new(config.percentage_of_nodes_to_score, config.seed)),
        profile,
        changed: Notify::new(),
        report: Report {
            client,
            recorder,
            pods: pods.clone(),
            scheduler: config.scheduler_name.clone(),
        },
    });
    subscribe(&shared, &nodes, &pods, &namespaces, config.scheduler_name);
    // Deciding before all assigned pods are known would give their room away.
    nodes.synced().await;
    namespaces.synced().await;
    pods.synced().await;
    tracing::info!(nodes = nodes.len(), pods = pods.len(), "scheduler ready");
    work(shared).await;
}

/// Most pods are assigned, and of those only what they take of their node is read, and what other
/// pods have to mind: labels, and rules about other pods.
fn prune(pod: &mut Pod) {
    pod.metadata.annotations = None;
    pod.metadata.owner_references = None;
    if pod.spec.node_name.is_some() {
        pod.spec.affinity = pod.spec.affinity.take().and_then(about_pods);
        pod.spec.tolerations = Vec::new();
        pod.spec.topology_spread_constraints = Vec::new();
        pod.status.conditions = Vec::new();
        pod.status.container_statuses = Vec::new();
        pod.status.pod_ips = Vec::new();
    }
}

fn about_pods(mut affinity: Box<Affinity>) -> Option<Box<Affinity>> {
    affinity.node_affinity = None;
    (affinity.pod_affinity.is_some() || affinity.pod_anti_affinity.is_some()).then_some(affinity)
}

/// Only labels are read.
fn prune_namespace(namespace: &mut Namespace) {
    namespace.metadata.annotations = None;
    namespace.metadata.managed_fields = None;
    namespace.spec = None;
    namespace.status = None;
}

fn subscribe(
    shared: &Arc<Shared>,
    nodes: &Cache<Node>,
    pods: &Cache<Pod>,
    namespaces: &Cache<Namespace>,
    scheduler: String,
) {
    // The handlers live in the caches and the pods' cache in `shared`: weak, or it would never end.
    let weak = Arc::downgrade(shared);
    nodes.on_change(move |delta| {
        let Some(shared) = weak.upgrade() else { return };
        shared.core().node_changed(delta, &shared.profile);
        shared.changed.notify_one();
    });
    let weak = Arc::downgrade(shared);
    namespaces.on_change(move |delta| {
        let Some(shared) = weak.upgrade() else { return };
        shared.core().namespace_changed(delta, &shared.profile);
        shared.changed.notify_one();
    });
    let weak = Arc::downgrade(shared);
    pods.on_change(move |delta| {
        let Some(shared) = weak.upgrade() else { return };
        shared.core().pod_changed(delta, &shared.profile, &scheduler, Instant::now());
        shared.changed.notify_one();
    });
}

/// Never returns. Decides as long as there is something to decide and room for the writes, then
/// sleeps until something changes, becomes due, or is written.
async fn work(shared: Arc<Shared>) {
    let mut writes = JoinSet::new();
    loop {
        let mut due = None;
        let mut idle = false;
        for _ in 0..BATCH {
            if writes.len() >= MAX_WRITES {
                idle = true;
                break;
            }
            let step = shared.core().step(&shared.profile, Instant::now());
            match step {
                Step::Idle(at) => {
                    (due, idle) = (at, true);
                    break;
                }
                step => perform(&shared, step, &mut writes),
            }
        }
        if !idle {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = shared.changed.notified() => {}
            () = sleep_until(due) => {}
            Some(written) = writes.join_next() => log_panic(written),
        }
        while let Some(written) = writes.try_join_next() {
            log_panic(written);
        }
    }
}

fn perform(shared: &Arc<Shared>, step: Step, writes: &mut JoinSet<()>) {
    match step {
        Step::Bind { pod, node, holds } => {
            writes.spawn(bind::bind(shared.clone(), pod, node, holds));
        }
        Step::Refused { pod, refusal, evict, node } => {
            let shared = shared.clone();
            writes.spawn(async move {
                let message = refusal.error.to_string();
                tracing::debug!(pod = %pod.key, message, "unschedulable");
                for victim in &evict {
                    let node = node.as_deref().unwrap_or_default();
                    shared.report.preempt(victim, &pod, node).await;
                }
                shared.report.unschedulable(&pod, &message, node.as_deref()).await;
            });
        }
        Step::Idle(_) | Step::Placed => {}
    }
}

/// A panic is a bug, but not a reason to stop scheduling other pods.
fn log_panic(written: Result<(), tokio::task::JoinError>) {
    if let Err(error) = written {
        tracing::error!(%error, "a binding was lost");
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
