//! A histogram in powers of two, with the face that openraft uses of the crate of this name.
//!
//! openraft counts batch sizes whether anybody asks or not. The original precomputes sixteen scales of
//! lookup tables for that, 28 MiB of them and most of what an idle cluster would hold in memory.
//! Here a value's bucket is the number of its significant bits: 65 counters, no tables. Percentiles
//! are as coarse as that, which is all that batch sizes need.
//!
//! `[patch.crates-io]` in the workspace puts it in the original's place.

mod chart;
mod histogram;

pub use chart::AsciiChart;
pub use histogram::{Histogram, PercentileStats};
