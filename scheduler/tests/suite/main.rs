//! The scheduler's tests, in one binary.

mod filters;
mod messages;
mod preemption;
mod properties;
mod queue;
mod scores;
mod world;
