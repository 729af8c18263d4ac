//! Creates the account where it is missing. There is nothing to decide but that.

use client::{Delta, ObjectKey, WorkQueue};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Client;
use serde_json::json;

use crate::context::{Context, reconcile_all};
use crate::error::{Result, failed, is_already_exists, is_not_found};
use crate::objects::Light;
use crate::write;

pub const NAME: &str = "default";

const CONTROLLER: &str = "service-account-controller";

/// Namespaces handled at a time.
const WORKERS: usize = 4;

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let (namespaces, accounts) = (context.caches.namespaces, context.caches.service_accounts);
    let changed = queue.clone();
    namespaces.on_change(move |delta: &Delta<Namespace>| {
        changed.add(ObjectKey::cluster(delta.object().name()));
    });
    let changed = queue.clone();
    accounts.on_change(move |delta: &Delta<ServiceAccount>| {
        if let Delta::Deleted(account) = delta {
            changed.add(ObjectKey::cluster(account.namespace()));
        }
    });
    accounts.synced().await;
    reconcile_all(queue, WORKERS, context.cancel, |key| {
        let namespace = namespaces.get(&key);
        let needed = namespace.is_some_and(|namespace| !namespace.is_terminating())
            && accounts.find(&key.name, NAME).is_none();
        let client = &client;
        async move { if needed { create(client, &key.name).await } else { Ok(()) } }
    })
    .await;
}

async fn create(client: &Client, namespace: &str) -> Result<()> {
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": NAME, "namespace": namespace},
    });
    match write::create::<ServiceAccount>(client, namespace, &account).await {
        Err(error) if is_already_exists(&error) || is_not_found(&error) => Ok(()),
        result => result
            .map(drop)
            .map_err(failed(|| format!("create ServiceAccount {NAME} in {namespace}"))),
    }
}
