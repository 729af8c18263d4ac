//! The store's care of itself: what runs without anyone asking, and what there is to measure.
//!
//! Each concern is a pure decision, table-tested, and a small task that performs it. Nothing here
//! wakes a member that is idle and alone: tasks with an interval run only where they are
//! configured, all others wait to be told.

mod admission;
mod alarms;
mod auto_compaction;
mod checks;
mod compactor;
mod consistency;
mod defragment;
mod hashes;
mod measures;
mod proposals;
pub(crate) mod quota;
mod reclaim;
mod settings;
mod space;
mod stalled_disk;
mod start;

pub use hashes::KvHash;
pub use settings::*;

pub(crate) use measures::Measures;
pub(crate) use proposals::Proposals;
pub(crate) use space::Space;
pub(crate) use stalled_disk::disk_stalls;
pub(crate) use start::start;

#[cfg(test)]
mod care_test;
#[cfg(test)]
mod cluster_test;
