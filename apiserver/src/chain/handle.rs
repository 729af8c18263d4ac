//! The chain itself.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;

use api::{Identity, Status};
use axum::body::Body;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use tokio::time::Instant;

use super::authz::{self, Attributes};
use super::deadline::deadline;
use super::impersonation::acting;
use super::request_info::{Path, verb};
use super::{body, warnings};
use crate::authn::authenticate;
use crate::listener::ClientCertificateEnd;
use crate::metrics::RequestLabels;
use crate::nonresource;
use crate::registry::Query;
use crate::rest::{self, Call, status_response};
use crate::state::State;

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Answers any request. Never fails: every fault is a response.
pub async fn handle(state: Arc<State>, request: Request<Body>) -> Response<Body> {
    let begun = Instant::now();
    let path = Path::parse(request.uri().path());
    let query = Query::parse(request.uri().query());
    let watches = query.flag("watch") || matches!(&path, Path::Resource(path) if path.watch);
    let verb = verb(request.method(), &path, watches);
    let audit_id = request
        .headers()
        .get(&AUDIT_ID)
        .cloned()
        .or_else(|| HeaderValue::from_str(&state.registry.sources.uid()).ok());
    let labels = labels(&state, verb, &path);
    let answer = AssertUnwindSafe(answer(&state, request, &path, query, verb));
    let mut response = answer.catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(?path, verb, "a handler panicked");
        status_response(&Status::internal("this request caused apiserver to panic"))
    });
    if let Some(audit_id) = audit_id {
        response.headers_mut().insert(AUDIT_ID, audit_id);
    }
    response
        .headers_mut()
        .entry(http::header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache, private"));
    let code = response.status().as_u16();
    state.metrics.observe(RequestLabels { code, ..labels }, begun.elapsed());
    response
}

/// What a request is counted under. A path that names nothing served is counted without its names:
/// they are the client's invention, and each would be a time series of its own.
fn labels(state: &State, verb: &str, path: &Path) -> RequestLabels {
    let mut labels = RequestLabels {
        verb: verb.to_owned(),
        group: String::new(),
        version: String::new(),
        resource: String::new(),
        subresource: String::new(),
        scope: String::new(),
        code: 0,
    };
    if let Path::Resource(resource) = path {
        let kind = state.registry.kind(&resource.group, &resource.version, &resource.plural);
        let Some(kind) = kind else { return labels };
        labels.group = kind.row.group.to_string();
        labels.version = kind.row.version.to_string();
        labels.resource = kind.row.plural.to_string();
        if kind.row.subresource(&resource.subresource).is_some() {
            labels.subresource.clone_from(&resource.subresource);
        }
        labels.scope = match (resource.name.as_str(), resource.namespace.as_str()) {
            ("", "") => "cluster",
            ("", _) => "namespace",
            _ => "resource",
        }
        .to_owned();
    }
    labels
}

async fn answer(
    state: &Arc<State>,
    request: Request<Body>,
    path: &Path,
    query: Query,
    verb: &str,
) -> Response<Body> {
    if let Some(end) = request.extensions().get::<ClientCertificateEnd>() {
        state.metrics.observe_client_certificate(end.left(SystemTime::now()));
    }
    let uri_path = request.uri().path().to_owned();
    let known = request.extensions().get::<Identity>().cloned();
    let identity = authenticate(&state.registry, request.headers(), known).await;
    let acting_as =
        identity.and_then(|identity| acting(identity, request.headers(), &*state.authorizer));
    let identity = match acting_as {
        Ok(identity) => identity,
        Err(status) => return status_response(&status),
    };
    let attributes = Attributes { identity: &identity, verb, path, uri_path: &uri_path };
    if !state.authorizer.allows(&attributes) {
        return status_response(&authz::refusal(&attributes));
    }
    let long_running = verb == "watch"
        || matches!(path, Path::Resource(resource) if resource.subresource == "log");
    let deadline = match deadline(query.get("timeout")) {
        Ok(deadline) => deadline,
        Err(status) => return status_response(&status),
    };
    let mut told = Vec::new();
    let work = async {
        let (parts, body) = request.into_parts();
        let body = match parts.method {
            Method::GET | Method::HEAD => bytes::Bytes::new(),
            _ => body::read(body).await?,
        };
        match path {
            Path::Other => nonresource::serve(state, &parts, &uri_path, &query).await,
            Path::Resource(path) => {
                let call = Call {
                    state: state.clone(),
                    method: parts.method,
                    path: path.clone(),
                    query,
                    headers: parts.headers,
                    body,
                    identity: identity.clone(),
                };
                rest::serve(&call, &mut told).await
            }
        }
    };
    let outcome = if long_running {
        work.await
    } else {
        match tokio::time::timeout(deadline, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Status::request_timeout()),
        }
    };
    let mut response = outcome.unwrap_or_else(|status| status_response(&status));
    warnings::add(response.headers_mut(), &told);
    response
}
