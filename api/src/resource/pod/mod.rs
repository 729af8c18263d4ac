//! Pods.

mod cells;
mod deletion;
mod strategy;

pub(super) use strategy::row;

use serde_json::Value;

use super::fields::text;

/// Init containers that keep running beside the others (sidecars).
pub(super) fn is_restartable_init(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}
