//! The body of a LIST, put together while it is sent.
//!
//! Items are copied from the shared bytes into chunks of a bounded size, one chunk at a time, so a
//! list of any length costs the answer's connection one chunk of memory.

use std::sync::Arc;

use api::object::Spliced;
use api::resource::Resource;
use axum::body::Body;
use bytes::Bytes;

use super::read::Page;
use crate::cache::Entry;
use crate::encoding::{item_into, metadata_into, object_into};
use crate::registry::Written;

/// Size at which a chunk is handed to the connection.
const CHUNK_BYTES: usize = 64 << 10;

/// How one item is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemForm {
    /// The object without apiVersion and kind, which the list has.
    Object,
    /// `PartialObjectMetadata` of this version of meta.k8s.io.
    Metadata { version: &'static str },
}

/// The metadata of a list, as a JSON object.
pub fn list_metadata(page: &Page) -> String {
    let mut text = format!("{{\"resourceVersion\":\"{}\"", page.revision);
    if let Some(token) = &page.next {
        text.push_str(&format!(",\"continue\":\"{token}\""));
    }
    if let Some(remaining) = page.remaining {
        text.push_str(&format!(",\"remainingItemCount\":{remaining}"));
    }
    text.push('}');
    text
}

/// The list as a body.
pub fn list_body(row: &Resource, page: Page, form: ItemForm) -> Body {
    let (kind, version) = match form {
        ItemForm::Object => (row.list_kind(), row.api_version()),
        ItemForm::Metadata { version } => {
            ("PartialObjectMetadataList".to_owned(), format!("meta.k8s.io/{version}"))
        }
    };
    let head = format!(
        "{{\"kind\":\"{kind}\",\"apiVersion\":\"{version}\",\"metadata\":{},\"items\":[",
        list_metadata(&page)
    );
    let mut chunks = Chunks {
        head: Some(head),
        entries: page.entries.into_iter(),
        form,
        first: true,
        done: false,
    };
    // The usual short list goes out as one buffer with a Content-Length.
    match (chunks.next(), chunks.next()) {
        (Some(only), None) => Body::from(only),
        (first, second) => {
            let all = first.into_iter().chain(second).chain(chunks);
            Body::from_stream(futures::stream::iter(all.map(Ok::<_, std::convert::Infallible>)))
        }
    }
}

struct Chunks {
    head: Option<String>,
    entries: std::vec::IntoIter<Arc<Entry>>,
    form: ItemForm,
    first: bool,
    done: bool,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let mut out = Vec::with_capacity(4096);
        if let Some(head) = self.head.take() {
            out.extend_from_slice(head.as_bytes());
        }
        for entry in self.entries.by_ref() {
            if !std::mem::take(&mut self.first) {
                out.push(b',');
            }
            match self.form {
                ItemForm::Object => item_into(&mut out, &entry),
                ItemForm::Metadata { version } => {
                    metadata_into(&mut out, &entry, version, entry.mod_revision);
                }
            }
            if out.len() >= CHUNK_BYTES {
                return Some(out.into());
            }
        }
        out.extend_from_slice(b"]}\n");
        self.done = true;
        Some(out.into())
    }
}

/// Objects as their writes left them, as a list: what a deletecollection answers.
pub fn written_list(row: &Resource, items: &[Written], revision: i64) -> Bytes {
    let mut out = format!(
        "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{{\"resourceVersion\":\"{revision}\"}},\"items\":[",
        row.list_kind(),
        row.api_version()
    )
    .into_bytes();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        object_into(&mut out, &Spliced::new(&item.value, item.revision));
    }
    out.extend_from_slice(b"]}\n");
    out.into()
}
