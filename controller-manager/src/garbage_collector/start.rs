//! Monitors for the kinds that there are, and workers on what they find.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use client::WorkQueue;
use kube::Client;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::collect::Collector;
use super::graph::{Graph, Work};
use super::monitor::follow;
use crate::context::{Context, reconcile_all};
use crate::dynamic::Kinds;
use crate::error::Chain;

const CONTROLLER: &str = "generic-garbage-collector";

/// Objects judged at a time, as upstream's `--concurrent-gc-syncs`.
const WORKERS: usize = 20;

/// How long the first lists may take before work begins without some of them. Each decision to delete
/// is verified live, so an incomplete graph is late, not wrong.
const FIRST_LISTS: Duration = Duration::from_secs(30);

/// Between two attempts at a discovery that fails.
const RETRY: Duration = Duration::from_millis(200);

/// What monitors and workers share.
pub struct Shared {
    graph: Mutex<Graph>,
    kinds: RwLock<Arc<Kinds>>,
}

impl Shared {
    pub fn graph(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn kinds(&self) -> Arc<Kinds> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let kinds = discover(&client).await;
    let shared = Arc::new(Shared { graph: Mutex::default(), kinds: RwLock::new(Arc::new(kinds)) });
    let mut monitors = Monitors {
        client: client.clone(),
        shared: shared.clone(),
        queue: queue.clone(),
        running: HashMap::new(),
        tasks: JoinSet::new(),
    };
    let first = monitors.adjust();
    let lists = async {
        for mut synced in first {
            // An error means that the monitor ended, which is none to wait for.
            let _ = synced.wait_for(|synced| *synced).await;
        }
    };
    if tokio::time::timeout(FIRST_LISTS, lists).await.is_err() {
        tracing::warn!("some kinds could not be listed yet; collecting without them");
    }
    let collector = Collector { client, shared: shared.clone(), queue: queue.clone() };
    let workers = reconcile_all(queue, WORKERS, context.cancel, |work| collector.perform(work));
    let refresh = async {
        loop {
            tokio::time::sleep(context.timings.discovery_interval).await;
            monitors.refresh().await;
        }
    };
    tokio::select! {
        () = workers => {}
        () = refresh => {}
    }
}

async fn discover(client: &Client) -> Kinds {
    loop {
        match Kinds::discover(client).await {
            Ok(kinds) => return kinds,
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "discovery failed");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

struct Monitors {
    client: Client,
    shared: Arc<Shared>,
    queue: WorkQueue<Work>,
    running: HashMap<String, AbortHandle>,
    /// Ends them all when it is dropped.
    tasks: JoinSet<()>,
}

impl Monitors {
    async fn refresh(&mut self) {
        match Kinds::discover(&self.client).await {
            Ok(kinds) => {
                *self.shared.kinds.write().unwrap_or_else(PoisonError::into_inner) =
                    Arc::new(kinds);
                self.adjust();
            }
            Err(error) => tracing::warn!(error = %Chain(&error), "discovery failed"),
        }
        while self.tasks.try_join_next().is_some() {}
    }

    /// Follows each collectable kind that there is, and no other. Gives the signals of new monitors.
    fn adjust(&mut self) -> Vec<watch::Receiver<bool>> {
        let kinds = self.shared.kinds();
        let wanted: HashMap<String, _> = kinds
            .iter()
            // As upstream: events own nothing, and there are too many of them.
            .filter(|kind| kind.is_collectable() && !kind.is_event())
            .map(|kind| (Self::key(kind), kind))
            .collect();
        self.running.retain(|key, monitor| {
            let stays = wanted.contains_key(key);
            if !stays {
                monitor.abort();
            }
            stays
        });
        let mut signals = Vec::new();
        for (key, kind) in wanted {
            if self.running.contains_key(&key) {
                continue;
            }
            let (synced, signal) = watch::channel(false);
            let (shared, queue) = (self.shared.clone(), self.queue.clone());
            let monitor = follow(self.client.clone(), kind.clone(), shared, queue, synced);
            self.running.insert(key, self.tasks.spawn(monitor));
            signals.push(signal);
        }
        signals
    }

    fn key(kind: &crate::dynamic::Kind) -> String {
        format!("{}/{}", kind.resource.api_version, kind.resource.plural)
    }
}
