//! `/openapi/v3`: an index, and one document per group and version. `/openapi/v2`: one document of
//! everything, which kubectl needs up to 1.28.
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
    rows: Vec<Arc<Resource>>,
    hash: String,
    v2_json: OnceLock<Bytes>,
    v2_protobuf: OnceLock<Bytes>,
}

/// The media type of the v2 document's protobuf form, as upstream sends it back, and as clients
/// ask for it.
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const V2_PROTOBUF_ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

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
        Self {
            documents,
            index,
            hash: hash_of(rows),
            rows: rows.to_vec(),
            v2_json: OnceLock::new(),
            v2_protobuf: OnceLock::new(),
        }
    }

    /// The v2 document in the form that the client accepts: media type, bytes, hash.
    pub fn v2(&self, accept: Option<&str>) -> (&'static str, Bytes, String) {
        let wants_protobuf = accept
            .is_some_and(|types| types.contains(V2_PROTOBUF) || types.contains(V2_PROTOBUF_ASKED));
        let rows: Vec<&Resource> = self.rows.iter().map(AsRef::as_ref).collect();
        let (media_type, bytes) = if wants_protobuf {
            let build = || api::openapi::v2_document_protobuf(&rows).into();
            (V2_PROTOBUF, self.v2_protobuf.get_or_init(build))
        } else {
            let build = || api::openapi::v2_document(&rows).into();
            ("application/json", self.v2_json.get_or_init(build))
        };
        // Two forms of one path must not share a tag.
        let form = if wants_protobuf { "p" } else { "j" };
        (media_type, bytes.clone(), format!("{}{form}", self.hash))
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
