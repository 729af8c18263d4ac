//! POST, PUT, PATCH and DELETE of objects.

use std::sync::Arc;

use api::Status;
use axum::body::Body;
use http::Response;
use serde_json::Value;

use super::dispatch::Call;
use super::filter::Filter;
use super::list::written_response;
use super::list_options::ReadAt;
use super::list_response::written_list;
use super::read::{page, snapshot};
use super::respond::{json_response, value_response};
use crate::negotiation::{PatchType, body_format};
use crate::registry::{
    DeleteOptions, Deleted, Endpoint, Kind, Patch, Scope, WriteOptions, delete_options, details,
    read, read_object,
};

/// Resources whose finished delete answers the object, as upstream; the others answer a Status.
const RETURNS_DELETED: [&str; 7] = [
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourcequotas",
    "serviceaccounts",
    "services",
];

impl Call {
    pub fn scope<'a>(&'a self, kind: &'a Kind, options: &'a WriteOptions) -> Scope<'a> {
        Scope {
            kind,
            namespace: if kind.row.namespaced { &self.path.namespace } else { "" },
            name: &self.path.name,
            subresource: &self.path.subresource,
            identity: &self.identity,
            options,
        }
    }

    /// The body as an object of `kind`.
    pub fn object(
        &self,
        kind: &Kind,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let format = body_format(self.content_type())?;
        read_object(kind, format, &self.body, options.field_validation, warnings)
    }

    /// The body as an object of whatever kind; `None` if there is no body.
    pub fn any_object(&self) -> Result<Option<Value>, Status> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let mut object = read(body_format(self.content_type())?, &self.body)?.object;
        api::object::drop_nulls(&mut object);
        Ok(Some(object))
    }

    pub fn delete_options(&self) -> Result<DeleteOptions, Status> {
        delete_options(&self.query, self.any_object()?.as_ref())
    }
}

pub async fn create(
    call: &Call,
    kind: &Arc<Kind>,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let options = WriteOptions::parse(&call.query, "CreateOptions")?;
    if kind.row.namespaced && call.path.namespace.is_empty() {
        return Err(Status::method_not_allowed());
    }
    let object = call.object(kind, &options, warnings)?;
    let scope = call.scope(kind, &options);
    let written = call.state.registry.create(&scope, object, warnings).await?;
    written_response(call, kind, &written)
}

pub async fn update(
    call: &Call,
    kind: &Arc<Kind>,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    update_at(call, kind, Endpoint::Main, warnings).await
}

pub async fn update_at(
    call: &Call,
    kind: &Arc<Kind>,
    endpoint: Endpoint,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let options = WriteOptions::parse(&call.query, "UpdateOptions")?;
    let object = call.object(kind, &options, warnings)?;
    let scope = call.scope(kind, &options);
    let written = call.state.registry.replace(&scope, endpoint, object, warnings).await?;
    written_response(call, kind, &written)
}

pub async fn patch(
    call: &Call,
    kind: &Arc<Kind>,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    patch_at(call, kind, Endpoint::Main, warnings).await
}

pub async fn patch_at(
    call: &Call,
    kind: &Arc<Kind>,
    endpoint: Endpoint,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let options = WriteOptions::parse(&call.query, "PatchOptions")?;
    let patch = Patch::read(PatchType::parse(call.content_type())?, &call.body)?;
    let scope = call.scope(kind, &options);
    let written = call.state.registry.patch(&scope, endpoint, &patch, warnings).await?;
    written_response(call, kind, &written)
}

pub async fn delete(
    call: &Call,
    kind: &Arc<Kind>,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let delete = call.delete_options()?;
    let options = WriteOptions { dry_run: delete.dry_run, ..WriteOptions::default() };
    let scope = call.scope(kind, &options);
    match call.state.registry.delete(&scope, &delete, warnings).await? {
        Deleted::Gone { last, uid } => {
            if kind.row.group.is_empty() && RETURNS_DELETED.contains(&&*kind.row.plural) {
                return written_response(call, kind, &last);
            }
            let details = details(&scope, &uid);
            Ok(value_response(200, &Status::success(200, Some(&details))))
        }
        Deleted::Waiting(written) => written_response(call, kind, &written),
    }
}

pub async fn delete_collection(call: &Call, kind: &Arc<Kind>) -> Result<Response<Body>, Status> {
    let delete = call.delete_options()?;
    let options = WriteOptions { dry_run: delete.dry_run, ..WriteOptions::default() };
    let filter = Filter::parse(&kind.row, &call.path.namespace, &call.query)?;
    let registry = &call.state.registry;
    let found = snapshot(registry, kind, &ReadAt::Latest).await?;
    let entries = page(&found, &filter, &ReadAt::Latest, 0).entries;
    let scope = call.scope(kind, &options);
    let deleted = registry.delete_all(&scope, &delete, entries).await?;
    let revision = registry.feed.revision();
    Ok(json_response(200, written_list(&kind.row, &deleted, revision)))
}
