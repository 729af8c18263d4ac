//! What a store operation may refuse, in etcd's words.
//!
//! Clients match these texts to the letter, so they are written once, here. The gRPC services map
//! each to its status code.

use crate::auth::Refusal;
use crate::membership;

/// A refused or failed store operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted { compact_revision: i64 },
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision { current_revision: i64 },
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    #[error("etcdserver: key not found")]
    KeyNotFound,
    #[error("etcdserver: value is provided")]
    ValueProvided,
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    #[error("etcdserver: too many operations in txn request")]
    TooManyOps,
    #[error("etcdserver: request is too large")]
    RequestTooLarge,
    /// More requests wait for the disk than are kept waiting.
    #[error("etcdserver: too many requests")]
    TooManyRequests,
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    #[error("etcdserver: lease already exists")]
    LeaseExists,
    #[error("etcdserver: too large lease TTL")]
    LeaseTtlTooLarge,
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    #[error("etcdserver: corrupt cluster")]
    Corrupt,
    /// Refused for the sake of users and roles.
    #[error(transparent)]
    Auth(#[from] Refusal),
    #[error("etcdserver: no leader")]
    NoLeader,
    #[error("etcdserver: leader changed")]
    LeaderChanged,
    #[error("etcdserver: request timed out")]
    TimedOut,
    /// As it timed out, the leader had changed.
    #[error("etcdserver: request timed out, possibly due to previous leader failure")]
    TimedOutLeaderFailed,
    /// Refused for the sake of the cluster's members.
    #[error(transparent)]
    Membership(#[from] membership::Refusal),
    #[error("etcdserver: server stopped")]
    Stopped,
    /// The member's disk or Raft core failed; it accepts nothing more.
    #[error("store failed: {reason}")]
    Fatal { reason: String },
    /// A remote endpoint answered with something that is none of the above.
    #[error("{message}")]
    Remote { code: i32, message: String },
}
