//! The registry: objects in, objects out, whatever protocol is in front.
//!
//! A write goes decode → (patch) → defaults → admission → strategy → validation → encode once →
//! one transaction that compares the object's mod_revision. Decisions are plain functions of the
//! stored and the wanted object (`pipeline`, `deletion`, `services`); the loops around them
//! (`write`, `delete`) run them again when another writer was faster.
//!
//! Reads of one object go to the store, reads of many to the cache.

mod admission;
mod body;
mod certificates;
mod core;
mod delete;
mod deletion;
mod event_lease;
mod generate_name;
mod kind;
mod metadata;
mod options;
mod patch;
mod pipeline;
mod scope;
pub mod services;
mod storage;
pub mod subresources;
mod write;

pub use body::{check_envelope, read, read_object};
pub use certificates::parse as certificate_request;
pub use core::Registry;
pub use delete::{Deleted, details};
pub use deletion::DeleteOptions;
pub use kind::Kind;
pub use options::{Query, WriteOptions, delete_options};
pub use patch::Patch;
pub use pipeline::{Endpoint, parse};
pub use scope::{Scope, Written};
pub use storage::refused;
