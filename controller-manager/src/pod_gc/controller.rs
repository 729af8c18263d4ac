//! Looks when something changed that may have left a Pod behind.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::light::{Node, Pod};
use client::{Delta, WorkQueue};
use kube::api::{DeleteParams, Patch};
use kube::{Api, Client};
use serde_json::json;

use super::plan::{Reason, plan};
use crate::clock::{Clock, stamp};
use crate::context::{Context, reconcile_all};
use crate::error::{Result, failed, is_conflict, is_not_found};
use crate::objects::{Light, PodExt};
use crate::write;

const CONTROLLER: &str = "pod-garbage-collector";

/// At most so often are all Pods gone through, however much changes: upstream's period.
const PAUSE: Duration = Duration::from_secs(20);

/// The one key of the queue.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Everything;

impl fmt::Display for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all Pods")
    }
}

struct Controller {
    client: Client,
    context: Context,
    /// Nodes that Pods name and that are not there, and since when.
    absent: Mutex<HashMap<String, Duration>>,
    queue: WorkQueue<Everything>,
}

/// Runs until cancelled.
pub async fn run(context: Context) {
    let controller = Arc::new(Controller {
        client: context.client(CONTROLLER),
        absent: Mutex::default(),
        queue: WorkQueue::default(),
        context,
    });
    let (nodes, pods) = (&controller.context.caches.nodes, &controller.context.caches.pods);
    nodes.synced().await;
    pods.synced().await;
    let queue = controller.queue.clone();
    nodes.on_change(move |delta: &Delta<Node>| {
        if let Delta::Deleted(_) = delta {
            queue.add(Everything);
        }
    });
    let (queue, known) = (controller.queue.clone(), nodes.clone());
    pods.on_change(move |delta: &Delta<Pod>| {
        let (Delta::Added(pod) | Delta::Updated { new: pod, .. }) = delta else { return };
        let finished = match delta {
            Delta::Updated { old, new } => !old.is_finished() && new.is_finished(),
            _ => pod.is_finished(),
        };
        match pod.node() {
            None if pod.is_terminating() => queue.add(Everything),
            Some(node) if known.find("", node).is_none() => queue.add(Everything),
            _ if finished => queue.add_after(Everything, PAUSE),
            _ => {}
        }
    });
    let (queue, cancel) = (controller.queue.clone(), controller.context.cancel.clone());
    reconcile_all(queue, 1, cancel, |_| controller.reconcile()).await;
}

impl Controller {
    async fn reconcile(&self) -> Result<()> {
        let pods = self.context.caches.pods.list();
        let gone = self.nodes_gone(&pods).await?;
        let threshold = self.context.timings.terminated_pod_threshold;
        for (pod, reason) in plan(&pods, |node| gone.contains(&node.to_owned()), threshold) {
            self.remove(&pod, reason).await?;
        }
        Ok(())
    }

    /// Nodes that Pods name and that have not been there for the whole quarantine, nor are now. A
    /// node may come back: its kubelet re-registers, or our cache was behind.
    async fn nodes_gone(&self, pods: &[Arc<Pod>]) -> Result<Vec<String>> {
        let nodes = &self.context.caches.nodes;
        let now = self.context.clock.monotonic();
        let quarantine = self.context.timings.orphaned_pod_quarantine;
        let missing = pods.iter().filter_map(|pod| pod.node());
        let missing: std::collections::HashSet<&str> =
            missing.filter(|node| nodes.find("", node).is_none()).collect();
        let mut due = Vec::new();
        let mut next = None;
        {
            let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
            absent.retain(|node, _| missing.contains(node.as_str()));
            for node in missing {
                let since = *absent.entry(node.to_owned()).or_insert(now);
                match quarantine.checked_sub(now.saturating_sub(since)) {
                    None | Some(Duration::ZERO) => due.push(node.to_owned()),
                    Some(left) => next = Some(next.map_or(left, |next: Duration| next.min(left))),
                }
            }
        }
        if let Some(left) = next {
            self.queue.add_after(Everything, left);
        }
        let api = Api::<Node>::all(self.client.clone());
        let mut gone = Vec::new();
        for node in due {
            let there = api.get_opt(&node).await.map_err(failed(|| format!("read node {node}")))?;
            if there.is_none() {
                gone.push(node);
            }
        }
        Ok(gone)
    }

    async fn remove(&self, pod: &Pod, reason: Reason) -> Result<()> {
        let (namespace, name) = (pod.namespace(), pod.name());
        // Without a kubelet nobody else will say how it ended.
        if reason == Reason::Orphaned && !pod.is_finished() {
            let patch = Patch::Strategic(failure(self.context.clock.as_ref()));
            match write::patch_status::<Pod>(&self.client, namespace, name, &patch).await {
                Err(error) if is_not_found(&error) => return Ok(()),
                result => {
                    result.map_err(failed(|| format!("write the status of Pod {name}")))?;
                }
            }
        }
        tracing::info!(pod = name, namespace, ?reason, "removing a Pod left behind");
        let params = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        let uid = Some(pod.uid());
        match write::delete::<Pod>(&self.client, namespace, name, uid, params).await {
            Err(error) if is_not_found(&error) || is_conflict(&error) => Ok(()),
            result => result.map_err(failed(|| format!("delete Pod {name}"))),
        }
    }
}

fn failure(clock: &dyn Clock) -> serde_json::Value {
    json!({"status": {
        "phase": "Failed",
        "conditions": [{
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "lastTransitionTime": stamp(clock.now()),
        }],
    }})
}
