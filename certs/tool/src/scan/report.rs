//! What scans found, in CFSSL's shape.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Grade {
    Bad,
    Warning,
    Good,
}

/// What one scanner found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    pub grade: Grade,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub output: Value,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

impl Finding {
    pub fn good() -> Self {
        Self { grade: Grade::Good, output: Value::Null, error: String::new() }
    }

    pub fn new(grade: Grade, output: impl Into<Value>) -> Self {
        Self { grade, output: output.into(), error: String::new() }
    }

    pub fn bad(error: impl ToString) -> Self {
        Self { grade: Grade::Bad, output: Value::Null, error: error.to_string() }
    }
}

/// By family, then by scanner.
pub(crate) type Report = BTreeMap<&'static str, BTreeMap<&'static str, Finding>>;
