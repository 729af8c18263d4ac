//! JSON merge patch (RFC 7386).

use serde_json::Value;

/// Merges `patch` into a copy of `target`: objects merge, null deletes, anything else replaces.
pub fn merge(target: &Value, patch: &Value) -> Value {
    let mut result = target.clone();
    json_patch::merge(&mut result, patch);
    result
}
