//! The kubelet's https server: one listener for all nodes of the process.

mod access;
mod logs;
mod metrics;
mod pods;
mod routes;
mod serve;

pub use routes::{Nodes, router};
pub use serve::KubeletServer;
