//! The queue between caches and reconcilers, with client-go's semantics.
//!
//! A key that is queued twice is handled once; one that is added while it is handled is handled
//! again afterwards, and never by two workers at a time. A failing key waits 5 ms, 10 ms, … 1000 s.
//! Its length is bounded by the number of keys that exist: it holds no event, only names.

mod delay;
mod state;
mod work;
mod workers;

pub use delay::RateLimit;
pub use work::WorkQueue;
pub use workers::run_workers;
