//! Request bodies to JSON values: JSON, YAML, and protobuf in Kubernetes' envelope.
//!
//! Whatever the format, the result is what the object's JSON would give, within the same bounds:
//! nesting to `MAX_DEPTH`, `MAX_VALUES` values. The bounds are on values rather than bytes because
//! two bytes of a body can become hundreds in memory. Kinds are not known here (except to the
//! protobuf decoder, which cannot do without): types and unknown fields are the schema's to check.

mod body;
mod error;
mod json;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

pub use body::{Decoded, Format, decode};
pub use error::DecodeError;
pub(crate) use json::json_within;
pub(crate) use tree::{Budget, MAX_DEPTH, MAX_VALUES};
