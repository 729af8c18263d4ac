//! The resource table: one row and one small file per resource.
//!
//! A row says everything the apiserver must know of a resource that its schema does not say. Adding
//! a built-in resource touches one file (and the list in `table.rs`). Rows own their strings, so
//! that custom resources can become rows at run time.

pub mod fields;
mod row;
mod strategy;

pub use row::{Column, Resource, Subresource, Verb};
pub use strategy::{Deletion, Strategy};
