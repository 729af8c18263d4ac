//! Strategic merge of lists: by merge key, of scalars, and in the order a patch gives.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::PatchError;
use super::order::{Identity, Positions, arrange};
use super::strategic::merge_objects;
use super::walk::{
    DIRECTIVE, Knowledge, Path, SET_ELEMENT_ORDER, unknown_directive, without_directives,
};
use crate::schema::MergeStrategy;

/// Merges the lists that have a `$setElementOrder` and takes both out of the patch.
pub(super) fn merge_ordered_lists(
    known: Knowledge<'_>,
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    path: &mut Path,
) -> Result<(), PatchError> {
    let directives: Vec<String> =
        patch.keys().filter(|name| name.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let Some(order) = patch.remove(&directive) else { continue };
        let name = &directive[SET_ELEMENT_ORDER.len()..];
        // A null list in the patch deletes, whatever its order.
        if patch.get(name).is_some_and(Value::is_null) {
            continue;
        }
        let changes = patch.remove(name);
        path.within(name, |path| merge_ordered_list(known, original, name, changes, order, path))?;
    }
    Ok(())
}

fn merge_ordered_list(
    known: Knowledge<'_>,
    original: &mut Map<String, Value>,
    name: &str,
    changes: Option<Value>,
    order: Value,
    path: &mut Path,
) -> Result<(), PatchError> {
    let list = |value: Option<Value>, path: &Path| match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(path.wrong_type("a list", &other)),
    };
    let order = list(Some(order), path)?.unwrap_or_default();
    let changes = list(changes, path)?;
    let live = list(original.get(name).cloned(), path)?;
    let (known, strategy) = known.member(name);
    let identity = Identity(strategy.and_then(|strategy| strategy.key));
    check_order(changes.as_deref().unwrap_or_default(), &order, identity, path)?;

    let (merged, live) = match (live, changes) {
        (None, None) => return Ok(()),
        (Some(live), None) => (live.clone(), live),
        (None, Some(changes)) => {
            (changes.into_iter().filter_map(without_directives).collect(), Vec::new())
        }
        (Some(live), Some(changes)) => {
            let merged = match strategy {
                Some(strategy) if strategy.merges() => {
                    merge_lists(known, strategy, live.clone(), changes, path)?
                }
                Some(_) | None => changes,
            };
            (merged, live)
        }
    };
    check_elements(&merged, identity, path)?;
    let arranged = arrange(merged, &order, &live, identity);
    original.insert(name.to_owned(), Value::Array(arranged));
    Ok(())
}

/// The patch's elements, deletions aside, must come in the order that `$setElementOrder` gives.
fn check_order(
    changes: &[Value],
    order: &[Value],
    identity: Identity<'_>,
    path: &Path,
) -> Result<(), PatchError> {
    if order.is_empty() {
        return Ok(());
    }
    check_elements(changes, identity, path)?;
    check_elements(order, identity, path)?;
    let mut rest = order.iter();
    for change in changes.iter().filter(|change| change.get(DIRECTIVE).is_none()) {
        let id = identity.of(change);
        if !rest.any(|element| identity.of(element) == id) {
            return Err(PatchError::ElementOrder { path: path.here() });
        }
    }
    Ok(())
}

/// With a merge key every element is an object that has it (but for a `$patch: replace`).
fn check_elements(
    elements: &[Value],
    identity: Identity<'_>,
    path: &Path,
) -> Result<(), PatchError> {
    let Some(key) = identity.0 else { return Ok(()) };
    for element in elements {
        match element {
            Value::Object(members) if members.contains_key(key) => {}
            Value::Object(members) if members.get(DIRECTIVE).is_some_and(|d| d == "replace") => {}
            Value::Object(_) => {
                return Err(PatchError::NoMergeKey { path: path.here(), key: key.to_owned() });
            }
            other => return Err(path.wrong_type("an object", other)),
        }
    }
    Ok(())
}

pub(super) fn merge_lists(
    known: Knowledge<'_>,
    strategy: MergeStrategy,
    original: Vec<Value>,
    patch: Vec<Value>,
    path: &mut Path,
) -> Result<Vec<Value>, PatchError> {
    let elements = || original.iter().chain(&patch);
    if elements().any(Value::is_array) {
        return Err(PatchError::ListOfLists { path: path.here() });
    }
    if !elements().any(Value::is_object) {
        return Ok(merge_scalars(original, &patch));
    }
    let Some(key) = strategy.key else {
        return Err(PatchError::NoMergeKeyDeclared { path: path.here() });
    };
    let identity = Identity(Some(key));
    check_elements(&original, identity, path)?;
    check_elements(&patch, identity, path)?;
    let (original, patch) = apply_element_directives(original, patch, identity, path)?;
    let merged = merge_elements(known, original.clone(), patch.clone(), identity, path)?;
    Ok(arrange(merged, &patch, &original, identity))
}

fn merge_scalars(original: Vec<Value>, patch: &[Value]) -> Vec<Value> {
    let identity = Identity(None);
    let mut seen = Positions::of(&[], identity);
    let mut merged = Vec::new();
    for element in original.iter().chain(patch) {
        let id = element.to_string();
        if seen.get(&id).is_none() {
            seen.insert(id, merged.len());
            merged.push(element.clone());
        }
    }
    arrange(merged, patch, &original, identity)
}

/// Carries out `$patch` on elements: returns what is left of the original, and of the patch.
fn apply_element_directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    identity: Identity<'_>,
    path: &Path,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut replace = false;
    let mut deleted = HashSet::new();
    let mut changes = Vec::with_capacity(patch.len());
    for element in patch {
        match element.get(DIRECTIVE) {
            None => changes.push(element),
            Some(directive) if directive == "delete" => deleted.extend(identity.of(&element)),
            Some(directive) if directive == "replace" => replace = true,
            Some(directive) if directive == "merge" => {
                return Err(PatchError::MergeInList { path: path.here() });
            }
            Some(directive) => return Err(unknown_directive(directive, path)),
        }
    }
    if replace {
        return Ok((changes, Vec::new()));
    }
    if !deleted.is_empty() {
        original.retain(|element| identity.of(element).is_none_or(|id| !deleted.contains(&id)));
    }
    Ok((original, changes))
}

fn merge_elements(
    known: Knowledge<'_>,
    mut merged: Vec<Value>,
    patch: Vec<Value>,
    identity: Identity<'_>,
    path: &mut Path,
) -> Result<Vec<Value>, PatchError> {
    let mut positions = Positions::of(&merged, identity);
    for change in patch {
        let Some(id) = identity.of(&change) else { continue };
        match positions.get(&id) {
            Some(position) => {
                let present = std::mem::take(&mut merged[position]);
                let (Value::Object(present), Value::Object(change)) = (present, change) else {
                    continue; // Checked before: every element is an object.
                };
                let result = merge_objects(known, present, change, path)?;
                merged[position] = Value::Object(result);
            }
            None => {
                positions.insert(id, merged.len());
                merged.extend(without_directives(change));
            }
        }
    }
    Ok(merged)
}

pub(super) fn delete_from_list(
    list: Option<&mut Value>,
    deleted: Value,
    path: &Path,
) -> Result<(), PatchError> {
    let Value::Array(deleted) = deleted else { return Err(path.wrong_type("a list", &deleted)) };
    if let Some(Value::Array(items)) = list {
        let deleted = Positions::of(&deleted, Identity(None));
        items.retain(|item| deleted.get(&item.to_string()).is_none());
    }
    Ok(())
}
