//! ReplicaSets and ReplicationControllers: as many Pods as asked for.
//!
//! ```text
//! caches ─► handlers ─► queue of owners ─► reconcile: claim Pods ─► plan ─► create or delete ─► status
//!                └─► expectations ◄───────────────────────────────────────────┘
//! ```
//!
//! `plan`, `rank` and `status` decide, `reconcile` performs. The two kinds differ in their selector
//! only, so one controller serves both through `Replicated`.

mod kinds;
mod plan;
mod rank;
mod reconcile;
mod start;
mod status;

pub use kinds::Replicated;
pub use start::run;
