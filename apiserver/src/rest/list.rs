//! GET, LIST and WATCH.

use std::sync::Arc;
use std::time::Duration;

use api::Status;
use api::object::{Spliced, splice_offset};
use axum::body::Body;
use bytes::Bytes;
use http::Response;
use store::KeyValue;
use tokio::time::Instant;

use super::dispatch::Call;
use super::filter::Filter;
use super::list_options::{ReadAt, WatchStart, parse_version, read_at, watch_start};
use super::list_response::{ItemForm, list_body};
use super::read::{page, snapshot, wait_for};
use super::respond::json_response;
use crate::cache::{Cursor, Entry, Lagged};
use crate::encoding::{metadata_into, object_into};
use crate::negotiation::Form;
use crate::registry::{Kind, Written};
use crate::table_form;
use crate::watch::{Renderer, WatchStream, body};

/// A watch without `timeoutSeconds` lasts between this and twice this, as upstream: clients spread
/// their reconnections.
const MIN_WATCH: Duration = Duration::from_secs(1800);

/// One object. Without a version it comes from the store, as of now; with one from the cache.
pub async fn get(call: &Call, kind: &Kind) -> Result<Response<Body>, Status> {
    let form = call.accept().form(true)?;
    let registry = &call.state.registry;
    let (namespace, name) = (call.path.namespace.as_str(), call.path.name.as_str());
    let missing = || Status::not_found(kind.target(name));
    let namespace = if kind.row.namespaced { namespace } else { "" };
    let version = call.query.get("resourceVersion").map(parse_version).transpose()?;
    let Some(revision) = version else {
        let kv = registry.storage.get(&kind.key(namespace, name)).await?.ok_or_else(missing)?;
        return object_response(call, kind, 200, &kv, form);
    };
    wait_for(registry, revision).await?;
    let entry = kind.cache.get(&kind.suffix(namespace, name)).ok_or_else(missing)?;
    entry_response(call, kind, 200, &entry, form)
}

/// An object just read or written, in the form asked for.
pub fn object_response(
    call: &Call,
    kind: &Kind,
    code: u16,
    kv: &KeyValue,
    form: Form,
) -> Result<Response<Body>, Status> {
    if form == Form::Objects && splice_offset(&kv.value).is_some() {
        return Ok(plain(code, &Spliced::new(&kv.value, kv.mod_revision)));
    }
    // A foreign value has no place for a version; reading it tells what is wrong with it.
    let entry = Entry::read(&kind.row, kv).map_err(|error| Status::internal(error.to_string()))?;
    entry_response(call, kind, code, &entry, form)
}

pub fn written_response(
    call: &Call,
    kind: &Kind,
    written: &Written,
) -> Result<Response<Body>, Status> {
    let form = call.accept().form(true)?;
    let code = if written.created { 201 } else { 200 };
    if written.revision == 0 {
        return Ok(json_response(code, written.value.clone()));
    }
    let kv = KeyValue {
        value: written.value.clone(),
        mod_revision: written.revision,
        ..KeyValue::default()
    };
    object_response(call, kind, code, &kv, form)
}

fn entry_response(
    call: &Call,
    kind: &Kind,
    code: u16,
    entry: &Entry,
    form: Form,
) -> Result<Response<Body>, Status> {
    let mut out = Vec::new();
    match form {
        Form::Objects => return Ok(plain(code, &entry.spliced())),
        Form::Metadata { version } => {
            metadata_into(&mut out, entry, version, entry.mod_revision);
        }
        Form::Table { version } => {
            let options = table_options(call)?;
            let revision = entry.mod_revision;
            table_form::object_into(&mut out, &kind.row, entry, revision, version, true, &options);
        }
    }
    Ok(json_response(code, Bytes::from(out)))
}

fn plain(code: u16, spliced: &Spliced) -> Response<Body> {
    let mut out = Vec::new();
    object_into(&mut out, spliced);
    json_response(code, Bytes::from(out))
}

pub(super) fn table_options(call: &Call) -> Result<table_form::Options, Status> {
    let sources = call.state.registry.sources.clone();
    table_form::Options::parse(call.query.get("includeObject"), sources)
}

fn limit(call: &Call) -> Result<usize, Status> {
    let limit = call.query.integer("limit")?.unwrap_or(0);
    Ok(usize::try_from(limit).unwrap_or(0))
}

pub async fn list(call: &Call, kind: &Kind) -> Result<Response<Body>, Status> {
    let form = call.accept().form(true)?;
    let filter = Filter::parse(&kind.row, &call.path.namespace, &call.query)?;
    let at = read_at(&call.query)?;
    let limit = limit(call)?;
    let snapshot = snapshot(&call.state.registry, kind, &at).await?;
    let page = page(&snapshot, &filter, &at, limit);
    let body = match form {
        Form::Objects => list_body(&kind.row, page, ItemForm::Object),
        Form::Metadata { version } => list_body(&kind.row, page, ItemForm::Metadata { version }),
        Form::Table { version } => {
            table_form::list_body(&kind.row, page, version, table_options(call)?)
        }
    };
    Ok(json_response(200, body))
}

pub async fn watch(call: &Call, kind: &Kind) -> Result<Response<Body>, Status> {
    let form = call.accept().form(true)?;
    let filter =
        Filter::parse(&kind.row, &call.path.namespace, &call.query)?.narrowed(&call.path.name);
    let start = watch_start(&call.query)?;
    let begun = begin(call, kind, &filter, &start).await?;
    let stream = WatchStream {
        cache: kind.cache.clone(),
        feed: call.state.registry.feed.clone(),
        renderer: Renderer::new(kind.row.clone(), form, table_options(call)?),
        filter,
        initial: begun.initial.into_iter(),
        initial_end: start.marks_end.then_some(begun.after),
        cursor: begun.cursor,
        after: begun.after,
        bookmarks: call.query.flag("allowWatchBookmarks"),
        deadline: Instant::now() + duration(call)?,
        stopping: call.state.stopping.clone(),
    };
    Ok(json_response(200, body(stream)))
}

struct Begun {
    initial: Vec<Arc<Entry>>,
    cursor: Result<Cursor, Lagged>,
    after: i64,
}

async fn begin(
    call: &Call,
    kind: &Kind,
    filter: &Filter,
    start: &WatchStart,
) -> Result<Begun, Status> {
    let registry = &call.state.registry;
    match start.at {
        ReadAt::Latest => wait_for(registry, registry.storage.revision().await?).await?,
        ReadAt::NotOlderThan(revision) if start.initial_events => {
            wait_for(registry, revision).await?;
        }
        ReadAt::NotOlderThan(revision) => {
            let cursor = kind.cache.cursor_after(revision);
            return Ok(Begun { initial: Vec::new(), cursor, after: revision });
        }
        ReadAt::Any | ReadAt::Exact(_) | ReadAt::Continue(_) => {}
    }
    let (snapshot, cursor) = kind.cache.snapshot_and_cursor(registry.feed.revision());
    let initial = if start.initial_events {
        page(&snapshot, filter, &ReadAt::Any, 0).entries
    } else {
        Vec::new()
    };
    Ok(Begun { initial, cursor: Ok(cursor), after: snapshot.revision })
}

fn duration(call: &Call) -> Result<Duration, Status> {
    if let Some(seconds) = call.query.integer("timeoutSeconds")?
        && let Ok(seconds @ 1..) = u64::try_from(seconds)
    {
        return Ok(Duration::from_secs(seconds));
    }
    let extra = call.state.registry.sources.below(MIN_WATCH.as_secs());
    Ok(MIN_WATCH + Duration::from_secs(extra))
}
