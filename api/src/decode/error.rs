//! Why a body cannot be read.

use crate::protobuf;

#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("the body is empty; an object is expected")]
    Empty,
    #[error("the body is not UTF-8: byte {offset} begins no character")]
    NotUtf8 { offset: usize },
    #[error("the JSON is cut off: {0}")]
    TruncatedJson(serde_json::Error),
    #[error("malformed JSON: {0}")]
    Json(serde_json::Error),
    #[error("malformed YAML: {0}")]
    Yaml(String),
    #[error(transparent)]
    Protobuf(#[from] protobuf::DecodeError),
}
