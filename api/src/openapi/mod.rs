//! OpenAPI documents, written from the resource table and the schema table.
//!
//! What clients take from them: kubectl's apply looks up patch strategies and merge keys, and
//! whether PATCH takes `fieldValidation`; its explain shows kinds and fields. A document is built
//! when it is asked for and not kept here: the core group's takes some hundred kilobytes, which a
//! cluster that nobody asks for documentation need not hold.

mod components;
mod gnostic;
mod operations;
mod parameters;
mod paths;
mod v2;
mod v3;

pub use v2::{v2_document, v2_document_protobuf};
pub use v3::v3_document;

#[cfg(test)]
mod tests;
