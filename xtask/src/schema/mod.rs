//! Generates `api/src/schema/v1_35.txt`, the facts about every built-in kind.
//!
//! No single public source has them all, so three are joined by definition and field name:
//!
//! - the JSON schema of PyPI's `kubernetes-validate`: which fields a kind has, their types, list
//!   types, merge keys, what is required, which group/version/kind a definition serves;
//! - the Go struct tags of `k8s.io/api` and its siblings: whether a field is a pointer, which zero
//!   values its JSON leaves out, its protobuf number, its `+default` marker;
//! - the `generated.proto` files: a second opinion on every protobuf number and wire type.
//!
//! The defaults that live only in upstream's defaulting code are a hand-written table,
//! `defaults.txt`. Where two sources disagree, or a field of one is missing from another,
//! generation fails: a silent gap would become a field that is dropped or decoded wrongly.
//! Descriptions are not carried over.

mod defaults;
mod definitions;
mod emit;
mod fetch;
mod golang;
mod proto;
mod run;

pub use run::{Arguments, run};
