//! Signs what is approved.

use api::resource::certificate_signing_request::{APPROVED, DENIED, FAILED};
use client::{Delta, ObjectKey, WorkQueue};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::Client;
use kube::api::Patch;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::CONTROLLER;
use super::authority::Signing;
use super::request::{Asked, certificate, condition, conditions};
use super::sign::{check, is_ours, template};
use crate::context::{Context, reconcile_all};
use crate::error::{Error, Result, failed, is_not_found};
use crate::objects::Light;
use crate::write;

/// Requests handled at a time.
const WORKERS: usize = 2;

/// Runs until cancelled.
pub async fn run(context: Context, signing: Signing) {
    let client = context.client(CONTROLLER);
    let queue = WorkQueue::default();
    let requests = context.caches.certificate_requests;
    let changed = queue.clone();
    requests.on_change(move |delta: &Delta<CertificateSigningRequest>| {
        if is_due(delta.object()) && !matches!(delta, Delta::Deleted(_)) {
            changed.add(ObjectKey::of(&**delta.object()));
        }
    });
    requests.synced().await;
    reconcile_all(queue, WORKERS, context.cancel, |key| {
        let csr = requests.get(&key).filter(|csr| is_due(csr));
        let (client, signing, now) = (&client, &signing, context.clock.now());
        async move {
            match csr {
                Some(csr) => answer(client, signing, &csr, now).await,
                None => Ok(()),
            }
        }
    })
    .await;
}

/// Approved, not answered yet, and ours.
fn is_due(csr: &CertificateSigningRequest) -> bool {
    let is = |kind| condition(csr, kind).is_some_and(|condition| condition.status == "True");
    is_ours(&csr.spec.signer_name)
        && certificate(csr).is_none()
        && is(APPROVED)
        && !is(DENIED)
        && !is(FAILED)
}

async fn answer(
    client: &Client,
    signing: &Signing,
    csr: &CertificateSigningRequest,
    now: Timestamp,
) -> Result<()> {
    let status = match Asked::read(csr).and_then(|asked| check(&asked).map(|()| asked)) {
        Err(fault) => {
            tracing::info!(csr = csr.name(), fault, "a request breaks its signer's rules");
            refusal(csr, &fault)
        }
        Ok(asked) => {
            let signed = sign(&asked, signing, now);
            let pem = signed.map_err(|reason| Error::Sign { name: csr.name().into(), reason })?;
            json!({"certificate": ByteString(pem.into_bytes())})
        }
    };
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": csr.metadata.resource_version},
        "status": status,
    }));
    let name = csr.name();
    match write::patch_status::<CertificateSigningRequest>(client, "", name, &patch).await {
        Err(error) if is_not_found(&error) => Ok(()),
        result => result.map(drop).map_err(failed(|| format!("answer {name}"))),
    }
}

fn sign(asked: &Asked<'_>, signing: &Signing, now: Timestamp) -> Result<String, String> {
    let authority = signing.authority.current()?;
    let now = OffsetDateTime::from_unix_timestamp(now.as_second())
        .map_err(|error| format!("the clock is out of range: {error}"))?;
    let ends = authority.certificate().not_after();
    let template = template(asked, signing.duration, ends, now)?;
    let signed = authority.sign(&template, asked.request.public_key_der());
    signed.map(|certificate| certificate.to_pem()).map_err(|error| error.to_string())
}

fn refusal(csr: &CertificateSigningRequest, fault: &str) -> Value {
    let mut all: Vec<_> = conditions(csr).iter().map(|condition| json!(condition)).collect();
    all.push(json!({
        "type": FAILED, "status": "True", "reason": "SignerValidationFailure", "message": fault,
    }));
    json!({"conditions": all})
}
