//! Follows namespaces and their ConfigMaps.

use client::{Delta, ObjectKey, WorkQueue};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::Patch;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::plan::{FIELD, Plan, plan};
use crate::context::{Context, reconcile_all};
use crate::error::{Result, failed, is_already_exists, is_not_found};
use crate::objects::Light;
use crate::write;

pub const NAME: &str = "kube-root-ca.crt";

const CONTROLLER: &str = "root-ca-cert-publisher";

/// Namespaces handled at a time.
const WORKERS: usize = 4;

/// Publishes `pem` until cancelled, to all namespaces anew when it changes.
pub async fn run(context: Context, pem: watch::Receiver<String>) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let (namespaces, published) = (context.caches.namespaces, context.caches.root_cas);
    let changed = queue.clone();
    namespaces.on_change(move |delta: &Delta<Namespace>| {
        changed.add(ObjectKey::cluster(delta.object().name()));
    });
    let changed = queue.clone();
    published.on_change(move |delta: &Delta<ConfigMap>| {
        changed.add(ObjectKey::cluster(delta.object().namespace()));
    });
    published.synced().await;
    let mut changes = pem.clone();
    let (changed, known) = (queue.clone(), namespaces.clone());
    let republishing = async move {
        while changes.changed().await.is_ok() {
            for namespace in known.list() {
                changed.add(ObjectKey::cluster(namespace.name()));
            }
        }
    };
    let reconciling = reconcile_all(queue, WORKERS, context.cancel, |key| {
        let namespace = namespaces.get(&key);
        let existing = published.find(&key.name, NAME);
        let pem = pem.borrow().clone();
        let plan = plan(namespace.as_deref(), existing.as_deref(), &pem);
        let client = &client;
        async move { perform(client, &key.name, plan, &pem).await }
    });
    tokio::join!(reconciling, republishing);
}

async fn perform(client: &Client, namespace: &str, plan: Plan, pem: &str) -> Result<()> {
    let result: kube::Result<ConfigMap> = match plan {
        Plan::Nothing => return Ok(()),
        Plan::Create => write::create(client, namespace, &config_map(namespace, pem)).await,
        Plan::Correct(data) => {
            let patch = Patch::Merge(json!({"data": data}));
            write::patch(client, namespace, NAME, &patch).await
        }
    };
    match result {
        Err(error) if is_already_exists(&error) || is_not_found(&error) => Ok(()),
        result => result.map(drop).map_err(failed(|| format!("publish {NAME} in {namespace}"))),
    }
}

fn config_map(namespace: &str, pem: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "annotations": {
                "kubernetes.io/description":
                    "Verifies the API server at its addresses inside the cluster, and nothing else.",
            },
        },
        "data": {FIELD: pem},
    })
}
