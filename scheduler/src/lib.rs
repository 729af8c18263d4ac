//! Decides on which node each pod runs.
//!
//! ```text
//! caches ──► cluster (nodes, what is placed on them) ◄── assume ──┐
//!    │                     │ events                               │
//!    └───────► queue ◄─────┘                                      │
//!                │ pop                                            │
//!                ▼                                                │
//!             decide: PreFilter, Filter, PostFilter, PreScore, Score, Reserve, Permit
//!                │
//!                ▼
//!             bind (a task of its own): PreBind, Bind, PostBind
//! ```
//!
//! `cluster`, `queue` and `decide` are synchronous and know neither clock nor client; `run`
//! performs. One mutex guards the first two together: a cache's handler changes them at once and
//! wakes the loop, so there is no queue of changes and a decision always sees a consistent state
//! without a snapshot being copied. It is held for one change or one decision (microseconds), and
//! never across an await.

pub mod cluster;
pub mod decide;
mod diagnosis;
pub mod framework;
pub mod plugins;
pub mod queue;
mod run;

pub use diagnosis::{Diagnosis, FitError};
pub use run::{Config, run};
