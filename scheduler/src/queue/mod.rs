//! Pods that wait for a node.
//!
//! ```text
//!  add ──► active ──pop──► in flight ──bound──► gone
//!            ▲                │  │
//!            │ due            │  └─fits nowhere──► unschedulable ─┐
//!            └──── backoff ◄──┘ failed                            │
//!                     ▲──────── an event that helps it, 5 min ◄───┘
//!  gated: kept out until the pod changes
//! ```
//!
//! Time is given, never taken. Pods that were unschedulable and wait in backoff are popped early
//! when nothing else is to be done, as upstream does since 1.33: backing off protects the queue
//! from pods that keep failing, not an idle scheduler from work.

mod entry;
mod pods;

pub use entry::Popped;
pub use pods::SchedulingQueue;
