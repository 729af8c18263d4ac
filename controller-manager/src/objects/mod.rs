//! The kinds that controllers read, as light types: just the fields they need. Pods and Nodes are
//! the `client` crate's.
//!
//! A typed k8s-openapi Deployment takes some 20 KB, each of its ReplicaSets as much, and these caches
//! hold all of them. Light types drop `managedFields` and kubectl's copy of the applied manifest, and keep a Pod
//! template as the bytes it came in. What has lost fields must never be PUT back: controllers write
//! patches, and whole objects only at creation.
//!
//! Rejected: metadata-only caches with a GET per reconcile (a rollout would read each Pod again for
//! each of its status changes).

mod kind;
mod lease;
mod pod;
mod service;
mod template;
mod workload;

pub use kind::Light;
pub use lease::Lease;
pub use pod::{Phase, PodExt};
pub use service::{Service, ServicePort};
pub use template::Template;
pub use workload::{Deployment, ReplicaSet, ReplicationController};
