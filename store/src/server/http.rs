//! Plain HTTP beside gRPC on the client port: health and version, as etcd answers them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::types::RangeRequest;
use crate::{ETCD_VERSION, KeyRange, Store};

pub(super) fn router(store: Arc<dyn Store>) -> Router {
    Router::new().route("/health", get(health)).route("/version", get(version)).with_state(store)
}

/// For the peer port: what etcd's peers ask each other over HTTP.
pub(super) fn peer_router(store: Arc<dyn Store>) -> Router {
    Router::new().route("/version", get(version)).route("/members", get(members)).with_state(store)
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// A linearizable read decides, so that a member without a quorum is not called healthy.
async fn health(State(store): State<Arc<dyn Store>>) -> Response {
    let probe = RangeRequest {
        range: KeyRange::single("health"),
        limit: 1,
        keys_only: true,
        ..Default::default()
    };
    match store.range(probe).await {
        Ok(_) => json_answer(StatusCode::OK, &json!({"health": "true", "reason": ""})),
        Err(error) => json_answer(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({"health": "false", "reason": error.to_string()}),
        ),
    }
}

async fn version() -> Response {
    let storage = ETCD_VERSION.rsplit_once('.').map_or(ETCD_VERSION, |(minor, _)| minor);
    let body = json!({
        "etcdserver": ETCD_VERSION,
        "etcdcluster": format!("{storage}.0"),
        "storage": format!("{storage}.0"),
    });
    json_answer(StatusCode::OK, &body)
}

async fn members(State(store): State<Arc<dyn Store>>) -> Response {
    match store.members().await {
        Ok(members) => {
            let members: Vec<_> = members
                .into_iter()
                .map(|member| {
                    json!({
                        "id": member.id,
                        "name": member.name,
                        "peerURLs": member.peer_urls,
                        "clientURLs": member.client_urls,
                    })
                })
                .collect();
            json_answer(StatusCode::OK, &json!(members))
        }
        Err(error) => {
            json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"message": error.to_string()}))
        }
    }
}
