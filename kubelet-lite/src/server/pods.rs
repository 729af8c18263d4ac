//! `/pods`: the pods bound to the nodes of this process, as the API has them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Nodes;
use crate::rest;

/// Asks the API: the kubelet itself keeps just what it needs of a pod.
pub(super) async fn list(State(nodes): State<Nodes>) -> Result<Json<Value>, (StatusCode, String)> {
    let mut items = Vec::new();
    for node in nodes.iter() {
        let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", node.name);
        let mut list: Value = rest::get(&node.client, &path)
            .await
            .map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
        if let Some(Value::Array(more)) = list.get_mut("items").map(Value::take) {
            items.extend(more);
        }
    }
    Ok(Json(json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items})))
}
