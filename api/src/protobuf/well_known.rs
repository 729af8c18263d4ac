//! Messages whose JSON is not an object of their fields.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error::Problem;
use super::message::{Context, Fault};
use super::wire::{Wire, fields};
use crate::decode::{Budget, json_within};
use crate::schema::{Type, json_schema};

/// Seconds of Go's zero time, 0001-01-01T00:00:00Z.
const GO_ZERO_TIME: i64 = -62_135_596_800;

/// `Time {seconds = 1, nanos = 2}`; null for Go's zero time, which travels as an empty message.
pub(super) fn time(message: &[u8], format: fn(Timestamp) -> String) -> Result<Value, Problem> {
    if message.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanos) = (0, 0);
    for field in fields(message) {
        match field? {
            (1, wire) => seconds = wire.varint()? as i64,
            (2, wire) => nanos = wire.varint()? as i32,
            _ => {}
        }
    }
    if seconds == GO_ZERO_TIME && nanos == 0 {
        return Ok(Value::Null);
    }
    let time = Timestamp::new(seconds, nanos).map_err(|_| Problem::OutOfRange)?;
    Ok(Value::from(format(time)))
}

/// `Quantity {string = 1}`.
pub(super) fn quantity(message: &[u8]) -> Result<Value, Problem> {
    let mut text = "";
    for field in fields(message) {
        if let (1, wire) = field? {
            text = wire.text()?;
        }
    }
    Ok(Value::from(if text.is_empty() { "0" } else { text }))
}

/// `IntOrString {type = 1, intVal = 2, strVal = 3}`.
pub(super) fn int_or_string(message: &[u8]) -> Result<Value, Problem> {
    let (mut is_string, mut number, mut text) = (false, 0, "");
    for field in fields(message) {
        match field? {
            (1, wire) => is_string = wire.varint()? == 1,
            (2, wire) => number = wire.varint()? as i32,
            (3, wire) => text = wire.text()?,
            _ => {}
        }
    }
    Ok(if is_string { Value::from(text) } else { Value::from(number) })
}

/// `RawExtension`, `FieldsV1` and `JSON` have their JSON text in field 1; null when it is empty.
pub(super) fn json(message: &[u8], budget: &Budget) -> Result<Value, Problem> {
    let mut text: &[u8] = &[];
    for field in fields(message) {
        if let (1, wire) = field? {
            text = wire.bytes()?;
        }
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    json_within(text, budget).ok_or(Problem::Json)
}

/// `JSONSchemaPropsOrArray {schema = 1, repeated jSONSchemas = 2}`.
pub(super) fn schema_or_array(context: &mut Context, message: &[u8]) -> Result<Value, Fault> {
    let mut items = Vec::new();
    for field in fields(message) {
        match field? {
            (1, wire) => return json_schema_props(context, wire),
            (2, wire) => items.push(json_schema_props(context, wire)?),
            _ => {}
        }
    }
    Ok(if items.is_empty() { Value::Null } else { Value::Array(items) })
}

/// `JSONSchemaPropsOrBool {allows = 1, schema = 2}`.
pub(super) fn schema_or_bool(context: &mut Context, message: &[u8]) -> Result<Value, Fault> {
    let mut allows = false;
    for field in fields(message) {
        match field? {
            (1, wire) => allows = wire.varint()? != 0,
            (2, wire) => return json_schema_props(context, wire),
            _ => {}
        }
    }
    Ok(Value::from(allows))
}

/// `JSONSchemaPropsOrStringArray {schema = 1, repeated property = 2}`.
pub(super) fn schema_or_strings(context: &mut Context, message: &[u8]) -> Result<Value, Fault> {
    let mut items = Vec::new();
    for field in fields(message) {
        match field? {
            (1, wire) => return json_schema_props(context, wire),
            (2, wire) => items.push(context.value(&Type::String, wire)?),
            _ => {}
        }
    }
    Ok(if items.is_empty() { Value::Null } else { Value::Array(items) })
}

fn json_schema_props(context: &mut Context, wire: Wire<'_>) -> Result<Value, Fault> {
    if !context.budget.take() {
        return Err(Problem::Budget.into());
    }
    let mut members = Map::new();
    context.message(json_schema(), wire.bytes()?, &mut members)?;
    Ok(Value::Object(members))
}
