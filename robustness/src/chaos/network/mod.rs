//! The network of a run: a namespace for each member, joined by a bridge in the run's own.
//!
//! ```text
//!   run's namespace: clients 10.97.0.1 on the bridge
//!        │         │         │
//!       veth      veth      veth
//!        │         │         │
//!   10.97.0.10 10.97.0.11 10.97.0.12     a namespace for each member
//! ```
//!
//! Partitions are routing rules where packets arrive: "from that address: drop". So they have a
//! direction, nobody is told (no reset, no unreachable), and connections that exist go silent too.
//! Slow links are token buckets, which delay what queues and drop what does not fit; both exist in
//! every kernel, unlike netem and nftables.

mod namespace;
mod wire;

pub use namespace::Namespace;
pub use wire::{Network, NetworkError, Node};
