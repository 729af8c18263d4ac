//! A line of the file: a record, in place of the one with its key.

use serde::{Deserialize, Serialize};

use crate::database::{CertificateRecord, ResponseRecord};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Certificate(CertificateRecord),
    Response(ResponseRecord),
}

impl Entry {
    /// Serialises `{self}\n`. JSON has no line breaks of its own.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("records have only keys that are strings");
        line.push(b'\n');
        line
    }
}
