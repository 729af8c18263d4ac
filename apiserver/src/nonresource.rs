//! Paths that are no resource: health, metrics, version, discovery, OpenAPI.

use std::sync::Arc;

use api::Status;
use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use crate::discovery::Found;
use crate::metrics::METRICS_CONTENT_TYPE;
use crate::registry::Query;
use crate::rest::json_response;
use crate::state::State;
use crate::{health, version};

/// What `/` lists besides discovery.
const PATHS: [&str; 10] = [
    "/healthz",
    "/healthz/etcd",
    "/healthz/ping",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/readyz/etcd",
    "/version",
];

pub async fn serve(
    state: &Arc<State>,
    parts: &Parts,
    path: &str,
    query: &Query,
) -> Result<Response<Body>, Status> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(Status::method_not_allowed());
    }
    let trimmed = match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    if let Some(response) = health::serve(state, trimmed, query).await {
        return Ok(response);
    }
    match trimmed {
        "/" => Ok(root(state)),
        "/version" => Ok(json_response(200, Bytes::from(version::document().to_string()))),
        "/metrics" => metrics(state),
        "/openapi/v2" => Ok(openapi_v2(state, parts)),
        "/openapi/v3" => Ok(json_response(200, state.openapi.index())),
        _ => {
            if let Some(document) = trimmed.strip_prefix("/openapi/v3/") {
                return Ok(openapi(state, parts, document, query));
            }
            discovery(state, parts, trimmed)
        }
    }
}

fn root(state: &State) -> Response<Body> {
    let mut paths = state.discovery.paths();
    paths.extend(PATHS);
    paths.sort_unstable();
    paths.dedup();
    json_response(200, Bytes::from(json!({ "paths": paths }).to_string()))
}

fn metrics(state: &State) -> Result<Response<Body>, Status> {
    let text = state
        .metrics
        .render(&state.registry)
        .map_err(|error| Status::internal(format!("metrics cannot be written: {error}")))?;
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static(METRICS_CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

fn openapi(state: &State, parts: &Parts, path: &str, query: &Query) -> Response<Body> {
    let Some((bytes, hash)) = state.openapi.document(path) else { return page_not_found() };
    let etag = format!("\"{hash}\"");
    let mut response = tagged(is_known(parts, &etag), &etag, "application/json", bytes);
    // A URL that names the content by its hash never changes.
    if query.get("hash") == Some(hash) {
        let forever = HeaderValue::from_static("public, immutable");
        response.headers_mut().insert(http::header::CACHE_CONTROL, forever);
    }
    response
}

fn openapi_v2(state: &State, parts: &Parts) -> Response<Body> {
    let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let (media_type, bytes, hash) = state.openapi.v2(accept);
    let etag = format!("\"{hash}\"");
    tagged(is_known(parts, &etag), &etag, media_type, bytes)
}

/// Whether the client has the content of this tag.
fn is_known(parts: &Parts, etag: &str) -> bool {
    parts
        .headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim() == etag))
}

/// A document with its entity tag, or 304 if the client has it already.
fn tagged(known: bool, etag: &str, content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(if known { Body::empty() } else { Body::from(body) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
    }
    response
}

fn discovery(state: &State, parts: &Parts, path: &str) -> Result<Response<Body>, Status> {
    let header = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match state.discovery.find(path, header(ACCEPT)) {
        Found::Document(document) => {
            let known = document.is_known(header(IF_NONE_MATCH));
            Ok(tagged(known, &document.etag, document.content_type, document.body.clone()))
        }
        Found::NotAcceptable => Err(Status::not_acceptable(&["application/json"])),
        Found::NoSuchPath => Ok(page_not_found()),
    }
}

/// As Go's mux answers what it does not know.
pub fn page_not_found() -> Response<Body> {
    let mut response = Response::new(Body::from("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
