//! The entry: picks the decoder.

use serde_json::Value;

use super::{DecodeError, json, yaml};
use crate::protobuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Yaml,
    /// The `k8s\0` envelope around a message of a built-in kind.
    Protobuf,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Of any JSON type: a JSON patch is an array.
    pub object: Value,
    /// Paths of fields that occur again (`spec.replicas`, `spec.containers[0].image`), in the
    /// order met. The last value is the one kept, as Go does.
    pub duplicate_fields: Vec<String>,
}

/// Reads one body. A body of more than one YAML document is refused rather than cut off.
pub fn decode(format: Format, body: &[u8]) -> Result<Decoded, DecodeError> {
    match format {
        Format::Json => json::decode(body),
        Format::Yaml => yaml::decode(body),
        Format::Protobuf => {
            let object = protobuf::decode(body)?;
            Ok(Decoded { object, duplicate_fields: Vec::new() })
        }
    }
}
