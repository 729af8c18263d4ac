//! End-to-end tests: the `coracle` binary from outside, through stock kubectl and etcdctl.
//!
//! Each test starts clusters of its own on free ports of loopback, in a temporary data directory.
//! A test waits on a predicate, never for a time, and no wait is without an end. A cluster that runs
//! containers is held to leave nothing behind, by every test that starts one.

mod archive;
mod client;
mod cluster;
mod follow;
mod http;
mod node;
mod traces;
mod wait;

pub use archive::{Content, hello_program, write_oci};
pub use client::{Answer, etcdctl, kubectl, openssl, run};
pub use cluster::{Cluster, Up, coracle, give_to_nobody};
pub use follow::Follow;
pub use http::{Proxy, Response, get};
pub use node::Node;
pub use traces::{container_processes, shims, tag, traces};
pub use wait::{eventually, until};
