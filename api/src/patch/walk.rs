//! What a strategic merge knows of where it is.

use serde_json::Value;

use super::PatchError;
use crate::schema::{MergeStrategy, Schema, Type};

pub(super) const DIRECTIVE: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
pub(super) const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList/";

/// What is known of an object's members.
#[derive(Clone, Copy)]
pub(super) enum Knowledge<'a> {
    Fields(&'a Schema),
    /// A map: every member is of this type.
    Values(&'a Type),
    Nothing,
}

impl<'a> Knowledge<'a> {
    /// What is known of the member `name`, and how it merges.
    pub(super) fn member(self, name: &str) -> (Knowledge<'a>, Option<MergeStrategy>) {
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
pub(super) struct Path(pub(super) String);

impl Path {
    pub(super) fn within<T>(&mut self, step: &str, merge: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.0.len();
        if length > 0 {
            self.0.push('.');
        }
        self.0.push_str(step);
        let result = merge(self);
        self.0.truncate(length);
        result
    }

    pub(super) fn here(&self) -> String {
        if self.0.is_empty() { "object".to_owned() } else { self.0.clone() }
    }

    pub(super) fn wrong_type(&self, expected: &'static str, found: &Value) -> PatchError {
        PatchError::WrongType { path: self.here(), expected, found: type_name(found) }
    }
}

/// What a patch sets where there was nothing to merge with: directives and nulls mean nothing
/// there. `None` when the value itself is a directive.
pub(super) fn without_directives(value: Value) -> Option<Value> {
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

pub(super) fn unknown_directive(directive: &Value, path: &Path) -> PatchError {
    PatchError::UnknownDirective { path: path.here(), directive: directive.to_string() }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
