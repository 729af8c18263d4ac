//! The applied state's home on disk, written behind.
//!
//! ```text
//!  apply ──► mailbox (one slot: the latest state) ──► thread: wait a little → diff → one batch
//! ```
//!
//! Nothing waits for it and nothing depends on it: truth is the WAL and the snapshots. It saves
//! replaying at start what it already holds. The mailbox holds the latest state only, so a slow
//! disk makes for larger batches, never for a queue. Each batch carries the log id it reaches, so a
//! crash leaves a consistent earlier state. On any doubt (an error, a panic inside sled, a log id
//! that does not fit the WAL) the directory is wiped and written anew. Damage to any of its files
//! is such a doubt: see [`frames`] for what sled alone would not find.
//!
//! sled is behind [`Engine`], five methods, so that another store may take its place.

mod engine;
mod frames;
mod layout;
mod mailbox;
mod plan;
mod start;
mod thread;

pub use mailbox::{Mailbox, View};
pub use start::open;
pub use thread::{Behind, Home};

#[cfg(test)]
mod behind_test;
#[cfg(test)]
mod damage_test;
