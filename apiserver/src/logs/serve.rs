//! The handler of `pods/log`.

use api::Status;
use api::resource::fields::{items, number, text};
use api::status::Reason;
use axum::body::Body;
use futures::StreamExt;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, BodyStream, Limited};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::container::choose;
use crate::registry::{Kind, Query, parse};
use crate::rest::Call;

/// Port of a kubelet whose node does not tell it.
const DEFAULT_KUBELET_PORT: u16 = 10250;

/// How much of a kubelet's error text is passed on, as upstream.
const MAX_ERROR_BYTES: usize = 10_000;

/// Options that the kubelet understands, passed on as they are.
const PASSED_ON: [&str; 8] = [
    "follow",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "tailLines",
    "limitBytes",
    "stream",
];

pub async fn serve(call: &Call, pods: &Kind) -> Result<Response<Body>, Status> {
    let registry = &call.state.registry;
    let (namespace, name) = (call.path.namespace.as_str(), call.path.name.as_str());
    let kv = registry
        .storage
        .get(&pods.key(namespace, name))
        .await?
        .ok_or_else(|| Status::not_found(pods.target(name)))?;
    let pod = parse((&*pods.row).into(), &kv.value)?;
    check_options(&call.query)?;
    let container = choose(&pod, call.query.get("container"))?;
    let node = text(&pod, "spec.nodeName");
    if node.is_empty() {
        return Ok(plain(Body::empty())); // As upstream: nothing ran anywhere yet.
    }
    let (host, port) = address(call, node).await?;
    let path = log_path(namespace, name, &container, &call.query);
    let response = call.state.kubelets.get(&host, port, &path).await?;
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(kubelet_refusal(head.status.as_u16(), body).await);
    }
    let stopping = call.state.stopping.clone();
    let stream = BodyStream::new(body).filter_map(|frame| async {
        match frame {
            Ok(frame) => frame.into_data().ok().map(Ok),
            Err(error) => Some(Err(error)),
        }
    });
    Ok(plain(Body::from_stream(stream.take_until(stopping.cancelled_owned()))))
}

fn plain(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn check_options(query: &Query) -> Result<(), Status> {
    for (name, least) in [("tailLines", 0), ("sinceSeconds", 1), ("limitBytes", 1)] {
        if query.integer(name)?.is_some_and(|value| value < least) {
            let error = api::validation::FieldError::invalid(
                name,
                query.get(name).unwrap_or_default(),
                if least == 0 {
                    "must be greater than or equal to 0"
                } else {
                    "must be greater than 0"
                },
            );
            return Err(Status::invalid("", "PodLogOptions", "", &[error]));
        }
    }
    if query.has("sinceSeconds") && query.has("sinceTime") {
        let error = api::validation::FieldError::forbidden(
            "sinceSeconds",
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        );
        return Err(Status::invalid("", "PodLogOptions", "", &[error]));
    }
    Ok(())
}

/// Where the node's kubelet listens, from the node's status.
async fn address(call: &Call, node: &str) -> Result<(String, u16), Status> {
    let registry = &call.state.registry;
    let nodes = registry.kind("", "v1", "nodes").ok_or_else(Status::no_such_resource)?;
    let kv = registry
        .storage
        .get(&nodes.key("", node))
        .await?
        .ok_or_else(|| Status::not_found(nodes.target(node)))?;
    let object = parse((&*nodes.row).into(), &kv.value)?;
    kubelet_address(&object).ok_or_else(|| {
        Status::internal(format!(
            "no preferred addresses found; known addresses of node {node}: []"
        ))
    })
}

fn kubelet_address(node: &Value) -> Option<(String, u16)> {
    let host = ["InternalIP", "ExternalIP", "Hostname"].iter().find_map(|wanted| {
        items(node, "status.addresses")
            .iter()
            .find(|address| text(address, "type") == *wanted)
            .map(|address| text(address, "address").to_owned())
    })?;
    let port = u16::try_from(number(node, "status.daemonEndpoints.kubeletEndpoint.Port"))
        .ok()
        .filter(|port| *port > 0)
        .unwrap_or(DEFAULT_KUBELET_PORT);
    Some((host, port))
}

fn log_path(namespace: &str, pod: &str, container: &str, query: &Query) -> String {
    let mut path = format!("/containerLogs/{namespace}/{pod}/{container}");
    let mut separator = '?';
    for name in PASSED_ON {
        if let Some(value) = query.get(name) {
            path.push(separator);
            path.push_str(&format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
            separator = '&';
        }
    }
    path
}

/// A kubelet's refusal as the API words it: its text, with a reason by its code.
async fn kubelet_refusal(code: u16, body: hyper::body::Incoming) -> Status {
    let text = match Limited::new(body, MAX_ERROR_BYTES).collect().await {
        Ok(collected) => String::from_utf8_lossy(&collected.to_bytes()).trim().to_owned(),
        Err(_) => "the kubelet's answer could not be read".to_owned(),
    };
    match code {
        400 => Status::bad_request(text),
        404 => Status::new(404, Reason::NotFound, text),
        500 => Status::internal(text),
        other => Status::new(
            other,
            Reason::Unknown,
            format!(
                "the server responded with the status code {other} but did not return more details: {text}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_passed_to_the_kubelet() {
        let query = Query::parse(Some(
            "container=c&follow=true&tailLines=5&sinceTime=2026-01-01T00:00:00Z&x=y",
        ));
        assert_eq!(
            log_path("ns", "p", "c", &query),
            "/containerLogs/ns/p/c?follow=true&sinceTime=2026%2D01%2D01T00%3A00%3A00Z&tailLines=5"
        );
        assert_eq!(check_options(&Query::parse(Some("tailLines=-1"))).unwrap_err().code, 422);
        assert_eq!(check_options(&Query::parse(Some("tailLines=0"))), Ok(()));
    }

    #[test]
    fn the_kubelets_address_is_in_the_nodes_status() {
        let node = json!({"status": {
            "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 4321}},
        }});
        assert_eq!(kubelet_address(&node), Some(("10.0.0.1".to_owned(), 4321)));
        assert_eq!(kubelet_address(&json!({})), None);
    }
}
