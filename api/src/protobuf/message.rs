//! A message into an object, by its definition.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use super::DecodeError;
use super::error::Problem;
use super::well_known;
use super::wire::{Wire, fields, varint};
use crate::decode::{Budget, MAX_DEPTH};
use crate::schema::{
    Field, Numbered, Numbers, Presence, Schema, Type, format_micros, format_seconds, is_zero, zero,
};

/// A problem and the way to it, innermost step first.
pub(super) struct Fault {
    steps: Vec<String>,
    problem: Problem,
}

impl Fault {
    pub(super) fn into_error(self) -> DecodeError {
        let mut place = String::new();
        for step in self.steps.iter().rev() {
            if !place.is_empty() && !step.starts_with('[') {
                place.push('.');
            }
            place.push_str(step);
        }
        if place.is_empty() {
            place.push_str("object");
        }
        DecodeError::Malformed { place, problem: self.problem }
    }

    fn within(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Fault { steps: Vec::new(), problem }
    }
}

/// What one decoding keeps track of.
#[derive(Default)]
pub(super) struct Context {
    pub(super) budget: Budget,
    depth: usize,
}

impl Context {
    /// Reads `bytes` into `members`. Zero values that Go's JSON leaves out are left out.
    pub(super) fn message(
        &mut self,
        schema: &Schema,
        bytes: &[u8],
        members: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        self.nested(|context| context.embedded(schema, Numbers::default(), bytes, members))
    }

    /// Reads the message that `prefix` leads to from the definition's own: JSON has its fields
    /// among the definition's.
    fn embedded(
        &mut self,
        schema: &Schema,
        prefix: Numbers,
        bytes: &[u8],
        members: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        for item in fields(bytes) {
            let (number, wire) = item?;
            let Some(numbers) = prefix.then(number) else { continue };
            match schema.numbered(numbers) {
                Numbered::Field(field) => {
                    self.field(field, wire, members).map_err(|fault| fault.within(field.name))?;
                }
                Numbered::Embedded => self.embedded(schema, numbers, wire.bytes()?, members)?,
                Numbered::Nothing => {}
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &Field,
        wire: Wire<'_>,
        members: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        match &field.kind {
            Type::List(element) => {
                let list = members.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(items) = list else { return Ok(()) };
                let index = items.len();
                self.items(element, wire, items)
                    .map_err(|fault| fault.within(format!("[{index}]")))?;
            }
            Type::Map(kind) => {
                let map = members.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(entries) = map else { return Ok(()) };
                let (key, value) = self.entry(kind, wire)?;
                entries.insert(key, value);
            }
            kind => {
                let value = self.value(kind, wire)?;
                let is_omitted = field.presence == Presence::OmitZero && is_zero(kind, &value);
                // Of a field that occurs twice the last counts.
                if value.is_null() || is_omitted {
                    members.remove(field.name);
                } else {
                    members.insert(field.name.to_owned(), value);
                }
            }
        }
        Ok(())
    }

    /// One element, or several packed numbers.
    fn items(
        &mut self,
        element: &Type,
        wire: Wire<'_>,
        items: &mut Vec<Value>,
    ) -> Result<(), Fault> {
        let is_varint = matches!(element, Type::Int32 | Type::Int64 | Type::Bool);
        match wire {
            Wire::Bytes(mut packed) if is_varint => {
                while !packed.is_empty() {
                    let wire = Wire::Varint(varint(&mut packed)?);
                    items.push(self.value(element, wire)?);
                }
            }
            wire => items.push(self.value(element, wire)?),
        }
        Ok(())
    }

    fn entry(&mut self, kind: &Type, wire: Wire<'_>) -> Result<(String, Value), Fault> {
        let mut key = "";
        let mut value = None;
        for item in fields(wire.bytes()?) {
            match item? {
                (1, wire) => key = wire.text()?,
                (2, wire) => {
                    value = Some(match kind {
                        // Lists within maps travel in a message of their own.
                        Type::List(element) => self.wrapped_list(element, wire),
                        kind => self.value(kind, wire),
                    });
                }
                _ => {}
            }
        }
        match value {
            Some(value) => Ok((key.to_owned(), value.map_err(|fault| fault.within(key))?)),
            None => Ok((key.to_owned(), zero(kind))),
        }
    }

    fn wrapped_list(&mut self, element: &Type, wire: Wire<'_>) -> Result<Value, Fault> {
        let mut items = Vec::new();
        for item in fields(wire.bytes()?) {
            if let (1, wire) = item? {
                self.items(element, wire, &mut items)?;
            }
        }
        Ok(Value::Array(items))
    }

    pub(super) fn value(&mut self, kind: &Type, wire: Wire<'_>) -> Result<Value, Fault> {
        if !self.budget.take() {
            return Err(Problem::Budget.into());
        }
        Ok(match kind {
            Type::String => Value::from(wire.text()?),
            Type::Bytes => Value::from(STANDARD.encode(wire.bytes()?)),
            Type::Bool => Value::from(wire.varint()? != 0),
            // Negative numbers take ten bytes in either width; Go keeps the low bits.
            Type::Int32 => Value::from(wire.varint()? as i32),
            Type::Int64 => Value::from(wire.varint()? as i64),
            Type::Double => {
                let number = Number::from_f64(f64::from_bits(wire.fixed64()?));
                Value::Number(number.ok_or(Problem::OutOfRange)?)
            }
            Type::Time => well_known::time(wire.bytes()?, format_seconds)?,
            Type::MicroTime => well_known::time(wire.bytes()?, format_micros)?,
            Type::Quantity => well_known::quantity(wire.bytes()?)?,
            Type::IntOrString => well_known::int_or_string(wire.bytes()?)?,
            Type::RawExtension | Type::Fields | Type::Json => {
                well_known::json(wire.bytes()?, &self.budget)?
            }
            Type::SchemaOrArray => well_known::schema_or_array(self, wire.bytes()?)?,
            Type::SchemaOrBool => well_known::schema_or_bool(self, wire.bytes()?)?,
            Type::SchemaOrStrings => well_known::schema_or_strings(self, wire.bytes()?)?,
            Type::Object(entry) => {
                let mut members = Map::new();
                self.message(entry.schema(), wire.bytes()?, &mut members)?;
                Value::Object(members)
            }
            // No definition has lists of lists or of maps, nor maps of maps.
            Type::List(_) | Type::Map(_) => return Err(Problem::OutOfRange.into()),
        })
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::Depth.into());
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
