//! One fault in one field, worded as upstream's `field.Error`.

use serde_json::Value;

/// Upstream's `field.ErrorType`, as it stands in `causes[].reason` of a Status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorReason {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    TypeInvalid,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    pub reason: FieldErrorReason,
    /// Path as upstream prints it: `spec.containers[0].image`.
    pub field: String,
    /// The offending value, printed by reasons that show it.
    pub value: Option<Value>,
    pub detail: String,
}

impl FieldError {
    pub fn new(
        reason: FieldErrorReason,
        field: impl Into<String>,
        value: Option<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self { reason, field: field.into(), value, detail: detail.into() }
    }

    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorReason::Required, field, None, detail)
    }

    pub fn invalid(
        field: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(FieldErrorReason::Invalid, field, Some(value.into()), detail)
    }

    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorReason::Forbidden, field, None, detail)
    }
}
