//! Admission: what happens to a write between authorization and storage.
//!
//! An ordered chain of small synchronous plug-ins. Each may change the object or refuse the
//! request; none waits. What they need of other objects they ask of a `Lister`, which answers from
//! caches that are as fresh as the caller makes them: the registry must give a namespace or a
//! service account that it has acknowledged to any client.
//!
//! The order is upstream's (namespace lifecycle first, so that nothing else is told of a missing
//! namespace), and mutating and validating plug-ins are not kept apart: each of them does both in
//! one call, and none undoes what an earlier one has checked.

mod certificate_approval;
mod certificate_signing;
mod certificate_subject;
mod chain;
mod default_toleration_seconds;
mod namespace_lifecycle;
mod node_restriction;
mod priority;
mod request;
mod service_account;
mod taint_nodes_by_condition;
#[cfg(test)]
mod testing;

pub use chain::admit;
pub use request::{Lister, Operation, Request};
