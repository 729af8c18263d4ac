//! Events that are not changes: bookmarks and errors.

use api::Status;
use bytes::Bytes;
use serde_json::{Value, json};

/// A bookmark: an object of the watched kind with nothing but a version. `ends_initial` marks the
/// one that tells that all existing objects have been sent.
pub fn bookmark(api_version: &str, kind: &str, revision: i64, ends_initial: bool) -> Bytes {
    let metadata = bookmark_metadata(revision, ends_initial);
    line(&json!({
        "type": "BOOKMARK",
        "object": { "kind": kind, "apiVersion": api_version, "metadata": metadata },
    }))
}

pub fn bookmark_metadata(revision: i64, ends_initial: bool) -> Value {
    let mut metadata = json!({ "resourceVersion": revision.to_string() });
    metadata["creationTimestamp"] = Value::Null;
    if ends_initial {
        metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
    }
    metadata
}

/// The last event of a watch that cannot go on.
pub fn error_event(status: &Status) -> Bytes {
    line(&json!({ "type": "ERROR", "object": status.to_json() }))
}

fn line(event: &Value) -> Bytes {
    let mut text = event.to_string();
    text.push('\n');
    text.into()
}
