//! The spec of a pod, in pods and in the templates of the kinds that make pods.

mod containers;
mod defaults;
mod env;
mod scheduling;
mod validate;
mod volumes;

pub(super) use defaults::{default_host_ports, default_requests, default_spec, default_template};
pub(super) use scheduling::validate_tolerations;
pub(super) use validate::validate;

use serde_json::Value;

/// The lists that hold containers, in the order they are checked and printed.
pub(super) const CONTAINER_LISTS: [&str; 2] = ["containers", "initContainers"];

/// A path like `spec.containers[0]`.
fn indexed(path: &str, list: &str, index: usize) -> String {
    format!("{path}.{list}[{index}]")
}

/// The strings of a JSON array.
fn strings(values: &[Value]) -> impl Iterator<Item = &str> {
    values.iter().filter_map(Value::as_str)
}
