//! Why a protobuf body cannot be read.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the body is not in Kubernetes' protobuf envelope: it does not begin with \"k8s\\0\"")]
    NoMagic,
    #[error("the protobuf envelope has content encoding {0:?}; none is supported")]
    Encoding(String),
    #[error("the protobuf envelope has content type {0:?}; protobuf is expected")]
    ContentType(String),
    #[error("the protobuf envelope names no kind")]
    NoKind,
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    UnknownKind { api_version: String, kind: String },
    #[error("kind {kind:?} of version {api_version:?} has no protobuf form")]
    NoForm { api_version: String, kind: String },
    #[error("malformed protobuf: {place}: {problem}")]
    Malformed {
        /// `spec.containers[0].image`, or `envelope`.
        place: String,
        problem: Problem,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("cut off")]
    Truncated,
    #[error("a varint of more than 64 bits")]
    Varint,
    #[error("a field number out of range")]
    FieldNumber,
    #[error("wire type {0}")]
    WireType(u8),
    #[error("wire type {found} instead of {expected}")]
    OtherWireType { found: u8, expected: u8 },
    #[error("text that is not UTF-8")]
    NotUtf8,
    #[error("a value out of range")]
    OutOfRange,
    #[error("embedded JSON that does not parse")]
    Json,
    #[error("nested deeper than {} levels", crate::decode::MAX_DEPTH)]
    Depth,
    #[error("more than {} values", crate::decode::MAX_VALUES)]
    Budget,
}
