//! `/version`.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::ETCD_VERSION;

/// The minor version that the cluster agrees on, as etcd writes it: `3.6.0`.
pub(in crate::server) fn cluster_version() -> String {
    let minor = ETCD_VERSION.rsplit_once('.').map_or(ETCD_VERSION, |(minor, _)| minor);
    format!("{minor}.0")
}

pub(super) async fn serve(method: http::Method) -> Response {
    if let Some(refusal) = super::not_get(&method) {
        return refusal;
    }
    let body = json!({
        "etcdserver": ETCD_VERSION,
        "etcdcluster": cluster_version(),
        "storage": cluster_version(),
    });
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
