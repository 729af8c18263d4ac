//! Tables: what kubectl prints. Cells are computed by the resource's strategy, so this is the one
//! read that parses objects, and only for a person's eyes.

use std::convert::Infallible;
use std::sync::Arc;

use api::Status;
use api::resource::Resource;
use axum::body::Body;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::cache::Entry;
use crate::clock::SharedSources;
use crate::rest::{Page, list_metadata};
use crate::table::{IncludeObject, Renderer};

/// Size at which a chunk of a table is handed to the connection.
const CHUNK_BYTES: usize = 64 << 10;

/// What a Table request asks beyond its version, and the clock for ages.
#[derive(Clone)]
pub struct Options {
    include: IncludeObject,
    sources: SharedSources,
}

impl Options {
    pub fn parse(include: Option<&str>, sources: SharedSources) -> Result<Self, Status> {
        let include = include
            .unwrap_or_default()
            .parse::<IncludeObject>()
            .map_err(|error| Status::bad_request(error.to_string()))?;
        Ok(Self { include, sources })
    }

    fn renderer<'a>(&self, row: &'a Resource, version: &'a str) -> Renderer<'a> {
        Renderer::new(row, self.include, version, self.sources.now().as_second())
    }
}

/// A stored value as a tree; one that cannot be read shows as an empty object rather than hiding
/// the rest of the table.
fn tree(entry: &Entry) -> Value {
    serde_json::from_slice(&entry.value).unwrap_or_else(|_| json!({}))
}

/// The table of one object.
pub fn object_into(
    out: &mut Vec<u8>,
    row: &Resource,
    entry: &Entry,
    revision: i64,
    version: &str,
    with_columns: bool,
    options: &Options,
) {
    options.renderer(row, version).one_into(out, &tree(entry), revision, with_columns);
}

/// The table of an object that is computed, not stored; it carries its own resourceVersion.
pub fn value(row: &Resource, object: &Value, version: &str, options: &Options) -> Bytes {
    let revision = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let mut out = Vec::new();
    options.renderer(row, version).one_into(
        &mut out,
        object,
        revision.parse().unwrap_or_default(),
        true,
    );
    out.into()
}

/// The table of a watch's bookmark.
pub fn bookmark_into(
    out: &mut Vec<u8>,
    row: &Resource,
    metadata: &str,
    version: &str,
    with_columns: bool,
    options: &Options,
) {
    options.renderer(row, version).bookmark_into(out, metadata, with_columns);
}

/// The table of a list, rendered while it is sent.
pub fn list_body(row: &Arc<Resource>, page: Page, version: &'static str, options: Options) -> Body {
    let mut out = Vec::new();
    options.renderer(row, version).begin_into(&mut out, &list_metadata(&page));
    let mut chunks = Chunks {
        row: row.clone(),
        options,
        version,
        out,
        entries: page.entries.into_iter(),
        first: true,
        done: false,
    };
    match (chunks.next(), chunks.next()) {
        (Some(only), None) => Body::from(only),
        (first, second) => {
            let all = first.into_iter().chain(second).chain(chunks);
            Body::from_stream(futures::stream::iter(all.map(Ok::<_, Infallible>)))
        }
    }
}

struct Chunks {
    row: Arc<Resource>,
    options: Options,
    version: &'static str,
    out: Vec<u8>,
    entries: std::vec::IntoIter<Arc<Entry>>,
    first: bool,
    done: bool,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let renderer = self.options.renderer(&self.row, self.version);
        for entry in self.entries.by_ref() {
            if !std::mem::take(&mut self.first) {
                self.out.push(b',');
            }
            renderer.row_into(&mut self.out, &tree(&entry), entry.mod_revision);
            if self.out.len() >= CHUNK_BYTES {
                return Some(std::mem::take(&mut self.out).into());
            }
        }
        renderer.end_into(&mut self.out);
        self.done = true;
        Some(std::mem::take(&mut self.out).into())
    }
}
