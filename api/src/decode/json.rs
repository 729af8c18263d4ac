//! JSON bodies.

use serde::de::DeserializeSeed;
use serde_json::Value;
use serde_json::error::Category;

use super::tree::{Budget, Reader, Tree};
use super::{DecodeError, Decoded};

pub(super) fn decode(body: &[u8]) -> Result<Decoded, DecodeError> {
    let text = text(body)?;
    let budget = Budget::default();
    let reader = Reader::new(&budget);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object = Tree(&reader)
        .deserialize(&mut deserializer)
        .and_then(|object| deserializer.end().map(|()| object))
        .map_err(|error| match error.classify() {
            Category::Eof => DecodeError::TruncatedJson(error),
            Category::Io | Category::Syntax | Category::Data => DecodeError::Json(error),
        })?;
    Ok(Decoded { object, duplicate_fields: reader.into_duplicates() })
}

/// The body as text that holds more than blanks.
pub(super) fn text(body: &[u8]) -> Result<&str, DecodeError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| DecodeError::NotUtf8 { offset: error.valid_up_to() })?;
    if text.trim_ascii().is_empty() {
        return Err(DecodeError::Empty);
    }
    Ok(text)
}

/// JSON inside another format, on what is left of that body's budget.
pub(crate) fn json_within(text: &[u8], budget: &Budget) -> Option<Value> {
    let reader = Reader::new(budget);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Tree(&reader).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok().map(|()| value)
}
