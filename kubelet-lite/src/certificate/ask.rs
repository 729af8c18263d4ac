//! One request: a key, a CertificateSigningRequest, and the wait for its answer.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{Certificate, KeyAlgorithm, PrivateKey, Request};
use futures::StreamExt;
use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::json;

use super::error::Error;
use super::wanted::Wanted;
use crate::rest;

const PATH: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// For an answer, as upstream; a person may have to give it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What is needed of a CertificateSigningRequest.
#[derive(Clone, Debug, Deserialize)]
struct Asked {
    metadata: ObjectMeta,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    /// PEM in base64.
    certificate: String,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    message: String,
}

/// Asks until there is an answer. The certificate comes in PEM, with the key that it fits.
pub async fn ask(client: &Client, wanted: &Wanted) -> Result<(String, PrivateKey), Error> {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    let request = Request::new(&key, &wanted.subject, &wanted.names, &[])?;
    let body = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-"},
        "spec": {
            "request": STANDARD.encode(request.to_pem()),
            "signerName": wanted.signer,
            "usages": wanted.usages,
        },
    });
    let asked: Asked = rest::create(client, PATH, &body).await.map_err(Error::Request)?;
    let name = asked.metadata.name.unwrap_or_default();
    tracing::info!(csr = name, signer = wanted.signer, "asked for a certificate");
    let answered = tokio::time::timeout(PATIENCE, answer(client, &name)).await;
    let pem = answered.map_err(|_| Error::Unanswered { name })??;
    if !key.fits(&Certificate::from_pem(&pem)?) {
        return Err(certs::x509::Error::KeyMismatch.into());
    }
    Ok((pem, key))
}

async fn answer(client: &Client, name: &str) -> Result<String, Error> {
    let api: Api<Asked> = Api::all(client.clone());
    let selected = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = std::pin::pin!(watcher(api, selected).default_backoff());
    let mut listed = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => listed = false,
            Ok(watcher::Event::InitApply(asked) | watcher::Event::Apply(asked)) => {
                listed = true;
                if let Some(answer) = read(&asked, name) {
                    return answer;
                }
            }
            Ok(watcher::Event::InitDone) if listed => {}
            Ok(watcher::Event::InitDone | watcher::Event::Delete(_)) => break,
            Err(error) => tracing::debug!(csr = name, %error, "watch of a request"),
        }
    }
    Err(Error::Removed { name: name.to_owned() })
}

/// The answer, once there is one.
fn read(asked: &Asked, name: &str) -> Option<Result<String, Error>> {
    let message = |kind: &str| {
        let found = asked.status.conditions.iter().find(|condition| condition.kind == kind)?;
        Some((name.to_owned(), found.message.clone()))
    };
    if let Some((name, message)) = message("Denied") {
        return Some(Err(Error::Denied { name, message }));
    }
    if let Some((name, message)) = message("Failed") {
        return Some(Err(Error::Failed { name, message }));
    }
    message("Approved")?;
    if asked.status.certificate.is_empty() {
        return None;
    }
    let pem = STANDARD.decode(&asked.status.certificate).ok();
    let pem = pem.and_then(|bytes| String::from_utf8(bytes).ok());
    Some(pem.ok_or_else(|| {
        let message = "what was issued is no PEM".to_owned();
        Error::Failed { name: name.to_owned(), message }
    }))
}

impl kube::Resource for Asked {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "CertificateSigningRequest".into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        "certificates.k8s.io".into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        "certificatesigningrequests".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: serde_json::Value) -> String {
        let asked = serde_json::from_value(json!({"metadata": {}, "status": status}));
        match read(&asked.expect("an object"), "a") {
            None => "waits".to_owned(),
            Some(Ok(pem)) => pem,
            Some(Err(error)) => error.to_string(),
        }
    }

    #[test]
    fn answers() {
        let with = |kind: &str| json!([{"type": kind, "message": "because"}]);
        assert_eq!(answer(json!({})), "waits");
        assert_eq!(answer(json!({"conditions": with("Approved")})), "waits");
        assert_eq!(answer(json!({"conditions": with("Approved"), "certificate": "cGVt"})), "pem");
        assert!(answer(json!({"conditions": with("Denied")})).contains("denied: because"));
        assert!(answer(json!({"conditions": with("Failed")})).contains("not signed: because"));
        assert_eq!(answer(json!({"certificate": "cGVt"})), "waits");
    }
}
