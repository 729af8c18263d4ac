//! Objects with just the fields that components read.
//!
//! A typed k8s-openapi Pod takes 24 KB in memory; these take about one. Fields that are not here
//! are dropped while parsing, so a light object must never be written back with PUT: components
//! patch. Serialize exists for tests.

mod meta;
mod node;
mod pod;
mod resources;

pub use node::{DaemonEndpoint, DaemonEndpoints, Node, NodeSpec, NodeStatus};
pub use pod::{Container, ContainerPort, ContainerStatus, Pod, PodIp, PodSpec, PodStatus};
pub use resources::{Requirements, ResourceList};
