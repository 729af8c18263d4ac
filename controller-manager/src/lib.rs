//! The controllers of the control plane.
//!
//! Each lives in a folder of its own: plain functions decide from the state of the shared caches
//! (`plan`), and a reconciler performs the decision. They are level-triggered: a change only says
//! where to look, and any reconcile may run twice, late, or after a crash half-way.
//!
//! Ownership: `run` starts one cache per kind for all controllers and one task per controller; each
//! controller owns its queue, and each has an identity of its own towards the API.

mod bootstrap_token;
mod certificates;
mod clock;
mod config;
mod context;
mod deployment;
mod dynamic;
mod endpoints;
mod error;
mod expectations;
#[cfg(test)]
mod fixtures;
mod garbage_collector;
mod namespace;
mod node_lifecycle;
mod objects;
mod orphans;
mod owner;
mod pod_gc;
mod replicaset;
mod root_ca;
mod run;
mod service_account;
mod write;

pub use certificates::{Authority, Signing};
pub use clock::{Clock, SystemClock};
pub use config::{Config, Timings};
pub use run::run;
