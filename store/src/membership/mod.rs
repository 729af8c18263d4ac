//! Who belongs to the cluster: ids, first starts, and changes at run time.
//!
//! [`ids`] are computed as etcd does, [`bootstrap`] finds out on the first start which cluster a
//! member founds or joins, [`rules`] says which changes are taken, and [`change`] makes them, on
//! the leader. Members are nodes of Raft's membership, so they are replicated, kept and restored
//! with it.
//!
//! A member that is added as a voter is a learner of Raft's until it is in sync, and is promoted
//! then without anyone asking (see [`crate::raft::types::MemberNode::joining`]). Clients see a
//! voter that is not started, as with etcd, where the quorum would count it from the first moment.

mod bootstrap;
mod change;
mod force;
pub(crate) mod ids;
mod refusal;
mod requests;
mod rules;

pub use ids::{cluster_id, member_id};
pub use refusal::Refusal;

pub(crate) use bootstrap::{Plan, founders_again, plan};
pub(crate) use force::stand_alone;
