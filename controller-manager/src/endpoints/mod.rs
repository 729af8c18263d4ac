//! Endpoints and EndpointSlices: which Pods stand behind a Service.
//!
//! `backends` decides which Pods of a Service count and what its ports are there; `subsets` and
//! `slices` arrange that in the two forms, each written by a controller of its own. Services without a
//! selector are left alone: their endpoints come from elsewhere.

mod backends;
mod follow;
mod slice_controller;
mod slices;
mod subset_controller;
mod subsets;

pub use slice_controller::run as run_slices;
pub use subset_controller::run as run_subsets;
