//! Follows the Secrets that hold tokens.

use client::{Delta, ObjectKey, WorkQueue};
use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;

use super::plan::due;
use crate::clock::wait;
use crate::context::{Context, reconcile_all};
use crate::error::{failed, is_conflict, is_not_found};
use crate::objects::Light;
use crate::write;

/// Of the Secrets that hold bootstrap tokens.
pub const TYPE: &str = "bootstrap.kubernetes.io/token";

const CONTROLLER: &str = "token-cleaner";

/// Tokens removed at a time.
const WORKERS: usize = 1;

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let tokens = context.caches.bootstrap_tokens;
    let changed = queue.clone();
    tokens.on_change(move |delta: &Delta<Secret>| changed.add(ObjectKey::of(&**delta.object())));
    tokens.synced().await;
    let again = queue.clone();
    reconcile_all(queue, WORKERS, context.cancel, |key| {
        let found = tokens.get(&key).and_then(|secret| Some((due(&secret)?, secret)));
        let left = found.as_ref().map(|(due, _)| due.duration_since(context.clock.now()));
        let (client, again) = (&client, &again);
        async move {
            let (Some((_, secret)), Some(left)) = (found, left) else { return Ok(()) };
            if left.is_positive() {
                again.add_after(key, wait(left));
                return Ok(());
            }
            let (namespace, name) = (secret.namespace(), secret.name());
            tracing::info!(secret = name, "removing an expired bootstrap token");
            let (uid, params) = (secret.metadata.uid.as_deref(), DeleteParams::default());
            match write::delete::<Secret>(client, namespace, name, uid, params).await {
                Err(error) if is_not_found(&error) || is_conflict(&error) => Ok(()),
                result => result.map_err(failed(|| format!("delete Secret {name}"))),
            }
        }
    })
    .await;
}
