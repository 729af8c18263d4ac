//! Deletion of namespaces: everything in them first, Pods before the rest, then the namespace.
//!
//! `conditions` words what is left, `sweep` deletes and counts, `controller` goes on until nothing is.

mod conditions;
mod controller;
mod sweep;

pub use controller::run;
