//! Upstream's extension points as traits, and the profile that holds the plug-ins of each.
//!
//! A plug-in implements the traits of the points it has something to say at. Those that decide are
//! synchronous and see a [`Cluster`](crate::cluster::Cluster) that does not change meanwhile;
//! only `PreBind` and `Bind` do IO. Where upstream returns a status with a code, the traits return
//! what can be said at that point and nothing else.

mod event;
mod permit;
mod point;
mod profile;
mod rejection;
mod state;

pub use event::Events;
pub use permit::{Waiting, WaitingPods};
pub use point::{
    Bind, BindError, Bound, Filter, Nodes, Permission, Permit, Plugin, PostBind, PostFilter,
    PostFilterResult, PreBind, PreEnqueue, PreFilter, PreScore, QueueSort, Relevance, Reserve,
    Score,
};
pub use profile::{MAX_SCORE, Profile, normalize};
pub use rejection::Rejection;
pub use state::CycleState;
