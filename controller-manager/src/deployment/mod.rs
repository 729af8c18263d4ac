//! Deployments: a ReplicaSet per revision of the template, and the way from one to the next.
//!
//! ```text
//! Deployment + its ReplicaSets ─► Sets (new one, old ones, as drafts)
//!        ─► paused or resized?  scaling      (no new revision)
//!        ─► Recreate            recreate     (all old Pods gone, then the new ones)
//!        ─► RollingUpdate       rolling      (surge and unavailability bounded)
//!        ─► status, conditions ─► Plan ─► reconcile performs it
//! ```
//!
//! Decisions change drafts of the ReplicaSets; what a draft differs in becomes one patch, bound to the
//! resourceVersion it was decided on. A stale cache thus costs a conflict and another attempt, never a
//! wrong scale. A reconcile that creates a ReplicaSet does no more: its arrival in the cache brings on
//! the next.

mod annotations;
mod bounds;
mod conditions;
mod draft;
mod history;
mod plan;
mod reconcile;
mod recreate;
mod rolling;
mod scaling;
mod sets;
mod start;
mod status;
mod template;

pub use start::run;
