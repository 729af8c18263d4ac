//! core/v1 Events, counted as upstream counts them.
//!
//! `record` puts an event into a bounded queue and returns; one task correlates and writes. An
//! event is a hint to a human: when the queue is full, it is dropped and counted, never waited for.

mod bounded;
mod correlate;
mod recorder;

pub use recorder::{EventRecorder, EventType};
