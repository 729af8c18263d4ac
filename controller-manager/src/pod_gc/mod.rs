//! Pods that nobody else removes: bound to nodes that are gone, finished beyond a threshold, or
//! terminating without ever having had a node.

mod controller;
mod plan;

pub use controller::run;
