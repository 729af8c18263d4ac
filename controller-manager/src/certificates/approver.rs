//! Approves what `approve` says.

use api::resource::certificate_signing_request::{APPROVED, KUBELET_SERVING};
use client::light::Node;
use client::{Delta, ObjectKey, WorkQueue};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::Client;
use kube::api::Patch;
use serde_json::json;

use super::CONTROLLER;
use super::approve::approval;
use super::request::{Asked, conditions, is_open};
use crate::context::{Context, reconcile_all};
use crate::error::{Result, failed, is_not_found};
use crate::objects::Light;
use crate::write;

/// Requests handled at a time.
const WORKERS: usize = 2;

/// Runs until cancelled.
pub async fn run(context: Context) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let (requests, nodes) = (context.caches.certificate_requests, context.caches.nodes);
    let changed = queue.clone();
    requests.on_change(move |delta: &Delta<CertificateSigningRequest>| {
        if !matches!(delta, Delta::Deleted(_)) {
            changed.add(ObjectKey::of(&**delta.object()));
        }
    });
    // A serving certificate waits for its Node, and for the addresses on it.
    let (changed, waiting) = (queue.clone(), requests.clone());
    nodes.on_change(move |delta: &Delta<Node>| {
        let user = format!("system:node:{}", delta.object().name());
        for csr in waiting.list() {
            let is_its = csr.spec.username.as_ref() == Some(&user);
            if is_its && csr.spec.signer_name == KUBELET_SERVING && is_open(&csr) {
                changed.add(ObjectKey::of(&*csr));
            }
        }
    });
    requests.synced().await;
    reconcile_all(queue, WORKERS, context.cancel, |key| {
        let csr = requests.get(&key).filter(|csr| is_open(csr));
        let (client, nodes) = (&client, &nodes);
        async move {
            let Some(csr) = csr else { return Ok(()) };
            let asked = match Asked::read(&csr) {
                Ok(asked) => asked,
                Err(error) => {
                    tracing::warn!(csr = %key, error, "a request cannot be read");
                    return Ok(());
                }
            };
            let node = |name: &str| nodes.find("", name).map(|node| (*node).clone());
            match approval(&asked, node) {
                Some(reason) => approve(client, &csr, reason).await,
                None => Ok(()),
            }
        }
    })
    .await;
}

async fn approve(client: &Client, csr: &CertificateSigningRequest, reason: &str) -> Result<()> {
    let mut all: Vec<_> = conditions(csr).iter().map(|condition| json!(condition)).collect();
    all.push(json!({
        "type": APPROVED, "status": "True", "reason": "AutoApproved", "message": reason,
    }));
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": csr.metadata.resource_version},
        "status": {"conditions": all},
    }));
    let name = csr.name();
    tracing::info!(csr = name, user = csr.spec.username, "{reason}");
    let approved =
        write::patch_subresource::<CertificateSigningRequest>(client, name, "approval", &patch);
    match approved.await {
        Err(error) if is_not_found(&error) => Ok(()),
        result => result.map(drop).map_err(failed(|| format!("approve {name}"))),
    }
}
