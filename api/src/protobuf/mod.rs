//! Protobuf bodies, as typed Go clients send them, into the JSON that the same object would have.
//!
//! The schema table holds the field numbers, and for each field whether Go's type is a pointer:
//! gogo's encoder writes every value field, set or not, so an empty `resourceVersion` or a
//! `generation` of 0 says nothing and is left out, while a pointer's zero (`replicas: 0`) was meant.
//! Rejected: prost messages for every kind (a megabyte of code, and that distinction lost).

mod envelope;
mod error;
mod message;
mod well_known;
mod wire;

#[cfg(test)]
mod tests;

pub use envelope::decode;
pub use error::DecodeError;
#[cfg(test)]
pub(crate) use wire::fields;
