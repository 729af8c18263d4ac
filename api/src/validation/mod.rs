//! Field errors and the checks that every kind shares: names, labels, annotations, metadata.

mod field_error;
pub mod metadata;
pub mod names;

pub use field_error::{FieldError, FieldErrorReason, aggregate};
