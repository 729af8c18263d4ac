//! One fault in one field, worded as upstream's `field.Error`.

use std::fmt;

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

impl FieldErrorReason {
    /// The machine-readable name in `causes[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    /// The words that begin the message.
    fn title(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
        }
    }

    fn shows_value(self) -> bool {
        !matches!(self, Self::Required | Self::Forbidden | Self::TooLong)
    }
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

    pub fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(FieldErrorReason::Duplicate, field, Some(value.into()), "")
    }

    pub fn not_found(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(FieldErrorReason::NotFound, field, Some(value.into()), "")
    }

    /// Upstream sorts the values it supports by byte order before it prints them.
    pub fn not_supported(
        field: impl Into<String>,
        value: impl Into<Value>,
        supported: &[&str],
    ) -> Self {
        let mut names: Vec<String> = supported.iter().map(|name| quote(name)).collect();
        names.sort();
        let detail = if names.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", names.join(", "))
        };
        Self::new(FieldErrorReason::NotSupported, field, Some(value.into()), detail)
    }

    pub fn too_long(field: impl Into<String>, limit: usize) -> Self {
        Self::new(
            FieldErrorReason::TooLong,
            field,
            None,
            format!("may not be more than {limit} bytes"),
        )
    }

    pub fn too_many(field: impl Into<String>, actual: usize, limit: usize) -> Self {
        Self::new(
            FieldErrorReason::TooMany,
            field,
            Some(actual.into()),
            format!("must have at most {limit} items"),
        )
    }

    /// The message without the field, as it stands in `causes[].message`.
    pub fn body(&self) -> String {
        let mut body = self.reason.title().to_owned();
        if self.reason.shows_value()
            && let Some(value) = &self.value
        {
            body.push_str(": ");
            body.push_str(&print_value(value));
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// The text of several faults as upstream's aggregate prints it: one as it is, more in brackets,
/// equal ones once.
pub fn aggregate(errors: &[FieldError]) -> String {
    let mut messages: Vec<String> = Vec::with_capacity(errors.len());
    for error in errors {
        let message = error.to_string();
        if !messages.contains(&message) {
            messages.push(message);
        }
    }
    match messages.as_slice() {
        [one] => one.clone(),
        more => format!("[{}]", more.join(", ")),
    }
}

/// Strings as Go's `%q`, scalars plainly, the rest as JSON (upstream prints Go's struct syntax
/// there, which nobody can parse).
fn print_value(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Null => quote("null"),
        other => other.to_string(),
    }
}

/// Go's `strconv.Quote`.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            control if control.is_ascii_control() => {
                quoted.push_str(&format!("\\x{:02x}", control as u32));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prints_as_upstream() {
        let cases = [
            (FieldError::required("spec.containers", ""), "spec.containers: Required value"),
            (
                FieldError::invalid("spec.replicas", -1, "must be greater than or equal to 0"),
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                FieldError::invalid("metadata.name", "a\"b\n", "no"),
                r#"metadata.name: Invalid value: "a\"b\n": no"#,
            ),
            (
                FieldError::duplicate("spec.containers[1].name", "web"),
                r#"spec.containers[1].name: Duplicate value: "web""#,
            ),
            (
                FieldError::not_supported("spec.type", "X", &["NodePort", "ClusterIP"]),
                r#"spec.type: Unsupported value: "X": supported values: "ClusterIP", "NodePort""#,
            ),
            (
                FieldError::too_long("metadata.annotations", 262144),
                "metadata.annotations: Too long: may not be more than 262144 bytes",
            ),
            (FieldError::too_many("a", 7, 3), "a: Too many: 7: must have at most 3 items"),
            (FieldError::not_found("a", "v"), r#"a: Not found: "v""#),
            (FieldError::forbidden("a", "no"), "a: Forbidden: no"),
            (
                FieldError::invalid("a", json!({"b": 1}), "field is immutable"),
                r#"a: Invalid value: {"b":1}: field is immutable"#,
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn aggregates_without_repeats() {
        let a = FieldError::required("a", "");
        let b = FieldError::required("b", "");
        assert_eq!(aggregate(std::slice::from_ref(&a)), "a: Required value");
        assert_eq!(aggregate(&[a.clone(), b, a]), "[a: Required value, b: Required value]");
    }
}
