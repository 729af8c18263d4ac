//! Delivers changes to watchers.
//!
//! One [`Hub`] per store. A watcher is either *synced* (the hub hands it each change as it is
//! applied) or *catching up* (a task of its own feeds it from history, because it started in the
//! past or its channel filled up). Applying never waits for a watcher: when a channel is full, the
//! watcher is moved to catching up.

mod catch_up;
mod hub;
mod index;
mod progress;

pub use hub::Hub;
pub use progress::Progress;

#[cfg(test)]
mod hub_test;
