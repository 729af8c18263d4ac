//! Requests for objects that are written rarely and as JSON: nodes, leases, a pod's status.
//!
//! Typed k8s-openapi objects would bring 200 KB of code for three writes.

use http::{Method, Request};
use kube::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    Merge,
    Strategic,
}

impl PatchKind {
    fn content_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

pub async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> kube::Result<T> {
    client.request(request(Method::GET, path, "application/json", Vec::new())?).await
}

pub async fn create<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    body: &Value,
) -> kube::Result<T> {
    client.request(request(Method::POST, path, "application/json", encode(body)?)?).await
}

pub async fn patch<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    kind: PatchKind,
    body: &impl Serialize,
) -> kube::Result<T> {
    client.request(request(Method::PATCH, path, kind.content_type(), encode(body)?)?).await
}

/// The answer may be the object or a Status: nobody reads it.
pub async fn delete(client: &Client, path: &str, options: &Value) -> kube::Result<()> {
    let request = request(Method::DELETE, path, "application/json", encode(options)?)?;
    client.request_text(request).await.map(|_| ())
}

fn encode(body: &impl Serialize) -> kube::Result<Vec<u8>> {
    serde_json::to_vec(body).map_err(kube::Error::SerdeError)
}

fn request(
    method: Method,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> kube::Result<Request<Vec<u8>>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, content_type)
        .header(http::header::ACCEPT, "application/json")
        .body(body)
        .map_err(kube::Error::HttpError)
}

pub fn is_not_found(error: &kube::Error) -> bool {
    code(error) == Some(404)
}

/// HTTP status of a refusal; `None` for anything else.
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
