//! The client's tests, in one binary.

mod cache;
mod events;
mod light;
mod queue;
mod script;
mod update;
