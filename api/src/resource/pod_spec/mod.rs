//! The spec of a pod, in pods and in the templates of the kinds that make pods.

mod containers;
mod defaults;
mod env;
mod scheduling;
mod validate;
mod volumes;
mod warnings;

pub(super) use defaults::{default_requests, default_spec, default_template};
pub(super) use validate::validate;
pub(super) use warnings::warnings;

/// The lists that hold containers, in the order they are checked and printed.
pub(super) const CONTAINER_LISTS: [&str; 2] = ["containers", "initContainers"];

/// A path like `spec.containers[0]`.
fn indexed(path: &str, list: &str, index: usize) -> String {
    format!("{path}.{list}[{index}]")
}
