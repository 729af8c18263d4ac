//! Brings an object into the form that upstream stores: defaults set, zero values left out.

use serde_json::{Map, Value};

use super::facts::{Default, Field, Presence, Schema, Type};
use super::values::{format_micros, format_seconds, is_zero, json_schema, time, zero};
use crate::quantity::Quantity;

impl Schema {
    /// Sets the table's defaults and normalises the object as reading it into upstream's Go types
    /// and writing it again does:
    ///
    /// - a null is as good as absent; a zero value that Go leaves out is dropped (and so takes the
    ///   default, as `protocol: ""` does), while a pointer to zero stays (`replicas: 0`);
    /// - what Go always writes is there: `status: {}`, `resources: {}`, `readyReplicas: 0`, and
    ///   null for a list, map or time that it always writes and nobody set;
    /// - quantities are canonical (`0.5` becomes `500m`), times are in UTC.
    ///
    /// Unknown fields and values of the wrong type are left as they are. Idempotent.
    pub fn default(&self, object: &mut Value) {
        if let Value::Object(members) = object {
            default_members(self, members);
        }
    }
}

fn default_members(schema: &Schema, members: &mut Map<String, Value>) {
    // Conditions look at siblings, so those have their own defaults first.
    let (conditional, plain): (Vec<&Field>, Vec<&Field>) =
        schema.fields.iter().partition(|field| {
            field.default.as_ref().is_some_and(|default| default.condition.is_some())
        });
    for field in plain.into_iter().chain(conditional) {
        default_field(field, members);
    }
}

fn default_field(field: &Field, members: &mut Map<String, Value>) {
    let is_unset = |value: &Value| {
        // A struct that is there but empty still gets what its fields default to.
        let is_value =
            field.presence != Presence::Pointer && !matches!(field.kind, Type::Object(_));
        value.is_null() || is_value && is_zero(&field.kind, value)
    };
    if members.get(field.name).is_some_and(is_unset) {
        members.remove(field.name);
    }
    if !members.contains_key(field.name) {
        match initial(field, members) {
            Some(value) => members.insert(field.name.to_owned(), value),
            None => return,
        };
    }
    let Some(value) = members.get_mut(field.name) else { return };
    normalise(&field.kind, value);
    if field.presence == Presence::OmitZero && is_zero(&field.kind, value) {
        members.remove(field.name);
    }
}

/// What an absent field starts as, before its own fields are defaulted.
fn initial(field: &Field, members: &Map<String, Value>) -> Option<Value> {
    if let Some(default) = &field.default
        && holds(default, members)
    {
        return Some(default.value.clone());
    }
    match field.presence {
        Presence::Pointer => None,
        Presence::Always => Some(zero(&field.kind)),
        // Left out again unless something in it defaults to more than zero.
        Presence::OmitZero => matches!(field.kind, Type::Object(_)).then(|| zero(&field.kind)),
    }
}

fn holds(default: &Default, members: &Map<String, Value>) -> bool {
    let Some((sibling, values)) = default.condition else { return true };
    match members.get(sibling) {
        Some(Value::String(present)) => values.split('|').any(|value| value == present),
        Some(_) => false,
        None => values.is_empty(),
    }
}

fn normalise(kind: &Type, value: &mut Value) {
    match (kind, value) {
        (Type::Object(entry), value) => entry.schema().default(value),
        (Type::List(element), Value::Array(items)) => {
            items.iter_mut().for_each(|item| normalise_element(element, item));
        }
        (Type::Map(kind), Value::Object(members)) => {
            members.values_mut().for_each(|value| normalise_element(kind, value));
        }
        (Type::Quantity, value) => normalise_quantity(value),
        (Type::Time, Value::String(text)) => {
            if let Some(time) = time(text) {
                *text = format_seconds(time);
            }
        }
        (Type::MicroTime, Value::String(text)) => {
            if let Some(time) = time(text) {
                *text = format_micros(time);
            }
        }
        // Go's decoder skips line ends within base64.
        (Type::Bytes, Value::String(text)) => text.retain(|letter| !matches!(letter, '\r' | '\n')),
        (Type::SchemaOrArray | Type::SchemaOrBool | Type::SchemaOrStrings, value) => {
            normalise_json_schemas(value);
        }
        _ => {}
    }
}

/// A null among a list's or map's elements is the zero value there.
fn normalise_element(kind: &Type, value: &mut Value) {
    if value.is_null() {
        *value = zero(kind);
    }
    normalise(kind, value);
}

fn normalise_json_schemas(value: &mut Value) {
    match value {
        Value::Object(_) => json_schema().default(value),
        Value::Array(items) => items.iter_mut().for_each(|item| json_schema().default(item)),
        _ => {}
    }
}

fn normalise_quantity(value: &mut Value) {
    let written = match value {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&number.to_string()),
        _ => return,
    };
    if let Ok(quantity) = written {
        *value = Value::String(quantity.to_string());
    }
}
