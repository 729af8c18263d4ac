//! Lease time-keeping, apart from the replicated facts.
//!
//! Which leases exist and which keys they hold is replicated state ([`crate::mvcc::State`]). When a
//! lease runs out is known only to the leader, which keeps the deadlines here and proposes a revoke
//! for each that passes. Keep-alives move a deadline and cost no entry. After a restart or a change
//! of leader every lease gets its full TTL again, as in etcd without checkpoints.

mod deadlines;
mod keeper;

pub use keeper::Keeper;
