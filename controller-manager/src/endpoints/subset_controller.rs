//! Keeps the Endpoints of each Service.

use client::{Delta, ObjectKey, WorkQueue};
use k8s_openapi::api::core::v1::Endpoints;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};

use super::follow::{pods_of, services};
use super::subsets::plan;
use crate::context::{Caches, Context, reconcile_all};
use crate::error::{self, Result, failed};
use crate::write;

const CONTROLLER: &str = "endpoint-controller";

/// Services reconciled at a time, as upstream's `--concurrent-endpoint-syncs`.
const WORKERS: usize = 5;

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let (caches, queue) = (&context.caches, WorkQueue::default());
    services(caches, &queue);
    let changed = queue.clone();
    caches.endpoints.on_change(move |delta: &Delta<Endpoints>| {
        changed.add(ObjectKey::of(&**delta.object()));
    });
    caches.services.synced().await;
    caches.pods.synced().await;
    caches.endpoints.synced().await;
    reconcile_all(queue, WORKERS, context.cancel.clone(), |key| reconcile(&client, caches, key))
        .await;
}

async fn reconcile(client: &Client, caches: &Caches, key: ObjectKey) -> Result<()> {
    let existing = caches.endpoints.get(&key);
    let Some(service) = caches.services.get(&key) else {
        let Some(existing) = existing.filter(|endpoints| is_ours(endpoints)) else { return Ok(()) };
        let uid = existing.metadata.uid.as_deref();
        let params = DeleteParams::default();
        let deleted = write::delete::<Endpoints>(client, &key.namespace, &key.name, uid, params);
        return match deleted.await {
            Err(error) if error::is_not_found(&error) => Ok(()),
            result => result.map_err(failed(|| format!("delete Endpoints {key}"))),
        };
    };
    if !service.selects_pods() {
        return Ok(());
    }
    let pods = pods_of(caches, &service);
    let planned = plan(&service, &pods, existing.as_deref());
    if existing.as_deref() == Some(&planned) {
        return Ok(());
    }
    let api = Api::<Endpoints>::namespaced(client.clone(), &key.namespace);
    let params = PostParams::default();
    let result = match existing {
        None => api.create(&params, &planned).await,
        Some(_) => api.replace(&key.name, &params, &planned).await,
    };
    match result {
        // The cache has not shown it yet; its arrival brings us back.
        Err(error) if error::is_already_exists(&error) => Ok(()),
        result => result.map(drop).map_err(failed(|| format!("write Endpoints {key}"))),
    }
}

/// Whether Endpoints without a Service are to go: those that this controller made. Leader election
/// of old and hand-made ones have no Service either.
fn is_ours(endpoints: &Endpoints) -> bool {
    let labels = endpoints.metadata.labels.as_ref();
    let (key, value) = super::subsets::MANAGED_BY;
    labels.and_then(|labels| labels.get(key)).is_some_and(|label| label == value)
}
