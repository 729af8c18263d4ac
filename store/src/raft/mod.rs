//! Everything that knows openraft.
//!
//! [`types`] says what is replicated, [`log`] keeps it (in memory, and in the WAL where there is
//! one), [`machine`] applies it, [`network`] carries it to other members, [`waiters`] answers what
//! was proposed elsewhere, and [`tuning`] sets the timers. Other modules see only what is re-exported here.

pub mod log;
pub mod machine;
pub mod network;
pub mod tuning;
pub mod types;
pub mod waiters;

#[cfg(test)]
mod suite_test;
