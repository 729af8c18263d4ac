//! Removes bootstrap tokens that have expired. The apiserver no longer takes them by then; this is
//! so that they do not pile up.

mod controller;
mod plan;

pub use controller::{TYPE, run};
