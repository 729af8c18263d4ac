//! `/openapi/v3`: an index, and one document per group and version.
//!
//! A document takes milliseconds and some hundred kilobytes to build, and many clients never ask,
//! so each is built when first asked for and then kept. Its hash is known before: documents depend
//! on this program's version and the rows alone.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use api::resource::Resource;
use bytes::Bytes;
use serde_json::json;

use crate::version::GIT_VERSION;

struct Document {
    group: String,
    version: String,
    rows: Vec<Arc<Resource>>,
    hash: String,
    bytes: OnceLock<Bytes>,
}

pub struct Documents {
    /// By path below `/openapi/v3/`: `api/v1`, `apis/apps/v1`.
    documents: HashMap<String, Document>,
    index: Bytes,
}

impl Documents {
    pub fn new(rows: &[Arc<Resource>]) -> Self {
        let mut by_path: BTreeMap<String, Vec<Arc<Resource>>> = BTreeMap::new();
        for row in rows {
            let root = if row.group.is_empty() { "api" } else { "apis" };
            by_path.entry(format!("{root}/{}", row.api_version())).or_default().push(row.clone());
        }
        let documents: HashMap<String, Document> = by_path
            .into_iter()
            .map(|(path, rows)| {
                let hash = hash_of(&rows);
                let group = rows[0].group.to_string();
                let version = rows[0].version.to_string();
                (path, Document { group, version, rows, hash, bytes: OnceLock::new() })
            })
            .collect();
        let paths: BTreeMap<&String, serde_json::Value> = documents
            .iter()
            .map(|(path, document)| {
                let url = format!("/openapi/v3/{path}?hash={}", document.hash);
                (path, json!({ "serverRelativeURL": url }))
            })
            .collect();
        let index = Bytes::from(json!({ "paths": paths }).to_string());
        Self { documents, index }
    }

    pub fn index(&self) -> Bytes {
        self.index.clone()
    }

    /// A document and its hash.
    pub fn document(&self, path: &str) -> Option<(Bytes, &str)> {
        let document = self.documents.get(path)?;
        let bytes = document.bytes.get_or_init(|| {
            let rows: Vec<&Resource> = document.rows.iter().map(AsRef::as_ref).collect();
            api::openapi::v3_document(&document.group, &document.version, &rows).into()
        });
        Some((bytes.clone(), &document.hash))
    }
}

fn hash_of(rows: &[Arc<Resource>]) -> String {
    let mut hasher = DefaultHasher::new();
    (GIT_VERSION, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    for row in rows {
        (&row.kind, &row.plural, row.namespaced, row.subresources.len()).hash(&mut hasher);
    }
    format!("{:016X}", hasher.finish())
}
