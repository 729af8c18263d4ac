//! JSON patch (RFC 6902).

use json_patch::{Patch, PatchErrorKind, PatchOperation};
use serde_json::Value;

use super::PatchError;

/// Upstream's limit.
pub(super) const MAX_OPERATIONS: usize = 10_000;

/// Bytes of JSON that the `copy` operations of one patch may add: the limit on a request's body,
/// for what is copied doubles with every operation otherwise.
const MAX_COPIED: usize = 3 * 1024 * 1024;

/// Applies a patch document to a copy of `target`. All operations apply or none does.
pub fn json(target: &Value, patch: &[u8]) -> Result<Value, PatchError> {
    let malformed = |error: serde_json::Error| PatchError::MalformedJsonPatch(error.to_string());
    let Patch(operations) = serde_json::from_slice(patch).map_err(malformed)?;
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooManyOperations(operations.len()));
    }
    let mut result = target.clone();
    let mut copied = 0;
    for (index, operation) in operations.iter().enumerate() {
        if let PatchOperation::Copy(copy) = operation {
            let source = result.pointer(copy.from.as_str());
            copied += source.map_or(0, json_length);
            if copied > MAX_COPIED {
                return Err(PatchError::TooLarge);
            }
        }
        json_patch::patch(&mut result, std::slice::from_ref(operation))
            .map_err(|error| explain(index, operation, &error.kind))?;
    }
    Ok(result)
}

fn explain(index: usize, operation: &PatchOperation, kind: &PatchErrorKind) -> PatchError {
    let path = operation.path().to_string();
    match kind {
        PatchErrorKind::TestFailed => PatchError::TestFailed { operation: index, path },
        other => PatchError::Operation {
            operation: index,
            name: match operation {
                PatchOperation::Add(_) => "add",
                PatchOperation::Remove(_) => "remove",
                PatchOperation::Replace(_) => "replace",
                PatchOperation::Move(_) => "move",
                PatchOperation::Copy(_) => "copy",
                PatchOperation::Test(_) => "test",
            },
            path,
            problem: other.to_string(),
        },
    }
}

/// Roughly the length of the value's JSON.
fn json_length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(json_length).sum::<usize>(),
        Value::Object(members) => {
            2 + members.iter().map(|(key, value)| key.len() + 4 + json_length(value)).sum::<usize>()
        }
    }
}
