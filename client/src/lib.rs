//! How components reach the API: a client over the in-process router (or https), shared caches of
//! light objects, a work queue, an event recorder.
//!
//! Thin, on kube. What it adds is what a small process needs and kube does not give: one cache per
//! kind that many consumers share, objects that hold only the fields a component reads, a queue
//! with client-go's semantics, and core/v1 Events counted as upstream counts them.

pub mod backoff;
pub mod cache;
mod connect;
pub mod event;
pub mod https;
mod key;
pub mod light;
pub mod queue;
mod update;

pub use cache::{Cache, Delta};
pub use connect::{Connector, connector, in_process};
pub use event::{EventRecorder, EventType};
pub use key::ObjectKey;
pub use queue::{RateLimit, WorkQueue, run_workers};
pub use update::{UpdateError, update_with_retry};
