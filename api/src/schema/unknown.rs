//! Fields that a definition does not have: finding and dropping them.

use serde_json::Value;

use super::facts::{Schema, Type};
use super::values::json_schema;

impl Schema {
    /// Paths of the fields that this kind does not have, in the object's order, as upstream's
    /// strict decoder names them (`spec.template.spec.containers[0].foo`). The caller words the
    /// message: `unknown field "spec.foo"`.
    ///
    /// Names are case-sensitive. What is not of the right JSON type is passed over; `check_types`
    /// reports it.
    pub fn unknown_fields(&self, object: &Value) -> Vec<String> {
        let mut unknown = Vec::new();
        find_in_object(self, object, &mut String::new(), &mut unknown);
        unknown
    }

    /// Drops what `unknown_fields` names.
    pub fn prune(&self, object: &mut Value) {
        let Value::Object(members) = object else { return };
        members.retain(|name, value| match self.field(name) {
            Some(field) => {
                prune_value(&field.kind, value);
                true
            }
            None => false,
        });
    }
}

fn find_in_object(schema: &Schema, object: &Value, path: &mut String, unknown: &mut Vec<String>) {
    let Value::Object(members) = object else { return };
    for (name, value) in members {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        match schema.field(name) {
            Some(field) => find_in_value(&field.kind, value, path, unknown),
            None => unknown.push(path.clone()),
        }
        path.truncate(length);
    }
}

fn find_in_value(kind: &Type, value: &Value, path: &mut String, unknown: &mut Vec<String>) {
    match (kind, value) {
        (Type::Object(entry), value) => find_in_object(entry.schema(), value, path, unknown),
        (Type::List(element), Value::Array(items)) if holds_objects(element) => {
            find_in_items(element, items, path, unknown);
        }
        (Type::Map(kind), Value::Object(members)) if holds_objects(kind) => {
            for (key, value) in members {
                let length = path.len();
                path.push('.');
                path.push_str(key);
                find_in_value(kind, value, path, unknown);
                path.truncate(length);
            }
        }
        (kind, Value::Object(_)) if may_be_json_schema(kind) => {
            find_in_object(json_schema(), value, path, unknown);
        }
        (Type::SchemaOrArray, Value::Array(items)) => {
            find_in_items(&Type::SchemaOrBool, items, path, unknown);
        }
        _ => {}
    }
}

fn find_in_items(kind: &Type, items: &[Value], path: &mut String, unknown: &mut Vec<String>) {
    for (index, item) in items.iter().enumerate() {
        let length = path.len();
        path.push_str(&format!("[{index}]"));
        find_in_value(kind, item, path, unknown);
        path.truncate(length);
    }
}

fn prune_value(kind: &Type, value: &mut Value) {
    match (kind, value) {
        (Type::Object(entry), value) => entry.schema().prune(value),
        (Type::List(element), Value::Array(items)) if holds_objects(element) => {
            items.iter_mut().for_each(|item| prune_value(element, item));
        }
        (Type::Map(kind), Value::Object(members)) if holds_objects(kind) => {
            members.values_mut().for_each(|value| prune_value(kind, value));
        }
        (kind, value @ Value::Object(_)) if may_be_json_schema(kind) => json_schema().prune(value),
        (Type::SchemaOrArray, Value::Array(items)) => {
            items.iter_mut().for_each(|item| json_schema().prune(item));
        }
        _ => {}
    }
}

fn may_be_json_schema(kind: &Type) -> bool {
    matches!(kind, Type::SchemaOrArray | Type::SchemaOrBool | Type::SchemaOrStrings)
}

/// Spares the walk over a thousand labels.
fn holds_objects(kind: &Type) -> bool {
    kind.schema().is_some() || may_be_json_schema(kind)
}
