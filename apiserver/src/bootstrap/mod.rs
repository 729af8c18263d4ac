//! The objects that a cluster has from its first moment.

mod objects;
mod run;

pub use run::{BootstrapError, keep, run};
