//! From a resource's path and verb to the handler.

use std::sync::Arc;

use api::resource::{Resource, Verb};
use api::{Identity, Status};
use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Response};
use serde_json::json;

use super::respond::value_response;
use super::{list, sub, write};
use crate::chain::ResourcePath;
use crate::negotiation::Accept;
use crate::registry::{Kind, Query};
use crate::state::State;

/// One request to a resource, authorized and with its body read.
pub struct Call {
    pub state: Arc<State>,
    pub method: Method,
    pub path: ResourcePath,
    pub query: Query,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub identity: Identity,
}

impl Call {
    pub fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn accept(&self) -> Accept<'_> {
        Accept::parse(self.header(ACCEPT))
    }

    pub fn content_type(&self) -> Option<&str> {
        self.header(CONTENT_TYPE)
    }

    pub fn watches(&self) -> bool {
        (self.query.flag("watch") || self.path.watch) && matches!(self.method, Method::GET)
    }
}

/// Answers; warnings for `Warning` headers are collected in `warnings`.
pub async fn serve(call: &Call, warnings: &mut Vec<String>) -> Result<Response<Body>, Status> {
    let path = &call.path;
    let registry = &call.state.registry;
    let Some(kind) = registry.kind(&path.group, &path.version, &path.plural) else {
        return no_custom_resources(call);
    };
    if kind.is("", "bindings") {
        return sub::serve_bindings(call).await;
    }
    if path.watch && (call.method != Method::GET || !path.subresource.is_empty()) {
        return Err(Status::method_not_allowed());
    }
    check_scope(kind, path)?;
    warnings.extend(kind.row.deprecation.as_deref().map(str::to_owned));
    if path.subresource.is_empty() {
        serve_object(call, kind, warnings).await
    } else {
        sub::serve(call, kind, warnings).await
    }
}

/// The list of custom resource definitions, which is empty: there are none yet. kubectl asks for it
/// (whatever discovery says) before it tells a user that a kind does not exist, and a refusal here
/// would hide that answer behind its own.
fn no_custom_resources(call: &Call) -> Result<Response<Body>, Status> {
    let path = &call.path;
    let lists = call.method == Method::GET && !call.watches() && path.name.is_empty();
    let crds = path.group == "apiextensions.k8s.io"
        && path.version == "v1"
        && path.plural == "customresourcedefinitions";
    if !(lists && crds && path.namespace.is_empty()) {
        return Err(Status::no_such_resource());
    }
    call.accept().json()?;
    let revision = call.state.registry.feed.revision();
    Ok(value_response(
        200,
        &json!({
            "kind": "CustomResourceDefinitionList",
            "apiVersion": "apiextensions.k8s.io/v1",
            "metadata": { "resourceVersion": revision.to_string() },
            "items": [],
        }),
    ))
}

/// A namespaced object lives in a namespace, another one does not.
fn check_scope(kind: &Kind, path: &ResourcePath) -> Result<(), Status> {
    let is_namespace = kind.is("", "namespaces");
    let namespaced = !path.namespace.is_empty() && !is_namespace;
    let wrong = if kind.row.namespaced { !namespaced && !path.name.is_empty() } else { namespaced };
    if wrong { Err(Status::no_such_resource()) } else { Ok(()) }
}

async fn serve_object(
    call: &Call,
    kind: &Arc<Kind>,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let row = &kind.row;
    let collection = call.path.name.is_empty();
    match (&call.method, collection) {
        (&Method::GET, _) if call.watches() => {
            allow(row, Verb::Watch)?;
            list::watch(call, kind).await
        }
        (&Method::GET | &Method::HEAD, true) => {
            allow(row, Verb::List)?;
            list::list(call, kind).await
        }
        (&Method::GET | &Method::HEAD, false) => {
            allow(row, Verb::Get)?;
            list::get(call, kind).await
        }
        (&Method::POST, true) => {
            allow(row, Verb::Create)?;
            write::create(call, kind, warnings).await
        }
        (&Method::PUT, false) => {
            allow(row, Verb::Update)?;
            write::update(call, kind, warnings).await
        }
        (&Method::PATCH, false) => {
            allow(row, Verb::Patch)?;
            write::patch(call, kind, warnings).await
        }
        (&Method::DELETE, false) => {
            allow(row, Verb::Delete)?;
            write::delete(call, kind, warnings).await
        }
        (&Method::DELETE, true) => {
            allow(row, Verb::DeleteCollection)?;
            write::delete_collection(call, kind).await
        }
        _ => Err(Status::method_not_allowed()),
    }
}

fn allow(row: &Resource, verb: Verb) -> Result<(), Status> {
    if row.verbs.contains(&verb) { Ok(()) } else { Err(Status::method_not_allowed()) }
}
