//! What a Kubernetes API is, as facts and pure functions: resources, schemas, selectors, patches,
//! validation, Status. No tokio and no IO.

pub mod decode;
pub mod identity;
pub mod object;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod status;
pub mod validation;

pub use identity::Identity;
pub use status::Status;
