//! Go's text forms, which etcdctl's output and input are made of.
//!
//! Scripts depend on them to the byte: quoting, durations, and the JSON of `encoding/json`. Each is
//! written here rather than taken from a crate, because no Rust crate writes quite the same.

pub mod duration;
pub mod json;
pub mod quote;
