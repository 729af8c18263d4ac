//! Subresources, by name.

use std::sync::Arc;

use api::Status;
use api::resource::fields::text;
use api::resource::{Verb, scale as scale_row};
use axum::body::Body;
use http::{Method, Response};
use serde_json::{Value, json};

use super::dispatch::Call;
use super::list::{get, table_options};
use super::respond::{json_response, value_response};
use super::write::{patch_at, update_at};
use crate::logs;
use crate::negotiation::{Form, PatchType};
use crate::registry::subresources::{bind, eviction_options, scale_of, set_replicas};
use crate::registry::{
    Endpoint, Kind, Patch, Query, Scope, WriteOptions, Written, check_envelope, parse,
};
use crate::table_form;

/// Subresources that clients of upstream ask for in daily work and that are still to come.
const NOT_YET: [(&str, &str); 9] = [
    ("pods", "exec"),
    ("pods", "attach"),
    ("pods", "portforward"),
    ("pods", "proxy"),
    ("pods", "ephemeralcontainers"),
    ("pods", "resize"),
    ("services", "proxy"),
    ("nodes", "proxy"),
    ("serviceaccounts", "token"),
];

/// Bindings are only ever posted, and stored nowhere.
pub async fn serve_bindings(call: &Call) -> Result<Response<Body>, Status> {
    let path = &call.path;
    let pods = call.state.registry.kind("", "v1", "pods").ok_or_else(Status::no_such_resource)?;
    if call.method != Method::POST || !path.name.is_empty() || path.namespace.is_empty() {
        return Err(Status::method_not_allowed());
    }
    post_binding(call, pods, None).await
}

pub async fn serve(
    call: &Call,
    kind: &Arc<Kind>,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let name = call.path.subresource.as_str();
    let Some(listed) = kind.row.subresource(name) else {
        let resource = kind.row.plural.as_ref();
        return Err(match NOT_YET.contains(&(resource, name)) {
            true => Status::not_implemented(&format!("{resource}/{name}")),
            false => Status::no_such_resource(),
        });
    };
    let verb = match call.method {
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        _ => return Err(Status::method_not_allowed()),
    };
    if !listed.verbs.contains(&verb) {
        return Err(Status::method_not_allowed());
    }
    match (name, verb) {
        ("status" | "approval", Verb::Get) => get(call, kind).await,
        ("approval", Verb::Update) => update_at(call, kind, Endpoint::Approval, warnings).await,
        ("approval", Verb::Patch) => patch_at(call, kind, Endpoint::Approval, warnings).await,
        ("status", Verb::Update) => update_at(call, kind, Endpoint::Status, warnings).await,
        ("status", Verb::Patch) => patch_at(call, kind, Endpoint::Status, warnings).await,
        ("scale", Verb::Get) => get_scale(call, kind).await,
        ("scale", Verb::Update) => put_scale(call, kind, warnings).await,
        ("scale", Verb::Patch) => patch_scale(call, kind, warnings).await,
        ("binding", Verb::Create) => post_binding(call, kind, Some(&call.path.name)).await,
        ("eviction", Verb::Create) => post_eviction(call, kind, warnings).await,
        ("finalize", Verb::Update) => put_finalize(call, kind, warnings).await,
        ("log", Verb::Get) => logs::serve(call, kind).await,
        _ => Err(Status::no_such_resource()),
    }
}

/// An object in a group's own envelope (Scale, Binding, Eviction).
fn envelope(call: &Call, group: &str, version: &str, kind: &str) -> Result<Value, Status> {
    let object = call
        .any_object()?
        .ok_or_else(|| Status::bad_request(format!("the body is empty; a {kind} is expected")))?;
    check_envelope(group, version, kind, &object)?;
    Ok(object)
}

/// The stored object with its version.
async fn current(call: &Call, kind: &Kind) -> Result<Value, Status> {
    let key = kind.key(&call.path.namespace, &call.path.name);
    let kv = call
        .state
        .registry
        .storage
        .get(&key)
        .await?
        .ok_or_else(|| Status::not_found(kind.target(&call.path.name)))?;
    with_version(kind, &Written { value: kv.value, revision: kv.mod_revision, created: false })
}

fn with_version(kind: &Kind, written: &Written) -> Result<Value, Status> {
    let mut object = parse((&*kind.row).into(), &written.value)?;
    object["metadata"]["resourceVersion"] = written.revision.to_string().into();
    Ok(object)
}

async fn get_scale(call: &Call, kind: &Kind) -> Result<Response<Body>, Status> {
    let form = call.accept().form(true)?;
    let scale = scale_of(&current(call, kind).await?);
    Ok(match form {
        Form::Objects => value_response(200, &scale),
        Form::Metadata { version } => {
            let envelope = json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": format!("meta.k8s.io/{version}"),
                "metadata": scale["metadata"],
            });
            value_response(200, &envelope)
        }
        Form::Table { version } => {
            let table = table_form::value(&scale_row(), &scale, version, &table_options(call)?);
            json_response(200, table)
        }
    })
}

async fn put_scale(
    call: &Call,
    kind: &Kind,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let options = WriteOptions::parse(&call.query, "UpdateOptions")?;
    let scale = envelope(call, "autoscaling", "v1", "Scale")?;
    let name = text(&scale, "metadata.name");
    if !name.is_empty() && name != call.path.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.path.name
        )));
    }
    let scope = call.scope(kind, &options);
    let written = call
        .state
        .registry
        .modify(&scope, Endpoint::Main, warnings, &mut |object, _| {
            let mut object = object.clone();
            set_replicas(&mut object, &scale)?;
            Ok(object)
        })
        .await?;
    Ok(value_response(200, &scale_of(&with_version(kind, &written)?)))
}

async fn patch_scale(
    call: &Call,
    kind: &Kind,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let options = WriteOptions::parse(&call.query, "PatchOptions")?;
    let patch = Patch::read(PatchType::parse(call.content_type())?, &call.body)?;
    let schema = api::schema::lookup("autoscaling", "v1", "Scale");
    let scope = call.scope(kind, &options);
    let written = call
        .state
        .registry
        .modify(&scope, Endpoint::Main, warnings, &mut |object, _| {
            let scale = patch.apply_with(schema, &scale_of(object))?;
            let mut object = object.clone();
            set_replicas(&mut object, &scale)?;
            Ok(object)
        })
        .await?;
    Ok(value_response(200, &scale_of(&with_version(kind, &written)?)))
}

/// `pod` is the name in the URL; a Binding posted to `/bindings` names the pod itself.
async fn post_binding(
    call: &Call,
    pods: &Kind,
    pod: Option<&str>,
) -> Result<Response<Body>, Status> {
    let options = WriteOptions::parse(&call.query, "CreateOptions")?;
    let binding = envelope(call, "", "v1", "Binding")?;
    let named = text(&binding, "metadata.name");
    let pod = pod.unwrap_or(named);
    if !named.is_empty() && named != pod {
        return Err(Status::bad_request("name in URL does not match name in Binding object"));
    }
    if pod.is_empty() {
        return Err(Status::bad_request("the Binding names no pod"));
    }
    let registry = &call.state.registry;
    let scope = Scope { name: pod, ..call.scope(pods, &options) };
    let mut warnings = Vec::new();
    let now = registry.sources.now();
    registry
        .modify(&scope, Endpoint::Internal, &mut warnings, &mut |object, _| {
            let mut object = object.clone();
            bind(&mut object, &binding, now)?;
            Ok(object)
        })
        .await?;
    Ok(value_response(201, &Status::success(201, None)))
}

async fn post_eviction(
    call: &Call,
    pods: &Kind,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let eviction = call.any_object()?.unwrap_or(Value::Null);
    let version = match text(&eviction, "apiVersion") {
        "policy/v1beta1" => "v1beta1",
        _ => "v1",
    };
    check_envelope("policy", version, "Eviction", &eviction)?;
    let delete = eviction_options(&eviction, &call.path.name, &Query::default())?;
    let options = WriteOptions { dry_run: delete.dry_run, ..WriteOptions::default() };
    let scope = call.scope(pods, &options);
    call.state.registry.delete(&scope, &delete, warnings).await?;
    Ok(value_response(201, &Status::success(201, None)))
}

/// `/finalize` of a namespace: replaces its list of finalizers, and nothing else.
async fn put_finalize(
    call: &Call,
    kind: &Kind,
    warnings: &mut Vec<String>,
) -> Result<Response<Body>, Status> {
    let options = WriteOptions::parse(&call.query, "UpdateOptions")?;
    let sent = call.object(kind, &options, warnings)?;
    let finalizers = sent["spec"].get("finalizers").cloned().unwrap_or(Value::Null);
    let scope = call.scope(kind, &options);
    let written = call
        .state
        .registry
        .modify(&scope, Endpoint::Internal, warnings, &mut |object, _| {
            let mut object = object.clone();
            object["spec"]["finalizers"] = finalizers.clone();
            api::object::drop_nulls(&mut object["spec"]);
            for field in ["resourceVersion", "uid"] {
                if let Some(value) = sent["metadata"].get(field) {
                    object["metadata"][field] = value.clone();
                }
            }
            Ok(object)
        })
        .await?;
    super::list::written_response(call, kind, &written)
}
