//! What becomes of nodes that fall silent, and of the Pods on them.
//!
//! ```text
//! Lease renewals, status heartbeats ─► heartbeat  ─► silent too long: conditions Unknown
//! conditions ─► taints (NoSchedule at once; NoExecute as fast as disruption allows)
//! NoExecute taints ─► eviction: Pods that do not tolerate them, or not for long, are deleted
//! ```
//!
//! Silence is measured by our own monotonic clock from the moment a renewal was *seen*: what a node's
//! clock says is compared for change only. Nothing polls: a silent node is looked at when its grace
//! ends.

mod conditions;
mod disruption;
mod evict;
mod evictor;
mod heartbeat;
mod monitor;
mod taints;

pub use evictor::run as run_eviction;
pub use monitor::run as run_monitor;

/// The identity of both controllers, as upstream.
const CONTROLLER: &str = "node-controller";
