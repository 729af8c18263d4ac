//! The node agent: runs the pods that are bound to its node.

pub mod image;
pub mod pod;
pub mod probe;
pub mod runtime;
pub mod volume;
