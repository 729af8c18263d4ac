//! End-to-end tests: the `coracle` binary from outside, through stock kubectl and etcdctl.
//!
//! Each test starts clusters of its own on free ports of loopback, in a temporary data directory.
//! A test waits on a predicate, never for a time.

mod client;
mod cluster;
mod wait;

pub use client::{Answer, etcdctl, kubectl, run};
pub use cluster::{Cluster, Up, coracle};
pub use wait::{eventually, until};
