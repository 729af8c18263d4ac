//! Pods.

mod cells;
mod deletion;
mod qos;
mod strategy;
mod update;

pub(super) use strategy::row;

use serde_json::Value;

use super::fields::text;

/// Init containers that keep running beside the others (sidecars).
pub(super) fn is_restartable_init(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}
