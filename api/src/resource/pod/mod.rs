//! Pods.

mod cells;
mod deletion;
mod qos;
mod strategy;
mod update;

pub(super) use strategy::row;
