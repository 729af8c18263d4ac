//! Removes requests when `clean` says they are due.

use client::{Delta, ObjectKey, WorkQueue};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::DeleteParams;

use super::CONTROLLER;
use super::clean::due;
use crate::clock::wait;
use crate::context::{Context, reconcile_all};
use crate::error::{failed, is_conflict, is_not_found};
use crate::objects::Light;
use crate::write;

/// Requests removed at a time.
const WORKERS: usize = 1;

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let requests = context.caches.certificate_requests;
    let changed = queue.clone();
    requests.on_change(move |delta: &Delta<CertificateSigningRequest>| {
        changed.add(ObjectKey::of(&**delta.object()));
    });
    requests.synced().await;
    let again = queue.clone();
    reconcile_all(queue, WORKERS, context.cancel, |key| {
        let found = requests.get(&key).and_then(|csr| Some((due(&csr)?, csr)));
        let left = found.as_ref().map(|(due, _)| due.duration_since(context.clock.now()));
        let (client, again) = (&client, &again);
        async move {
            let (Some((_, csr)), Some(left)) = (found, left) else { return Ok(()) };
            if left.is_positive() {
                again.add_after(key, wait(left));
                return Ok(());
            }
            let (name, uid) = (csr.name(), csr.metadata.uid.as_deref());
            tracing::debug!(csr = name, "removing a request that has had its time");
            let params = DeleteParams::default();
            match write::delete::<CertificateSigningRequest>(client, "", name, uid, params).await {
                Err(error) if is_not_found(&error) || is_conflict(&error) => Ok(()),
                result => result.map_err(failed(|| format!("delete {name}"))),
            }
        }
    })
    .await;
}
