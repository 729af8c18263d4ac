//! Frames of one watch, in the form its client asked for.

use std::sync::Arc;

use api::resource::Resource;
use bytes::Bytes;

use super::events::{bookmark, bookmark_metadata};
use crate::cache::{Change, ChangeType, Entry};
use crate::encoding::metadata_into;
use crate::negotiation::Form;
use crate::table_form;

pub struct Renderer {
    row: Arc<Resource>,
    form: Form,
    options: table_form::Options,
    /// A Table's columns are sent with its first event only.
    columns_sent: bool,
}

impl Renderer {
    pub fn new(row: Arc<Resource>, form: Form, options: table_form::Options) -> Self {
        Self { row, form, options, columns_sent: false }
    }

    /// One change as this watcher sees it.
    pub fn change(&mut self, change: &Change, seen_as: ChangeType) -> Bytes {
        match self.form {
            Form::Objects => change.frame(seen_as),
            Form::Table { .. } | Form::Metadata { .. } => match change.shown(seen_as) {
                Some(entry) => self.entry(entry, seen_as, change.revision),
                None => Bytes::new(),
            },
        }
    }

    /// An object that exists when the watch begins.
    pub fn initial(&mut self, entry: &Entry) -> Bytes {
        self.entry(entry, ChangeType::Added, entry.mod_revision)
    }

    fn entry(&mut self, entry: &Entry, seen_as: ChangeType, revision: i64) -> Bytes {
        let mut out = Vec::with_capacity(entry.value.len() + 96);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(seen_as.as_str().as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        match self.form {
            Form::Objects => {
                return crate::cache::frame(seen_as, &entry.value, revision);
            }
            Form::Metadata { version } => metadata_into(&mut out, entry, version, revision),
            Form::Table { version } => {
                let columns = !std::mem::replace(&mut self.columns_sent, true);
                table_form::object_into(
                    &mut out,
                    &self.row,
                    entry,
                    revision,
                    version,
                    columns,
                    &self.options,
                );
            }
        }
        out.extend_from_slice(b"}\n");
        out.into()
    }

    pub fn bookmark(&mut self, revision: i64, ends_initial: bool) -> Bytes {
        match self.form {
            Form::Objects => {
                bookmark(&self.row.api_version(), &self.row.kind, revision, ends_initial)
            }
            Form::Metadata { version } => bookmark(
                &format!("meta.k8s.io/{version}"),
                "PartialObjectMetadata",
                revision,
                ends_initial,
            ),
            Form::Table { version } => self.table_bookmark(version, revision, ends_initial),
        }
    }

    fn table_bookmark(&mut self, version: &str, revision: i64, ends_initial: bool) -> Bytes {
        let columns = !std::mem::replace(&mut self.columns_sent, true);
        let metadata = bookmark_metadata(revision, ends_initial).to_string();
        let mut out = b"{\"type\":\"BOOKMARK\",\"object\":".to_vec();
        table_form::bookmark_into(&mut out, &self.row, &metadata, version, columns, &self.options);
        out.extend_from_slice(b"}\n");
        out.into()
    }
}
