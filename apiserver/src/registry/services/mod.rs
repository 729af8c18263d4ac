//! Addresses and node ports of Services.
//!
//! Every address and port in use is a key of its own, claimed in the transaction that writes the
//! Service and released in the one that stops using it or deletes it. So no two Services share one
//! and none leaks, whatever crashes, and there is no repair loop. Upstream keeps one bitmap (or, of
//! late, IPAddress objects) beside the Services and has to reconcile the two.

mod allocate;
mod network;

pub use allocate::{Allocation, InUse, plan};
pub use network::ServiceNetwork;
