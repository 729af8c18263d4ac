//! The write-ahead log: one ordered stream of Raft's durable facts.
//!
//! ```text
//!  append ──► queue ──► writer thread:  drain → encode → one pwrite → one fdatasync → callbacks
//!                                         └─ a *group*: never split over segments
//! ```
//!
//! Entries, votes, truncations, purges and (as a hint) the commit pointer share the stream, so
//! their order on disk is the order in which Raft decided them. A member acknowledges nothing that
//! the WAL has not synced. Any write or sync error is final: the writer takes no more, and the
//! member fails.
//!
//! Files: `wal/<sequence>.wal`, preallocated, with zeros written ahead of the records. Each record
//! carries a checksum of its header and one of its body, both salted with the segment's own random
//! number and the record's offset, so that a left-over byte never validates, and the offset at
//! which its group began. A segment tells the random number of the one before, so that files of two
//! logs do not mix. Beside the log a small [`mark`] tells how far it is synced. These tell a torn
//! write from damage: see [`recovery`].
//!
//! Rejected: raft-engine (72 crates), a log on sled (a tenth of the speed), growing files (a
//! journal commit with each sync).

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod hostile;
mod mark;
mod probe;
mod record;
mod recovery;
mod replay;
mod segment;
mod stall;
mod sync_times;
mod writer;

pub use probe::WalProbe;
pub use record::Record;
pub use recovery::{WalError, recover};
pub use sync_times::SyncTimes;
pub use writer::{Done, FlushedCallback, Options, SEGMENT_BYTES, Wal};

#[cfg(test)]
mod damage_test;
#[cfg(test)]
mod wal_test;
