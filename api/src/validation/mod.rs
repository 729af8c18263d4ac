//! Field errors and the checks that every kind shares: names, labels, annotations.

mod field_error;

pub use field_error::{FieldError, FieldErrorReason};
