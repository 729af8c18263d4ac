//! Whether the values of an object have the types that its kind gives them.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::facts::{Schema, Type};
use super::values::{json_schema, time};
use crate::quantity::Quantity;

/// A value of the wrong type or form. It reads as upstream's decoder words it, with the list
/// positions that Go leaves out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    #[error(
        "json: cannot unmarshal {found} into Go struct field {type_name}.{path} of type {expected}"
    )]
    Type {
        /// `spec.containers[0].image`.
        path: String,
        /// The Go struct that has the field: `Container`.
        type_name: &'static str,
        /// `string`, `number`, `number 1.5`, `bool`, `object`, `array`.
        found: String,
        expected: String,
    },
    #[error("json: cannot unmarshal {found} into Go value of type {expected}")]
    Root { found: String, expected: String },
    #[error("{path}: {message}")]
    Form { path: String, message: String },
}

impl TypeError {
    /// Where in the object; empty for the object itself.
    pub fn path(&self) -> &str {
        match self {
            TypeError::Type { path, .. } | TypeError::Form { path, .. } => path,
            TypeError::Root { .. } => "",
        }
    }
}

/// As Go's `base64.StdEncoding` reads: padding required, surplus bits ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

impl Schema {
    /// The first value whose JSON type or form upstream's decoder would refuse. Null fits any
    /// type; unknown fields are passed over.
    pub fn check_types(&self, object: &Value) -> Result<(), TypeError> {
        if object.is_object() {
            let mut place = Place { schema: self, path: String::new() };
            return place.check_members(object);
        }
        let mut parts = self.name.rsplitn(3, '.');
        let name = parts.next().unwrap_or_default();
        let package = parts.next().unwrap_or_default();
        Err(TypeError::Root {
            found: type_name(object).to_owned(),
            expected: format!("{package}.{name}"),
        })
    }
}

/// Where the walk is.
struct Place<'a> {
    /// The definition that has the field at hand.
    schema: &'a Schema,
    path: String,
}

impl Place<'_> {
    fn check_members(&mut self, object: &Value) -> Result<(), TypeError> {
        let Value::Object(members) = object else { return Ok(()) };
        for (name, value) in members {
            let Some(field) = self.schema.field(name) else { continue };
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(name);
            self.check(&field.kind, value)?;
            self.path.truncate(length);
        }
        Ok(())
    }

    fn check(&mut self, kind: &Type, value: &Value) -> Result<(), TypeError> {
        match (kind, value) {
            (_, Value::Null)
            | (Type::String, Value::String(_))
            | (Type::Bool, Value::Bool(_))
            | (Type::Double, Value::Number(_))
            | (Type::RawExtension | Type::Fields, Value::Object(_))
            | (Type::SchemaOrBool, Value::Bool(_))
            | (Type::Json, _) => Ok(()),
            (Type::Int64, Value::Number(number)) if number.is_i64() => Ok(()),
            (Type::Int32, Value::Number(number)) if fits_int32(number) => Ok(()),
            (Type::IntOrString, Value::String(_)) => Ok(()),
            (Type::IntOrString, Value::Number(number)) if fits_int32(number) => Ok(()),
            (Type::Quantity, Value::String(text)) => self.check_quantity(text),
            (Type::Quantity, Value::Number(number)) => self.check_quantity(&number.to_string()),
            (Type::Time | Type::MicroTime, Value::String(text)) => self.check_time(text),
            (Type::Bytes, Value::String(text)) => self.check_base64(text),
            (Type::Object(entry), Value::Object(_)) => self.descend(entry.schema(), value),
            (Type::List(element), Value::Array(items)) => self.check_items(element, items),
            (Type::Map(kind), Value::Object(members)) => {
                members.iter().try_for_each(|(key, value)| {
                    let length = self.path.len();
                    self.path.push('.');
                    self.path.push_str(key);
                    self.check(kind, value)?;
                    self.path.truncate(length);
                    Ok(())
                })
            }
            (
                Type::SchemaOrArray | Type::SchemaOrBool | Type::SchemaOrStrings,
                Value::Object(_),
            ) => self.descend(json_schema(), value),
            (Type::SchemaOrArray, Value::Array(items)) => {
                self.check_items(&Type::SchemaOrBool, items)
            }
            (Type::SchemaOrStrings, Value::Array(items)) => self.check_items(&Type::String, items),
            (kind, value) => Err(self.mismatch(kind, value)),
        }
    }

    fn descend(&mut self, schema: &Schema, value: &Value) -> Result<(), TypeError> {
        let mut inner = Place { schema, path: std::mem::take(&mut self.path) };
        inner.check_members(value)?;
        self.path = inner.path;
        Ok(())
    }

    fn check_items(&mut self, kind: &Type, items: &[Value]) -> Result<(), TypeError> {
        for (index, item) in items.iter().enumerate() {
            let length = self.path.len();
            self.path.push_str(&format!("[{index}]"));
            self.check(kind, item)?;
            self.path.truncate(length);
        }
        Ok(())
    }

    fn check_quantity(&self, text: &str) -> Result<(), TypeError> {
        Quantity::parse(text).map(drop).map_err(|error| self.malformed(error.to_string()))
    }

    fn check_time(&self, text: &str) -> Result<(), TypeError> {
        match time(text) {
            Some(_) => Ok(()),
            None => Err(self.malformed(format!(
                "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": not such a time"
            ))),
        }
    }

    fn check_base64(&self, text: &str) -> Result<(), TypeError> {
        let lines_joined;
        let letters = if text.contains(['\r', '\n']) {
            lines_joined = text.replace(['\r', '\n'], "");
            &lines_joined
        } else {
            text
        };
        BASE64.decode(letters).map(drop).map_err(|error| {
            let offset = match error {
                base64::DecodeError::InvalidByte(offset, _)
                | base64::DecodeError::InvalidLastSymbol(offset, _) => offset,
                base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
                    letters.len()
                }
            };
            self.malformed(format!("illegal base64 data at input byte {offset}"))
        })
    }

    fn mismatch(&self, kind: &Type, value: &Value) -> TypeError {
        TypeError::Type {
            path: self.path.clone(),
            type_name: self.schema.type_name(),
            found: match (kind, value) {
                // Here the number's value rather than its type may be what does not fit.
                (Type::Int32 | Type::Int64 | Type::IntOrString, Value::Number(number)) => {
                    format!("number {number}")
                }
                _ => type_name(value).to_owned(),
            },
            expected: kind.go_name(),
        }
    }

    fn malformed(&self, message: String) -> TypeError {
        TypeError::Form { path: self.path.clone(), message }
    }
}

fn fits_int32(number: &serde_json::Number) -> bool {
    number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
