//! For the peer port: what etcd's members ask each other over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::version;
use crate::{Embedded, Store};

pub(in crate::server) fn router(store: Arc<Embedded>) -> Router {
    Router::new()
        .route("/version", any(version::serve))
        .route("/members", get(members))
        .with_state(store)
}

async fn members(State(store): State<Arc<Embedded>>) -> Response {
    let (status, body) = match store.members().await {
        Ok(members) => {
            let member = |member: crate::Member| {
                json!({
                    "id": member.id,
                    "name": member.name,
                    "peerURLs": member.peer_urls,
                    "clientURLs": member.client_urls,
                })
            };
            (StatusCode::OK, members.into_iter().map(member).collect())
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, json!({"message": error.to_string()})),
    };
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
