//! What members of one cluster say to each other, and how.
//!
//! ```text
//!  raft, proposals, reads ──► Links ──► dyn Peer ──(gRPC over mTLS | memory)──► Reception ──► raft
//! ```
//!
//! [`Links`] knows where each member is and whose word it carries ([`Card`]). A [`Peer`] is one
//! member reached over some [`Network`]: [`grpc`] over sockets, `memory` in tests. [`Reception`] is
//! the other end: it admits or refuses the caller, then answers.
//!
//! There are three kinds of calls: a stream of appends that is pipelined, a snapshot in pieces, and
//! questions. Rejected: one RPC method per question, which repeats each of them in the client, the
//! service, and every transport that a test brings.

mod card;
#[cfg(test)]
mod chaos_test;
#[cfg(test)]
mod cluster_test;
#[cfg(test)]
mod conformance_test;
mod forward;
mod grpc;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod hostile;
mod links;
#[cfg(test)]
mod members_test;
#[cfg(test)]
pub(crate) mod memory;
mod network;
mod pieces;
mod reception;
mod service;
#[cfg(test)]
mod strangers_test;
#[cfg(test)]
mod succession_test;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod wire;

pub use card::Card;
pub(crate) use card::REMOVED;
pub(crate) use forward::{Forwarder, Outcome};
pub(crate) use grpc::Sockets;
pub(crate) use links::{Link, Links};
#[cfg(feature = "simulation")]
pub use network::Peer;
pub use network::{Network, Responses};
pub(crate) use pieces::send as send_snapshot;
#[cfg(feature = "simulation")]
pub use reception::Reception;
pub(crate) use service::router;
