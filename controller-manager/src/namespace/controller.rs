//! Sweeps terminating namespaces until they are empty, then lets them go.

use std::sync::Arc;
use std::time::Duration;

use client::light::Pod;
use client::{Delta, ObjectKey, WorkQueue};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, NamespaceStatus};
use kube::api::{Patch, PostParams, Request};
use kube::{Client, Resource};
use serde_json::{Value, json};

use super::conditions::conditions;
use super::sweep::sweep;
use crate::clock::{Clock, wait};
use crate::context::{Context, reconcile_all};
use crate::error::{Result, failed, is_conflict, is_not_found};
use crate::objects::Light;
use crate::write;

const CONTROLLER: &str = "namespace-controller";

/// Namespaces swept at a time, as upstream's `--concurrent-namespace-syncs`.
const WORKERS: usize = 10;

/// The finalizer in `spec.finalizers` that stands for the content.
const CONTENT: &str = "kubernetes";

/// Bounds of the pause between two sweeps of a namespace of which something is left (objects with
/// finalizers, or added behind our back). The end of its last Pod does not wait for it.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(15));

/// The pause is this part of the time that the deletion has taken: quick at first, then patient.
const PATIENCE: u32 = 4;

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let namespaces = context.caches.namespaces.clone();
    let changed = queue.clone();
    namespaces.on_change(move |delta: &Delta<Namespace>| {
        if delta.object().is_terminating() {
            changed.add(ObjectKey::cluster(delta.object().name()));
        }
    });
    let (changed, known) = (queue.clone(), namespaces.clone());
    context.caches.pods.on_change(move |delta: &Delta<Pod>| {
        let Delta::Deleted(pod) = delta else { return };
        if known.find("", pod.namespace()).is_some_and(|namespace| namespace.is_terminating()) {
            changed.add(ObjectKey::cluster(pod.namespace()));
        }
    });
    namespaces.synced().await;
    let clock = &context.clock;
    let again = queue.clone();
    reconcile_all(queue, WORKERS, context.cancel.clone(), |key: ObjectKey| {
        let namespace = namespaces.get(&key).filter(|namespace| namespace.is_terminating());
        let (client, again) = (client.clone(), &again);
        async move {
            let Some(namespace) = namespace else { return Ok(()) };
            if !reconcile(&client, clock, namespace.name()).await? {
                again.add_after(key, pause(&namespace, clock.now()));
            }
            Ok(())
        }
    })
    .await;
}

fn pause(namespace: &Namespace, now: Timestamp) -> Duration {
    let since = namespace.metadata.deletion_timestamp.as_ref();
    let taken = since.map_or(SignedDuration::ZERO, |since| now.duration_since(since.0));
    (wait(taken) / PATIENCE).clamp(PAUSE.0, PAUSE.1)
}

/// Whether the namespace is done with.
async fn reconcile(client: &Client, clock: &Arc<dyn Clock>, name: &str) -> Result<bool> {
    // Our own status writes come back as changes; the state that counts is the live one.
    let live: Option<Namespace> =
        write::get(client, "", name).await.map_err(failed(|| format!("read namespace {name}")))?;
    let Some(namespace) = live.filter(|live| live.is_terminating() && holds_content(live)) else {
        return Ok(true);
    };
    let findings = sweep(client, name).await;
    if findings.is_empty() {
        return finalize(client, &namespace).await.map(|()| true);
    }
    let old = namespace.status.clone().unwrap_or_default();
    let before = old.conditions.clone().unwrap_or_default();
    let new = NamespaceStatus {
        phase: Some("Terminating".to_owned()),
        conditions: Some(conditions(&before, &findings, clock.now())),
    };
    if let Some(patch) = write::status_patch(None, &old, &new) {
        write_status(client, name, patch).await?;
    }
    Ok(false)
}

fn holds_content(namespace: &Namespace) -> bool {
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_ref());
    finalizers.is_some_and(|all| all.iter().any(|finalizer| finalizer == CONTENT))
}

async fn write_status(client: &Client, name: &str, patch: Patch<Value>) -> Result<()> {
    match write::patch_status::<Namespace>(client, "", name, &patch).await {
        Err(error) if is_not_found(&error) => Ok(()),
        result => {
            result.map(drop).map_err(failed(|| format!("write the status of namespace {name}")))
        }
    }
}

/// Takes our finalizer off; with the last one the namespace goes.
async fn finalize(client: &Client, namespace: &Namespace) -> Result<()> {
    let name = namespace.name();
    let mut freed = namespace.clone();
    if let Some(finalizers) = freed.spec.as_mut().and_then(|spec| spec.finalizers.as_mut()) {
        finalizers.retain(|finalizer| finalizer != CONTENT);
    }
    let body = json!(freed).to_string().into_bytes();
    let request = Request::new(Namespace::url_path(&(), None));
    let request = request.replace_subresource("finalize", name, &PostParams::default(), body);
    let result = match request {
        Ok(request) => client.request_text(request).await,
        Err(error) => Err(kube::Error::BuildRequest(error)),
    };
    match result {
        Err(error) if is_not_found(&error) => Ok(()),
        // Somebody else changed it; the change brings us back.
        Err(error) if is_conflict(&error) => Ok(()),
        result => result.map(drop).map_err(failed(|| format!("finalize namespace {name}"))),
    }
}
