//! Strategic merge patch: a merge patch that knows which lists merge and by which key.
//!
//! Directives within the patch: `$patch: delete|replace` on an object or on an element of a merged
//! list; `$retainKeys: […]` drops an object's other fields; `$setElementOrder/x: […]` orders the
//! merged list x; `$deleteFromPrimitiveList/x: […]` removes scalars from x. Null deletes.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::PatchError;
use super::lists::{delete_from_list, merge_lists, merge_ordered_lists};
use super::walk::{
    DELETE_FROM_LIST, DIRECTIVE, Knowledge, Path, RETAIN_KEYS, SET_ELEMENT_ORDER, type_name,
    unknown_directive, without_directives,
};
use crate::schema::{MergeStrategy, Schema};

/// Applies `patch` to a copy of `target`, an object of the kind that `schema` describes. Fields
/// that the schema does not know merge as JSON merge patch would.
pub fn strategic(schema: &Schema, target: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Object(patch) = patch else {
        return Err(PatchError::NotAnObject(type_name(patch)));
    };
    let target = match target {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    let mut path = Path(String::new());
    merge_objects(Knowledge::Fields(schema), target, patch.clone(), &mut path).map(Value::Object)
}

pub(super) fn merge_objects(
    known: Knowledge<'_>,
    mut original: Map<String, Value>,
    mut patch: Map<String, Value>,
    path: &mut Path,
) -> Result<Map<String, Value>, PatchError> {
    match patch.remove(DIRECTIVE) {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => return Ok(patch),
        Some(Value::String(directive)) if directive == "delete" => return Ok(Map::new()),
        Some(directive) => return Err(unknown_directive(&directive, path)),
    }
    if let Some(keys) = patch.remove(RETAIN_KEYS) {
        retain_keys(&mut original, &patch, &keys, path)?;
    }
    merge_ordered_lists(known, &mut original, &mut patch, path)?;
    for (name, value) in patch {
        match name.strip_prefix(DELETE_FROM_LIST) {
            Some(list) => {
                path.within(list, |path| delete_from_list(original.get_mut(list), value, path))?
            }
            None => {
                path.within(&name, |path| merge_member(known, &mut original, &name, value, path))?;
            }
        }
    }
    Ok(original)
}

fn merge_member(
    known: Knowledge<'_>,
    original: &mut Map<String, Value>,
    name: &str,
    patch: Value,
    path: &mut Path,
) -> Result<(), PatchError> {
    if patch.is_null() {
        original.remove(name);
        return Ok(());
    }
    let (known, strategy) = known.member(name);
    let present = original.get_mut(name).map(Value::take);
    let merged = match (present, patch) {
        (Some(Value::Object(present)), Value::Object(patch)) => {
            if strategy.is_some_and(MergeStrategy::replaces) {
                Some(Value::Object(patch))
            } else {
                Some(Value::Object(merge_objects(known, present, patch, path)?))
            }
        }
        (Some(Value::Array(present)), Value::Array(patch)) => match strategy {
            Some(strategy) if strategy.merges() => {
                Some(Value::Array(merge_lists(known, strategy, present, patch, path)?))
            }
            Some(_) | None => Some(Value::Array(patch)),
        },
        (_, patch) => without_directives(patch),
    };
    match merged {
        Some(merged) => original.insert(name.to_owned(), merged),
        None => original.remove(name),
    };
    Ok(())
}

/// Drops the members of `original` that `keys` does not list; the patch may set listed ones only.
fn retain_keys(
    original: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    keys: &Value,
    path: &Path,
) -> Result<(), PatchError> {
    let Value::Array(keys) = keys else { return Err(path.wrong_type("a list", keys)) };
    let keys: HashSet<&str> = keys.iter().filter_map(Value::as_str).collect();
    let listed = |name: &str| keys.contains(name);
    let is_directive =
        |name: &str| name.starts_with(DELETE_FROM_LIST) || name.starts_with(SET_ELEMENT_ORDER);
    let stray =
        patch.iter().find(|(name, value)| !value.is_null() && !is_directive(name) && !listed(name));
    if let Some((key, _)) = stray {
        return Err(PatchError::RetainKeys { path: path.here(), key: key.clone() });
    }
    original.retain(|name, _| listed(name));
    Ok(())
}
