//! Deletes what lost its owners, and in the order that a delete request asked for.
//!
//! ```text
//! discovery ─► one metadata watch per kind ─► Graph (uid ─► owners, dependents)
//!                                               │ what to look at
//!                                               ▼
//!                                 queue ─► live reads ─► decide ─► delete or patch
//! ```
//!
//! The graph only says where to look: before anything is deleted, the object and its owners are read
//! live and compared by uid. `graph` and `decide` are plain functions; `collect` performs. The graph
//! holds a few hundred bytes an object, not its metadata.
//!
//! Rejected: following `ownerReferences` by listing on each deletion (quadratic in a namespace), and
//! trusting the graph alone (a watch that lags would delete what has just been adopted).

mod collect;
mod decide;
mod graph;
mod monitor;
mod start;

pub use start::run;

pub const FOREGROUND: &str = "foregroundDeletion";
pub const ORPHAN: &str = "orphan";
