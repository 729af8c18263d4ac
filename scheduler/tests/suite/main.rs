//! The scheduler's tests, in one binary.

mod cluster;
mod fake;
mod filters;
mod messages;
mod peers;
mod placement;
mod preemption;
mod properties;
mod queue;
mod scores;
mod service;
mod spread;
mod world;
