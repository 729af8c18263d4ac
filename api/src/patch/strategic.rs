//! Strategic merge patch: a merge patch that knows which lists merge and by which key.
//!
//! Directives within the patch: `$patch: delete|replace` on an object or on an element of a merged
//! list; `$retainKeys: […]` drops an object's other fields; `$setElementOrder/x: […]` orders the
//! merged list x; `$deleteFromPrimitiveList/x: […]` removes scalars from x. Null deletes.

use serde_json::{Map, Value};

use super::PatchError;
use super::order::{Identity, Positions, arrange};
use crate::schema::{MergeStrategy, Schema, Type};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList/";

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

/// What is known of an object's members.
#[derive(Clone, Copy)]
enum Knowledge<'a> {
    Fields(&'a Schema),
    /// A map: every member is of this type.
    Values(&'a Type),
    Nothing,
}

impl<'a> Knowledge<'a> {
    /// What is known of the member `name`, and how it merges.
    fn member(self, name: &str) -> (Knowledge<'a>, Option<MergeStrategy>) {
        match self {
            Knowledge::Fields(schema) => match schema.field(name) {
                Some(field) => (Knowledge::of(&field.kind), field.merge),
                None => (Knowledge::Nothing, None),
            },
            Knowledge::Values(kind) => (Knowledge::of(kind), None),
            Knowledge::Nothing => (Knowledge::Nothing, None),
        }
    }

    fn of(kind: &'a Type) -> Self {
        match kind {
            Type::Object(entry) => Knowledge::Fields(entry.schema()),
            Type::List(element) => Knowledge::of(element),
            Type::Map(value) => Knowledge::Values(value),
            _ => Knowledge::Nothing,
        }
    }
}

/// Where the merge is, for errors.
struct Path(String);

impl Path {
    fn within<T>(&mut self, step: &str, merge: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.0.len();
        if length > 0 {
            self.0.push('.');
        }
        self.0.push_str(step);
        let result = merge(self);
        self.0.truncate(length);
        result
    }

    fn here(&self) -> String {
        if self.0.is_empty() { "object".to_owned() } else { self.0.clone() }
    }

    fn wrong_type(&self, expected: &'static str, found: &Value) -> PatchError {
        PatchError::WrongType { path: self.here(), expected, found: type_name(found) }
    }
}

fn merge_objects(
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
    let listed = |name: &str| keys.iter().any(|key| key == name);
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

/// Merges the lists that have a `$setElementOrder` and takes both out of the patch.
fn merge_ordered_lists(
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

fn merge_lists(
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
    let mut deleted = Vec::new();
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

fn delete_from_list(
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

/// What a patch sets where there was nothing to merge with: directives and nulls mean nothing
/// there. `None` when the value itself is a directive.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key(DIRECTIVE) => None,
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, value)| {
                !value.is_null()
                    && name != RETAIN_KEYS
                    && !name.starts_with(SET_ELEMENT_ORDER)
                    && !name.starts_with(DELETE_FROM_LIST)
            });
            Some(Value::Object(
                kept.filter_map(|(name, value)| Some((name, without_directives(value)?))).collect(),
            ))
        }
        Value::Array(items) => {
            Some(Value::Array(items.into_iter().filter_map(without_directives).collect()))
        }
        scalar => Some(scalar),
    }
}

fn unknown_directive(directive: &Value, path: &Path) -> PatchError {
    PatchError::UnknownDirective { path: path.here(), directive: directive.to_string() }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
