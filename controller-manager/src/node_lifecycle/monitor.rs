//! Watches over nodes: conditions, taints, and readiness of the Pods on silent ones.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::light::{Node, Pod};
use client::{Delta, EventRecorder, EventType, WorkQueue};
use kube::Client;
use kube::api::Patch;
use serde_json::json;

use super::CONTROLLER;
use super::conditions::unknown;
use super::disruption::{Disruption, Pace, Zone};
use super::heartbeat::{Heartbeat, Signs};
use super::taints::{self, Expulsion, expelling, is_expelling};
use crate::clock::stamp;
use crate::context::{Context, reconcile_all};
use crate::error::{Result, failed, is_not_found};
use crate::objects::{Lease, Light, PodExt};
use crate::write;

/// Nodes reconciled at a time, as upstream's taint workers.
const WORKERS: usize = 8;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Node(Arc<str>),
    /// All nodes that are down: the pace at which they lose their Pods may have changed.
    Down,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Node(name) => write!(f, "node {name}"),
            Key::Down => f.write_str("nodes that are down"),
        }
    }
}

struct Monitor {
    client: Client,
    recorder: EventRecorder,
    context: Context,
    state: Mutex<State>,
    queue: WorkQueue<Key>,
}

#[derive(Default)]
struct State {
    heartbeats: HashMap<Arc<str>, Heartbeat>,
    /// Nodes that have just ceased to be ready, whose Pods are to be told.
    fallen: HashSet<Arc<str>>,
    /// When a node of each zone last began to lose its Pods.
    expelled: HashMap<Zone, Duration>,
}

/// Runs until cancelled.
pub async fn run(context: Context) {
    let monitor = Arc::new(Monitor {
        client: context.client(CONTROLLER),
        recorder: context.recorder(CONTROLLER),
        state: Mutex::default(),
        queue: WorkQueue::default(),
        context,
    });
    let caches = &monitor.context.caches;
    caches.nodes.synced().await;
    caches.leases.synced().await;
    caches.pods.synced().await;
    let seen = monitor.clone();
    caches.nodes.on_change(move |delta| seen.node_changed(delta));
    let seen = monitor.clone();
    caches.leases.on_change(move |delta| seen.lease_changed(delta));
    let (queue, cancel) = (monitor.queue.clone(), monitor.context.cancel.clone());
    reconcile_all(queue, WORKERS, cancel, |key| monitor.reconcile(key)).await;
}

impl Monitor {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node_changed(&self, delta: &Delta<Node>) {
        let node = delta.object();
        let name: Arc<str> = node.name().into();
        let event = |reason, message: String| {
            let message = format!("Node {name} event: {message}");
            self.recorder.event(&**node, EventType::Normal, reason, message);
        };
        match delta {
            Delta::Added(_) => {
                event("RegisteredNode", format!("Registered Node {name} in Controller"));
                self.queue.add(Key::Down);
            }
            Delta::Updated { old, new } => {
                if old.is_ready() && !new.is_ready() {
                    self.state().fallen.insert(name.clone());
                }
                if old.is_ready() != new.is_ready() {
                    self.queue.add(Key::Down);
                }
            }
            Delta::Deleted(_) => {
                event("RemovingNode", format!("Removing Node {name} from Controller"));
                let mut state = self.state();
                state.heartbeats.remove(&name);
                state.fallen.remove(&name);
                self.queue.add(Key::Down);
                return;
            }
        }
        self.observe(node);
        self.queue.add(Key::Node(name));
    }

    /// A renewal is noted; it is nothing to act upon unless the node was taken for silent. (Its next
    /// status would say so too, but may be minutes away.)
    fn lease_changed(&self, delta: &Delta<Lease>) {
        let name = delta.object().name();
        if let Some(node) = self.context.caches.nodes.find("", name) {
            self.observe(&node);
        }
    }

    /// Takes in what the node says of itself now.
    fn observe(&self, node: &Node) {
        let lease = self
            .context
            .caches
            .leases
            .find(crate::context::NODE_LEASES, node.name())
            .and_then(|lease| lease.spec.renew_time.clone());
        let posted = node.condition("Ready").and_then(|ready| ready.last_heartbeat_time.clone());
        let signs = Signs {
            lease_renewed: lease.map(|time| time.0),
            status_posted: posted.map(|time| time.0),
        };
        let now = self.context.clock.monotonic();
        let mut state = self.state();
        match state.heartbeats.get_mut(node.name()) {
            Some(heartbeat) => heartbeat.observe(signs, now),
            None => {
                state.heartbeats.insert(node.name().into(), Heartbeat::new(signs, now));
            }
        }
    }

    async fn reconcile(&self, key: Key) -> Result<()> {
        match key {
            Key::Node(name) => self.reconcile_node(name).await,
            Key::Down => {
                let nodes = self.context.caches.nodes.list();
                for node in nodes.iter().filter(|node| !node.is_ready() || is_expelling(node)) {
                    self.queue.add(Key::Node(node.name().into()));
                }
                Ok(())
            }
        }
    }

    async fn reconcile_node(&self, name: Arc<str>) -> Result<()> {
        let Some(node) = self.context.caches.nodes.find("", &name) else { return Ok(()) };
        let now = self.context.clock.monotonic();
        let heartbeat = self.state().heartbeats.get(&name).copied();
        let Some(heartbeat) = heartbeat else { return Ok(()) };
        let left = heartbeat.left(&self.context.timings, now);
        if left.is_zero() {
            self.mark_unknown(&node).await?;
        } else {
            self.queue.add_after(Key::Node(name.clone()), left);
        }
        self.write_taints(&node).await?;
        let fallen = self.state().fallen.contains(&name);
        let silent = node.condition("Ready").is_some_and(|ready| ready.status == "Unknown");
        if fallen || silent {
            self.mark_pods(&name).await?;
            self.state().fallen.remove(&name);
        }
        Ok(())
    }

    async fn mark_unknown(&self, node: &Node) -> Result<()> {
        let conditions = unknown(node, self.context.clock.now());
        if conditions.is_empty() {
            return Ok(());
        }
        let name = node.name();
        if node.is_ready() {
            let message = format!("Node {name} status is now: NodeNotReady");
            self.recorder.event(node, EventType::Normal, "NodeNotReady", message);
        }
        // Bound to what was judged: a kubelet that comes back in this moment must win.
        let patch = json!({
            "metadata": {"resourceVersion": node.metadata.resource_version},
            "status": {"conditions": conditions},
        });
        match write::patch_status::<Node>(&self.client, "", name, &Patch::Strategic(patch)).await {
            Err(error) if is_not_found(&error) => Ok(()),
            result => {
                result.map(drop).map_err(failed(|| format!("write the status of node {name}")))
            }
        }
    }

    async fn write_taints(&self, node: &Node) -> Result<()> {
        let expulsion = self.expulsion(node);
        let Some(planned) = taints::plan(node, expulsion, self.context.clock.now()) else {
            return Ok(());
        };
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": node.metadata.resource_version},
            "spec": {"taints": planned},
        }));
        let name = node.name();
        match write::patch::<Node>(&self.client, "", name, &patch).await {
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => {
                if expulsion == Expulsion::Now {
                    // It did not happen: the next attempt need not wait its turn again.
                    self.state().expelled.remove(&Zone::of(node));
                }
                Err(failed(|| format!("write the taints of node {name}"))(error))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Whether the node may begin to lose its Pods now; comes back to it when it may later.
    fn expulsion(&self, node: &Node) -> Expulsion {
        let nodes = self.context.caches.nodes.list();
        let disruption = Disruption::of(nodes.iter().map(|node| &**node));
        let zone = Zone::of(node);
        let interval = match disruption.pace(&zone, &self.context.timings) {
            Pace::Spared => return Expulsion::Never,
            Pace::Halted => return Expulsion::NotYet,
            Pace::Every(interval) => interval,
        };
        if expelling(node).is_none() || is_expelling(node) {
            return Expulsion::NotYet;
        }
        let now = self.context.clock.monotonic();
        let mut state = self.state();
        let last = state.expelled.get(&zone).copied();
        let left =
            last.map_or(Duration::ZERO, |last| interval.saturating_sub(now.saturating_sub(last)));
        if left.is_zero() {
            // Taken at once: other nodes are being decided about meanwhile.
            state.expelled.insert(zone, now);
            return Expulsion::Now;
        }
        self.queue.add_after(Key::Node(node.name().into()), left);
        Expulsion::NotYet
    }

    /// Tells the Pods on a node that they are not ready, since nobody there does: endpoints drop them.
    async fn mark_pods(&self, node: &str) -> Result<()> {
        let pods = self.context.caches.pods.list();
        for pod in pods.iter().filter(|pod| pod.node() == Some(node) && pod.is_ready()) {
            self.recorder.event(&**pod, EventType::Warning, "NodeNotReady", "Node is not ready");
            let patch = Patch::Strategic(json!({
                "metadata": {"uid": pod.uid()},
                "status": {"conditions": [{
                    "type": "Ready",
                    "status": "False",
                    "lastTransitionTime": stamp(self.context.clock.now()),
                }]},
            }));
            let (namespace, name) = (pod.namespace(), pod.name());
            match write::patch_status::<Pod>(&self.client, namespace, name, &patch).await {
                Err(error) if is_not_found(&error) => {}
                result => {
                    result.map_err(failed(|| format!("write the status of Pod {name}")))?;
                }
            }
        }
        Ok(())
    }
}
