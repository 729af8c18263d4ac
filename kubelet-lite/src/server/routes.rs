//! Paths of the kubelet's API, as upstream's.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};

use super::{logs, metrics, pods};
use crate::kubelet::NodeHandle;
use crate::pod::types::Pod;

/// The nodes that one server speaks for.
#[derive(Clone)]
pub struct Nodes(Arc<[NodeHandle]>);

impl Nodes {
    pub fn new(nodes: Vec<NodeHandle>) -> Self {
        Self(nodes.into())
    }

    pub fn iter(&self) -> impl Iterator<Item = &NodeHandle> {
        self.0.iter()
    }

    /// The pod of that name, and its node.
    pub fn find(&self, namespace: &str, name: &str) -> Option<(&NodeHandle, Arc<Pod>)> {
        self.iter().find_map(|node| Some((node, node.pods.find(namespace, name)?)))
    }
}

pub fn router(nodes: Nodes) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/healthz/{check}", get(|| async { "ok" }))
        .route("/pods", get(pods::list))
        .route("/pods/", get(pods::list))
        .route("/metrics", get(metrics::metrics))
        .route("/containerLogs/{namespace}/{pod}/{container}", get(logs::logs))
        .route("/exec/{*rest}", any(|| not_yet("exec")))
        .route("/run/{*rest}", any(|| not_yet("run")))
        .route("/attach/{*rest}", any(|| not_yet("attach")))
        .route("/portForward/{*rest}", any(|| not_yet("port-forward")))
        .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
        .with_state(nodes)
}

async fn not_yet(what: &str) -> Response {
    let message = format!("{what} is not supported by this kubelet yet");
    let status = serde_json::json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": message, "reason": "NotImplemented", "code": 501,
    });
    (StatusCode::NOT_IMPLEMENTED, axum::Json(status)).into_response()
}
