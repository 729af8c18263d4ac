//! The resource table: one row and one small file per resource.
//!
//! A row says everything the apiserver must know of a resource that its schema does not say. Adding
//! a built-in resource touches one file (and the list in `table.rs`). Rows own their strings, so
//! that custom resources can become rows at run time.
//!
//! Beside the rows: `fields` reads JSON by paths, `age` prints times, `resources` knows maps of
//! quantities, `pod_spec` is what pods and pod templates share, `workload` what the controllers'
//! kinds share.

pub mod age;
mod binding;
mod builder;
pub mod certificate_signing_request;
mod config_map;
mod deployment;
mod endpoint_slice;
mod endpoints;
mod event;
pub mod fields;
mod labels;
mod lease;
pub mod namespace;
mod node;
mod plain;
pub mod pod;
mod pod_spec;
mod replica_set;
mod replication_controller;
pub mod resources;
mod row;
mod scale;
mod secret;
mod service;
mod service_account;
mod strategy;
mod table;
mod workload;

pub use plain::Plain;
pub use row::{Column, Resource, Subresource, Verb};
pub use scale::scale;
pub use strategy::{Deletion, Strategy};
pub use table::builtin;
