//! Everything that knows openraft.
//!
//! [`types`] says what is replicated, [`log`] keeps it (in memory, and in the WAL where there is
//! one), [`machine`] applies it, [`network`] would carry it to other members, and [`tuning`] sets
//! the timers. Other modules see only what is re-exported here.

pub mod log;
pub mod machine;
pub mod network;
pub mod tuning;
pub mod types;

#[cfg(test)]
mod suite_test;
