//! Deletes Pods that NoExecute taints drive away, when their time is up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::light::{Node, Pod};
use client::{Delta, EventRecorder, EventType, ObjectKey, WorkQueue};
use k8s_openapi::api::core::v1::Taint;
use kube::Client;
use kube::api::{DeleteParams, Patch};
use serde_json::json;

use super::CONTROLLER;
use super::evict::{Fate, fate};
use super::taints::NO_EXECUTE;
use crate::clock::stamp;
use crate::context::{Context, reconcile_all};
use crate::error::{Result, failed, is_conflict, is_not_found};
use crate::objects::{Light, PodExt};
use crate::write;

/// Source of the events.
const COMPONENT: &str = "taint-eviction-controller";

/// Pods handled at a time, as upstream's taint manager.
const WORKERS: usize = 8;

struct Evictor {
    client: Client,
    recorder: EventRecorder,
    context: Context,
    /// Since when each Pod's time runs, by uid.
    running: Mutex<HashMap<String, Duration>>,
    queue: WorkQueue<ObjectKey>,
}

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let evictor = Arc::new(Evictor {
        recorder: EventRecorder::start(client.clone(), COMPONENT, "", context.cancel.clone()),
        client,
        running: Mutex::default(),
        queue: WorkQueue::default(),
        context,
    });
    let (nodes, pods) = (&evictor.context.caches.nodes, &evictor.context.caches.pods);
    nodes.synced().await;
    pods.synced().await;
    let seen = evictor.clone();
    nodes.on_change(move |delta| seen.node_changed(delta));
    let seen = evictor.clone();
    pods.on_change(move |delta| seen.pod_changed(delta));
    let (queue, cancel) = (evictor.queue.clone(), evictor.context.cancel.clone());
    reconcile_all(queue, WORKERS, cancel, |key| evictor.reconcile(key)).await;
}

fn drives_away(taints: &[Taint]) -> impl Iterator<Item = &Taint> {
    taints.iter().filter(|taint| taint.effect == NO_EXECUTE)
}

impl Evictor {
    fn node_changed(&self, delta: &Delta<Node>) {
        let node = match delta {
            Delta::Added(node) if drives_away(&node.spec.taints).next().is_some() => node,
            Delta::Updated { old, new }
                if !drives_away(&old.spec.taints).eq(drives_away(&new.spec.taints)) =>
            {
                new
            }
            Delta::Added(_) | Delta::Updated { .. } | Delta::Deleted(_) => return,
        };
        for pod in self.context.caches.pods.list() {
            if pod.node() == Some(node.name()) {
                self.queue.add(ObjectKey::of(&*pod));
            }
        }
    }

    fn pod_changed(&self, delta: &Delta<Pod>) {
        let pod = delta.object();
        let (Some(node), false) = (pod.node(), matches!(delta, Delta::Deleted(_))) else {
            self.stop(pod);
            return;
        };
        if let Delta::Updated { old, new } = delta
            && old.node() == new.node()
            && old.spec.tolerations == new.spec.tolerations
        {
            return;
        }
        let node = self.context.caches.nodes.find("", node);
        if node.is_some_and(|node| drives_away(&node.spec.taints).next().is_some()) {
            self.queue.add(ObjectKey::of(&**pod));
        }
    }

    async fn reconcile(&self, key: ObjectKey) -> Result<()> {
        let Some(pod) = self.context.caches.pods.get(&key) else { return Ok(()) };
        if pod.is_terminating() {
            self.stop(&pod);
            return Ok(());
        }
        let node = pod.node().and_then(|node| self.context.caches.nodes.find("", node));
        let taints = node.as_ref().map_or(&[][..], |node| &node.spec.taints);
        match fate(taints, &pod.spec.tolerations) {
            Fate::Stays => {
                if self.stop(&pod) {
                    let message = format!("Cancelling deletion of Pod {key}");
                    let (kind, reason) = (EventType::Normal, "TaintManagerEviction");
                    self.recorder.event(&*pod, kind, reason, message);
                }
                Ok(())
            }
            Fate::Goes { after } => match after.checked_sub(self.run_for(&pod)) {
                None | Some(Duration::ZERO) => self.delete(&key, &pod).await,
                Some(left) => {
                    self.queue.add_after(key, left);
                    Ok(())
                }
            },
        }
    }

    /// How long the Pod's time has been running; it starts now if it was not.
    fn run_for(&self, pod: &Pod) -> Duration {
        let now = self.context.clock.monotonic();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_sub(*running.entry(pod.uid().to_owned()).or_insert(now))
    }

    /// Whether the Pod's time was running.
    fn stop(&self, pod: &Pod) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(pod.uid()).is_some()
    }

    async fn delete(&self, key: &ObjectKey, pod: &Pod) -> Result<()> {
        let message = format!("Marking for deletion Pod {key}");
        self.recorder.event(pod, EventType::Normal, "TaintManagerEviction", message);
        let condition = json!({"status": {"conditions": [{
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": stamp(self.context.clock.now()),
        }]}});
        let (namespace, name) = (pod.namespace(), pod.name());
        let patch = Patch::Strategic(condition);
        match write::patch_status::<Pod>(&self.client, namespace, name, &patch).await {
            Err(error) if is_not_found(&error) => return Ok(()),
            result => {
                result.map_err(failed(|| format!("write the status of Pod {name}")))?;
            }
        }
        let uid = Some(pod.uid());
        match write::delete::<Pod>(&self.client, namespace, name, uid, DeleteParams::default())
            .await
        {
            Err(error) if is_not_found(&error) || is_conflict(&error) => Ok(()),
            result => result.map_err(failed(|| format!("delete Pod {name}"))),
        }
    }
}
