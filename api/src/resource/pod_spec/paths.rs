//! Where in a spec a fault is.

/// The lists that hold containers, in the order they are checked and printed.
pub(super) const CONTAINER_LISTS: [&str; 2] = ["containers", "initContainers"];

/// A path like `spec.containers[0]`.
pub(super) fn indexed(path: &str, list: &str, index: usize) -> String {
    format!("{path}.{list}[{index}]")
}
