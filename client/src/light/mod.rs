//! Objects with just the fields that components read.
//!
//! Of a plain Deployment's running pod (1.8 KB of JSON) the typed k8s-openapi Pod takes 13.5 KB in
//! memory, this one 3.9 KB; [`Cache::start_pruned`](crate::Cache::start_pruned) takes away what a
//! consumer has no use for besides. Fields that are not here
//! are dropped while parsing, so a light object must never be written back with PUT: components
//! patch. Serialize exists for tests.

mod meta;
mod node;
mod pod;
mod resources;

pub use node::{DaemonEndpoint, DaemonEndpoints, Node, NodeSpec, NodeStatus};
pub use pod::{Container, ContainerPort, ContainerStatus, Pod, PodIp, PodSpec, PodStatus};
pub use resources::{Requirements, ResourceList};
