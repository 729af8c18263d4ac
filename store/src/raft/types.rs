//! What is replicated, and in which terms.

use std::fmt;

use bytes::Bytes;
use openraft::impls::leader_id_std;
use openraft::vote::RaftLeaderId;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::reply::Reply;

/// An encoded [`crate::command::Command`] on its way through the log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal(pub Bytes);

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proposal({} bytes)", self.0.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The answer to a proposal, handed back in this process only.
#[derive(Debug)]
pub enum Answer {
    /// A blank or membership entry.
    None,
    /// What the command answered. `Err` is a refusal: the entry is applied all the same.
    Command(Result<Reply, Error>),
}

// openraft asks for serde so that answers could be forwarded. Ours stay on the member that
// proposed, where the client is.
impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("an answer does not leave its member"))
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("an answer does not leave its member"))
    }
}

/// A member as the replicated membership records it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberNode {
    pub name: String,
    pub peer_urls: Vec<String>,
    pub client_urls: Vec<String>,
    /// Added as a voter, and not one yet: it becomes one as soon as it is in sync. So adding a
    /// member never puts the quorum on one that has not even started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joining: bool,
}

impl fmt::Display for MemberNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.peer_urls)
    }
}

openraft::declare_raft_types!(
    /// The store's replication types. Leader ids are term-only, as etcd shows them.
    pub TypeConfig:
        D = Proposal,
        R = Answer,
        NodeId = u64,
        Node = MemberNode,
        Term = u64,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
);

pub type Entry = openraft::type_config::alias::EntryOf<TypeConfig>;
pub type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
pub type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
pub type Membership = openraft::Membership<u64, MemberNode>;
pub type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
pub type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;
pub type LeaderId = openraft::type_config::alias::LeaderIdOf<TypeConfig>;
pub type Flushed = openraft::storage::IOFlushed<TypeConfig>;

/// A log id of `term` and `index`.
pub fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(LeaderId::new(term, 0).to_committed(), index)
}

/// The term of a log id.
pub fn term_of(log_id: &LogId) -> u64 {
    **log_id.committed_leader_id()
}
