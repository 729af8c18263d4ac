//! Bundles: a certificate with what stands between it and a root that is trusted.

mod chains;
mod listener;
mod report;

pub(crate) use chains::{Flavor, Pools, bundle};
pub(crate) use listener::{Endpoint, presented_by};
