//! Values that Go's types read and write in a form of their own.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value};

use super::facts::{Schema, Type};
use super::table;

/// What Go writes for a value that is always written and was never set.
pub(crate) fn zero(kind: &Type) -> Value {
    match kind {
        Type::String => Value::from(""),
        Type::Bool => Value::from(false),
        Type::Int32 | Type::Int64 | Type::Double | Type::IntOrString => Value::from(0),
        Type::Quantity => Value::from("0"),
        Type::Object(_) => Value::Object(Map::new()),
        // Lists, maps, bytes and what writes itself: Go's nil.
        Type::Bytes
        | Type::Time
        | Type::MicroTime
        | Type::RawExtension
        | Type::Fields
        | Type::Json
        | Type::SchemaOrArray
        | Type::SchemaOrBool
        | Type::SchemaOrStrings
        | Type::List(_)
        | Type::Map(_) => Value::Null,
    }
}

/// Whether Go leaves the value out of a field that omits zero values. A value of the wrong type is
/// not zero.
pub(crate) fn is_zero(kind: &Type, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Null) => true,
        (Type::Bool, Value::Bool(value)) => !value,
        (Type::Int32 | Type::Int64 | Type::Double, Value::Number(number)) => {
            number.as_f64() == Some(0.0)
        }
        (Type::String | Type::Bytes, Value::String(text)) => text.is_empty(),
        (Type::List(_), Value::Array(items)) => items.is_empty(),
        (Type::Map(_) | Type::Object(_), Value::Object(members)) => members.is_empty(),
        _ => false,
    }
}

/// The definition of the schemas that custom resources carry.
pub(crate) fn json_schema() -> &'static Schema {
    table::definition("apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
        .expect("the table holds the definition of custom resources")
}

/// Reads a `metav1.Time`: RFC 3339 with any offset and any fraction.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    // jiff also takes lower-case letters and a blank for the T, which Go refuses.
    let bytes = text.as_bytes();
    (bytes.get(10) == Some(&b'T') && !bytes.contains(&b'z')).then(|| text.parse().ok())?
}

/// Seconds, as `metav1.Time` writes itself.
pub(crate) fn format_seconds(time: Timestamp) -> String {
    let civil = Offset::UTC.to_datetime(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

/// Microseconds, as `metav1.MicroTime` writes itself.
pub(crate) fn format_micros(time: Timestamp) -> String {
    let civil = Offset::UTC.to_datetime(time);
    let seconds = format_seconds(time);
    format!("{}.{:06}Z", &seconds[..seconds.len() - 1], civil.subsec_nanosecond() / 1000)
}
