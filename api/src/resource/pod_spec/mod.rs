//! The spec of a pod, in pods and in the templates of the kinds that make pods.

mod containers;
mod defaults;
mod env;
mod paths;
mod scheduling;
mod validate;
mod volumes;
mod warnings;

pub(super) use defaults::{default_requests, default_spec, default_template};
pub(super) use validate::validate;
pub(super) use warnings::warnings;
